"""Dawid-Skene on 924,810 public ratings against crowd-kit's, exactly 20 iterations on both sides.

    python -m benchmarks.dawid_skene

Each side runs in its own process, alternating; timed is the fit from a table in memory to posteriors.
crowd-kit comes from SECOND_LOOK_BENCH_PYTHON or .venv-bench/bin/python (`make bench` builds it).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import reassessed
from benchmarks.claims import Claim, not_measured, ratio_at_least, report, value_at_most
from studyapp.analysis.dawid_skene import dawid_skene
from studyapp.analysis.votes import Answers

ROOT = Path(__file__).resolve().parent.parent
ITERATIONS = 20
ROUNDS = 3
FASTER = "Dawid-Skene, 924,810 ratings, 20 iterations, fits per second against crowd-kit 1.4.2"
AGREES = "Dawid-Skene, 924,810 ratings, 20 iterations, largest difference of a posterior to crowd-kit 1.4.2"


def peer_interpreter() -> Path | None:
    """The interpreter that has crowd-kit, or None."""
    chosen = Path(os.environ.get("SECOND_LOOK_BENCH_PYTHON") or ROOT / ".venv-bench" / "bin" / "python")
    if not chosen.exists():
        return None
    found = subprocess.run([str(chosen), "-c", "import crowdkit"], check=False, capture_output=True)
    return chosen if found.returncode == 0 else None


def our_side(ratings: Path, posteriors: Path) -> None:
    """One fit in this process: read the table, time the fit, save the posteriors."""
    with np.load(ratings) as table:
        answers = Answers(
            question=table["question"],
            participant=table["participant"],
            value=table["value"],
            vocabulary=reassessed.VOCABULARY,
            questions=int(table["question"].max()) + 1,
            participants=int(table["participant"].max()) + 1,
        )
    # As many latent classes as answer values, which is the only model that crowd-kit has.
    classes = np.arange(len(reassessed.VOCABULARY))
    start = time.perf_counter()
    fitted = dawid_skene(answers, classes, iterations=ITERATIONS, tolerance=None)
    seconds = time.perf_counter() - start
    np.save(posteriors, fitted.posterior)
    print(json.dumps({"seconds": seconds, "iterations": fitted.iterations}))


def measure(data: Path, peer: Path) -> list[Claim]:
    """Both claims from `ROUNDS` alternating runs; each side's fastest run counts."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        answers = reassessed.ratings(data)
        table, ours, theirs = work / "ratings.npz", work / "ours.npy", work / "theirs.npy"
        np.savez(table, question=answers.question, participant=answers.participant, value=answers.value)
        our_command = [sys.executable, "-m", "benchmarks.dawid_skene", str(table), str(ours)]
        peer_script = str(ROOT / "benchmarks" / "dawid_skene_peer.py")
        peer_command = [str(peer), peer_script, str(table), str(theirs), str(ITERATIONS)]
        our_seconds, peer_seconds = [], []
        for _ in range(ROUNDS):
            our_seconds.append(_timed(our_command))
            peer_seconds.append(_timed(peer_command))
        difference = float(np.abs(np.load(ours) - np.load(theirs)).max())
    return [
        ratio_at_least(
            FASTER,
            ours=1 / min(our_seconds),
            peer=1 / min(peer_seconds),
            target=8,
            also=difference <= 1e-3,
        ),
        value_at_most(AGREES, ours=difference, target=1e-3),
    ]


def _timed(command: list[str]) -> float:
    output = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    answer = json.loads(output.strip().splitlines()[-1])
    if answer["iterations"] != ITERATIONS:
        raise RuntimeError(f"{command[0]} ran {answer['iterations']} iterations instead of {ITERATIONS}")
    return float(answer["seconds"])


def main() -> None:
    if len(sys.argv) == 3:
        our_side(Path(sys.argv[1]), Path(sys.argv[2]))
        return
    data, peer = reassessed.folder(), peer_interpreter()
    if data is None or peer is None:
        lacking = "the reassessed-imagenet data" if data is None else "crowd-kit (make bench installs it)"
        print(f"not measured: {lacking} is missing", file=sys.stderr)
        report([not_measured(FASTER, target=">= 8"), not_measured(AGREES, target="<= 0.001")])
    report(measure(data, peer))


if __name__ == "__main__":
    main()
