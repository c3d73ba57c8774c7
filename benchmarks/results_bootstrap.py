"""The statistics of `results` with 2,000 bootstrap draws on 924,810 public ratings: time and memory.

    python -m benchmarks.results_bootstrap

The pure part: from arrays in memory to every table. (Reading the rows from the database is measured with
the `results` command.) Runs in a process of its own, whose peak resident memory includes the data.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import reassessed
from benchmarks.claims import not_measured, report, value_at_most
from studyapp.analysis.study_results import analyse

ROOT = Path(__file__).resolve().parent.parent
DRAWS = 2000
SECONDS = "statistics of results, 924,810 answers, 2,000 bootstrap draws, seconds"
MEMORY = "statistics of results, 924,810 answers, 2,000 bootstrap draws, peak resident GiB"
EXPECTED = 0.25096


def measured_side() -> None:
    """One analysis in this process; prints seconds, peak GiB and the rectified error."""
    data = reassessed.folder()
    if data is None:
        raise SystemExit("the reassessed-imagenet data is missing")
    evidence = reassessed.study(data)
    start = time.perf_counter()
    results = analyse(evidence, rng=np.random.default_rng(0), draws=DRAWS)
    seconds = time.perf_counter() - start
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
    error = results.classifiers[0].rectified_top1_error
    print(json.dumps({"seconds": seconds, "gib": peak, "error": error}))


def main() -> None:
    if sys.argv[1:] == ["--measured-side"]:
        measured_side()
        return
    if reassessed.folder() is None:
        print("not measured: the reassessed-imagenet data is missing", file=sys.stderr)
        report([not_measured(SECONDS, target="<= 15 s"), not_measured(MEMORY, target="<= 2 GiB")])
    command = [sys.executable, "-m", "benchmarks.results_bootstrap", "--measured-side"]
    output = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    measured = json.loads(output.strip().splitlines()[-1])
    right = measured["error"] == EXPECTED
    report(
        [
            value_at_most(SECONDS, ours=measured["seconds"], target=15, unit="s", also=right),
            value_at_most(MEMORY, ours=measured["gib"], target=2, unit="GiB", also=right),
        ]
    )


if __name__ == "__main__":
    main()
