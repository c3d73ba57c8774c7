"""MMD-critic against the package mmd-critic 0.1.2, and its own growth in time and memory.

    python -m benchmarks.mmd_critic [--scale 1.0] [--rounds 3]

Both sides get the same float64 points and the same kernel width, pick 50 prototypes and 50 criticisms, and
run in processes of their own with two threads, alternating; each side's best round counts. Prototypes must be
the same; criticisms differ by definition (the package's regulariser is log k_ll). "Selection alone" starts
from a kernel matrix in memory, which the package is handed too. `--scale` shrinks the numbers of points.
The package comes from SECOND_LOOK_BENCH_PYTHON or .venv-bench/bin/python (`make bench` builds it).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.claims import Claim, not_measured, ratio_at_least, report, value_at_most

ROOT = Path(__file__).resolve().parent.parent
THREADS = 2
PICKS = 50
SELECTION = "50 + 50 of n = 10,000, d = 512, selection alone, per second against mmd-critic 0.1.2"
KERNEL = "50 + 50 of n = 5,000, d = 1,280, with the kernel, per second against mmd-critic 0.1.2"
MEMORY = "50 + 50 of n = 20,000, d = 512: growth of resident memory over the points"
GROWTH = "time from n = 5,000 to 20,000, d = 512: exponent of n"
TARGETS = {SELECTION: ">= 15", KERNEL: ">= 2", MEMORY: "<= 500 MB", GROWTH: "<= 2.2"}


def our_side(what: str, count: int, dimensions: int, sigma: float) -> None:
    """One selection in this process; prints seconds, prototypes and megabytes."""
    import torch

    from explain.kernels import MatrixKernel, rbf_kernel
    from explain.mmd_critic import select_criticisms, select_prototypes

    torch.set_num_threads(THREADS)
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(count, dimensions)))
    # The first product starts the threads.
    points[:64] @ points[:64].T
    gamma = None if what == "own" else 1 / (2 * sigma**2)
    peak = _PeakMemory()
    if what == "selection":
        kernel = rbf_kernel(points, gamma)
        matrix = MatrixKernel(torch.stack([kernel.row(index) for index in range(count)]))
        start = time.perf_counter()
        prototypes = select_prototypes(matrix, PICKS)
        select_criticisms(matrix, prototypes, PICKS, weight=1e-5)
    else:
        start = time.perf_counter()
        made = rbf_kernel(points, gamma).held()
        prototypes = select_prototypes(made, PICKS)
        select_criticisms(made, prototypes, PICKS, weight=1e-5)
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {"seconds": seconds, "prototypes": list(prototypes.indices), "megabytes": peak.growth_megabytes()}
        )
    )


class _PeakMemory:
    """The largest resident set since it was made, sampled a hundred times a second, less the first."""

    def __init__(self) -> None:
        self._start = self._peak = _resident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def growth_megabytes(self) -> float:
        self._ended.set()
        self._thread.join()
        return (max(self._peak, _resident()) - self._start) / 1e6

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self._peak = max(self._peak, _resident())


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peer_interpreter() -> Path | None:
    """The interpreter that has mmd-critic, or None."""
    chosen = Path(os.environ.get("SECOND_LOOK_BENCH_PYTHON") or ROOT / ".venv-bench" / "bin" / "python")
    if not chosen.exists():
        return None
    found = subprocess.run([str(chosen), "-c", "import mmd_critic"], check=False, capture_output=True)
    return chosen if found.returncode == 0 else None


def measure(peer: Path, *, scale: float, rounds: int) -> list[Claim]:
    """Every claim, sides alternating."""
    # -P: this folder's own mmd_critic must not stand before the package of that name.
    their_side = [str(peer), "-P", str(ROOT / "benchmarks" / "mmd_critic_peer.py")]

    def compared(what: str, count: int, dimensions: int) -> tuple[float, float, bool]:
        sigma = math.sqrt(dimensions)
        arguments = [what, str(round(count * scale)), str(dimensions)]
        ours, theirs, same = [], [], True
        for _ in range(rounds):
            mine = _ours(*arguments, str(sigma))
            other = _run([*their_side, *arguments, str(PICKS), str(sigma)])
            ours.append(float(mine["seconds"]))
            theirs.append(float(other["seconds"]))
            same = same and mine["prototypes"] == other["prototypes"]
        print(f"{what}: {ours} s against {theirs} s, same prototypes: {same}", file=sys.stderr)
        return 1 / min(ours), 1 / min(theirs), same

    alone = compared("selection", 10_000, 512)
    whole = compared("kernel", 5_000, 1_280)
    small = [_ours("own", str(round(5_000 * scale)), "512", "0") for _ in range(rounds)]
    large = [_ours("own", str(round(20_000 * scale)), "512", "0") for _ in range(rounds)]
    seconds = [min(float(each["seconds"]) for each in side) for side in (small, large)]
    print(f"n to 4 n: {seconds[0]:.2f} to {seconds[1]:.2f} s", file=sys.stderr)
    return [
        ratio_at_least(SELECTION, ours=alone[0], peer=alone[1], target=15, also=alone[2]),
        ratio_at_least(KERNEL, ours=whole[0], peer=whole[1], target=2, also=whole[2]),
        value_at_most(MEMORY, ours=max(float(each["megabytes"]) for each in large), target=500, unit="MB"),
        value_at_most(GROWTH, ours=math.log(seconds[1] / seconds[0], 4), target=2.2),
    ]


def _ours(*arguments: str) -> dict[str, Any]:
    return _run([sys.executable, "-m", "benchmarks.mmd_critic", "--side", *arguments])


def _run(command: list[str]) -> dict[str, Any]:
    environment = os.environ | {
        name: str(THREADS) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    }
    output = subprocess.run(
        command, check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ).stdout
    answer: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return answer


def main() -> None:
    """Run one side where asked to, else measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", nargs=4, metavar=("WHAT", "POINTS", "DIMENSIONS", "SIGMA"))
    arguments = parser.parse_args()
    if arguments.side:
        what, count, dimensions, sigma = arguments.side
        our_side(what, int(count), int(dimensions), float(sigma))
        return
    peer = peer_interpreter()
    if peer is None:
        print("not measured: mmd-critic is missing (make bench installs it)", file=sys.stderr)
        report(not_measured(name, target=target) for name, target in TARGETS.items())
    report(measure(peer, scale=arguments.scale, rounds=arguments.rounds))


if __name__ == "__main__":
    main()
