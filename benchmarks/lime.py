"""LIME against the lime package's LimeImageExplainer: end to end, without the network, and in memory.

EfficientNet-Lite0, one photograph of imagenet-sample, CPU, two threads. Each side runs in a process of its
own, the sides alternate, and each side's best of the rounds counts. Both sides explain the five most probable
classes, with the same seed. On a machine with a CUDA device 16 photographs are explained there too.

python -m benchmarks.lime [--samples 1000] [--rounds 2]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.claims import Claim, not_measured, ratio_at_least, report, value_at_most
from benchmarks.lime_sides import CUDA_PICTURES, SIDES, THREADS
from benchmarks.predict import photographs

ROOT = Path(__file__).resolve().parent.parent

END = "LIME, one photograph from its file, n = {samples}, against LimeImageExplainer, masked pictures/s"
OWN = "LIME without the network, quickshift included, n = {samples}, against LimeImageExplainer, pictures/s"
CACHED = "LIME without the network, segments given, n = {samples}, against LimeImageExplainer, pictures/s"
SAME = "LIME weights for the same segments, masks and model, largest difference to the lime package"
GROWTH = "LIME, resident memory growth at n = {samples}"
ON_CUDA = (
    f"LIME of {CUDA_PICTURES} photographs on CUDA, n = {{samples}}, against bare forward passes, pictures/s"
)
TARGETS = {
    END: ">= 2.3",
    OWN: ">= 4",
    CACHED: ">= 12",
    SAME: "<= 1e-06",
    GROWTH: "<= 150 MB",
    ON_CUDA: "stated",
}
TOLERANCE = 1e-6


def main() -> None:
    """Run every side in a process of its own, round by round, and print the claims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--side", choices=SIDES, help="run one side only, for use by this script itself")
    parser.add_argument("--result", type=Path, help="where --side writes what it measured")
    arguments = parser.parse_args()
    files = photographs(CUDA_PICTURES)
    if files is None:
        report(
            not_measured(name.format(samples=arguments.samples), target=target)
            for name, target in TARGETS.items()
        )
    if arguments.side:
        arguments.result.write_text(json.dumps(SIDES[arguments.side](files, arguments.samples)))
        return
    report(_claims(arguments.samples, arguments.rounds))


def _claims(samples: int, rounds: int) -> list[Claim]:
    best: dict[str, dict[str, Any]] = {}
    for number in range(rounds):
        for side in ("lime", "ours", "lime-sums", "ours-sums"):
            found = _in_own_process(side, samples)
            print(f"round {number + 1}, {side}: {found}", file=sys.stderr, flush=True)
            known = best.setdefault(side, found)
            best[side] = {name: min(value, known[name]) for name, value in found.items()}
    same = _in_own_process("same-weights", samples)
    print(f"same weights: {same}, labels {best['ours']['label']}, {best['lime']['label']}", file=sys.stderr)

    def rates(claim: str, side: str, figure: str, target: float, *, also: bool = True) -> Claim:
        ours, theirs = best["ours" + side][figure], best["lime" + side][figure]
        name = claim.format(samples=samples)
        return ratio_at_least(name, ours=samples / ours, peer=samples / theirs, target=target, also=also)

    growth = _in_own_process("memory", samples)["megabytes"]
    return [
        rates(END, "", "seconds", 2.3, also=best["ours"]["label"] == best["lime"]["label"]),
        value_at_most(SAME, ours=same["difference"], target=TOLERANCE, also=same["same_segments"]),
        rates(OWN, "-sums", "seconds", 4.0),
        rates(CACHED, "-sums", "cached", 12.0),
        value_at_most(GROWTH.format(samples=samples), ours=growth, target=150, unit="MB"),
        _on_cuda(samples),
    ]


def _on_cuda(samples: int) -> Claim:
    """Written down, not held to a limit: the ratio is the share of time that forward passes take."""
    import torch

    name = ON_CUDA.format(samples=samples)
    if not torch.cuda.is_available():
        return not_measured(name, target=TARGETS[ON_CUDA])
    found = _in_own_process("cuda", samples)
    share = found["rate"] / found["forward_rate"]
    return Claim(name, found["rate"], found["forward_rate"], share, TARGETS[ON_CUDA], True, found["device"])


def _in_own_process(side: str, samples: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.lime", "--side", side, "--result", str(result)]
        command += ["--samples", str(samples)]
        environment = os.environ | {"OMP_NUM_THREADS": str(THREADS)}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stderr=subprocess.DEVNULL)
        measured: dict[str, Any] = json.loads(result.read_text())
        return measured


if __name__ == "__main__":
    main()
