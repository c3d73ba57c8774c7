"""`results` with 2,000 bootstrap draws on the 924,810 public ratings: at most 15 s and 2 GiB.

`python -m benchmarks.results` loads the ratings by the product's own commands (on the server of
DATABASE_URL if that is PostgreSQL, else into SQLite), then times the whole command from its start to its
exit, with nothing kept from an earlier run, and checks the published numbers in what it printed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import closing
from pathlib import Path

import psycopg

from benchmarks.claims import Claim, not_measured, report, value_at_most
from benchmarks.import_answers import PREPARE
from benchmarks.reassessed_imagenet import ReassessedImagenet, convert, data_folder

SECONDS, MEBIBYTES = 15, 2048
TIME_CLAIM = "`results` with 2,000 bootstrap draws on 924,810 answers"
MEMORY_CLAIM = "`results` with 2,000 bootstrap draws on 924,810 answers: resident memory"
ROOT = Path(__file__).resolve().parent.parent
# Science.md, section 1, "public data to check against".
POSITIVE_ANSWERS = [4959, 1342, 810, 605, 536, 550]
ANSWERS = (
    "import_answers bench {ratings}",
    "import_answers bench {experts} --gold",
    "import_answers bench {golden} --gold-answers",
)


def main() -> None:
    """Measure in a fresh database; what is missing is a claim that does not hold."""
    source = data_folder() / "reassessed-imagenet"
    if not source.is_dir():
        print("needs the reassessed-imagenet data", file=sys.stderr)
        report(
            [
                not_measured(TIME_CLAIM, target=f"<= {SECONDS} s"),
                not_measured(MEMORY_CLAIM, target=f"<= {MEBIBYTES} MiB"),
            ]
        )
    server = os.environ.get("DATABASE_URL", "")
    with tempfile.TemporaryDirectory() as folder:
        if not server.startswith("postgres"):
            report(_measure(Path(folder), source, ""))
        name = f"second_look_bench_{uuid.uuid4().hex[:8]}"
        with closing(psycopg.connect(server, autocommit=True)) as connection:
            connection.execute(f'create database "{name}"')
            try:
                claims = _measure(Path(folder), source, server.rsplit("/", 1)[0] + "/" + name)
            finally:
                connection.execute(f'drop database if exists "{name}" with (force)')
    report(claims)


def _measure(folder: Path, source: Path, database: str) -> list[Claim]:
    files = convert(source=source, target=folder / "csv")
    environment = {**os.environ, "DATABASE_URL": database, "SECOND_LOOK_VAR": str(folder / "var")}
    _manage(environment, "migrate", "--verbosity", "0")
    for line in (*PREPARE, *ANSWERS):
        _manage(environment, *_filled(line, files))
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "results", "bench", "--json"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    output = process.stdout.read()
    # The peak of this one child, not of every command before it.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    right = status == 0 and _right(json.loads(output)["tables"])
    return [
        value_at_most(TIME_CLAIM, ours=seconds, target=SECONDS, unit="s", also=right),
        value_at_most(MEMORY_CLAIM, ours=usage.ru_maxrss / 1024, target=MEBIBYTES, unit="MiB", also=right),
    ]


def _right(tables: dict[str, object]) -> bool:
    """Whether the published numbers came out, with the draws that the claim is about."""
    rows, facts, agreement = tables["rectified_error"], tables["study"], tables["reliability"]
    assert isinstance(rows, list)
    assert isinstance(facts, dict)
    assert isinstance(agreement, dict)
    (row,) = rows
    found = (
        row["standard_top1_error"] == 0.27268
        and row["rectified_top1_error"] == 0.25096
        and row["positive_answers"] == POSITIVE_ANSWERS
        and round(agreement["fleiss_kappa"], 5) == 0.49333
        and facts["bootstrap_draws"] == 2000
    )
    if not found:
        print(json.dumps({"row": row, "reliability": agreement}, indent=1), file=sys.stderr)
    return bool(found)


def _filled(line: str, files: ReassessedImagenet) -> list[str]:
    return line.format(
        catalogue=files.catalogue,
        predictions=files.predictions,
        ratings=files.ratings,
        experts=files.experts,
        golden=files.golden_ratings,
    ).split()


def _manage(environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
