"""Importing 924,810 answers on PostgreSQL: at most 120 s and 1 GiB resident.

`python -m benchmarks.import_answers` makes a database of its own on the server of DATABASE_URL, loads
the catalogue and ResNet-50's predictions by the product's commands, times `import_answers`, checks
what came of it, and drops the database.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import psycopg

from benchmarks.claims import Claim, not_measured, report, value_at_most
from benchmarks.reassessed_imagenet import RATINGS, ReassessedImagenet, convert, data_folder

SECONDS, MEBIBYTES = 120, 1024
TIME_CLAIM = "importing 924,810 answers (PostgreSQL)"
MEMORY_CLAIM = "importing 924,810 answers (PostgreSQL): resident memory"
ROOT = Path(__file__).resolve().parent.parent
PREPARE = (
    "import_dataset ilsvrc2012-val - --no-files --labels {catalogue} --classes imagenet",
    "add_classifier resnet50 --classes inference/imagenet_classes.csv",
    "import_predictions ilsvrc2012-val resnet50 {predictions}",
    "create_study protocols/misclassification.toml --dataset ilsvrc2012-val --classifier resnet50"
    " --name bench",
)


def main() -> None:
    """Measure in a fresh database; what is missing is a claim that does not hold."""
    server = os.environ.get("DATABASE_URL") or os.environ.get("SECOND_LOOK_TEST_POSTGRES") or ""
    source = data_folder() / "reassessed-imagenet"
    if not server.startswith("postgres") or not source.is_dir():
        print("needs DATABASE_URL=postgres://... and the reassessed-imagenet data", file=sys.stderr)
        report(
            [
                not_measured(TIME_CLAIM, target=f"<= {SECONDS} s"),
                not_measured(MEMORY_CLAIM, target=f"<= {MEBIBYTES} MiB"),
            ]
        )
    name = f"second_look_bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
    try:
        with tempfile.TemporaryDirectory() as folder:
            claims = _measure(Path(folder), source, server.rsplit("/", 1)[0] + "/" + name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'drop database if exists "{name}" with (force)')
    report(claims)


def _measure(folder: Path, source: Path, database: str) -> list[Claim]:
    files = convert(source=source, target=folder / "csv")
    environment = {**os.environ, "DATABASE_URL": database, "SECOND_LOOK_VAR": str(folder / "var")}
    _manage(environment, "migrate", "--verbosity", "0")
    for line in PREPARE:
        _manage(environment, *_filled(line, files))
    process = subprocess.Popen(
        [sys.executable, "manage.py", "import_answers", "bench", str(files.ratings), "--json"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    output = process.stdout.read()
    # The peak of this one child, not of every command before it.
    _, status, usage = os.wait4(process.pid, 0)
    summary = json.loads(output)
    right = (
        status == 0
        and summary["imported"] == summary["counted"] == RATINGS
        and summary["questions"] == 8_802
        and summary["pairs_outside"] == 176_160
    )
    return [
        value_at_most(TIME_CLAIM, ours=summary["seconds"], target=SECONDS, unit="s", also=right),
        value_at_most(MEMORY_CLAIM, ours=usage.ru_maxrss / 1024, target=MEBIBYTES, unit="MiB", also=right),
    ]


def _filled(line: str, files: ReassessedImagenet) -> list[str]:
    return line.format(catalogue=files.catalogue, predictions=files.predictions).split()


def _manage(environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
