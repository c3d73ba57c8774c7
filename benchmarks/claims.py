"""One line of JSON per claim, and an exit status that says whether every claim holds."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn


@dataclass(frozen=True, slots=True)
class Claim:
    """One measured statement. `ours`, `peer` and `ratio` are None where nothing was measured."""

    claim: str
    ours: float | None
    peer: float | None
    ratio: float | None
    target: str
    holds: bool
    device: str

    def line(self) -> str:
        """The claim as one JSON line, figures rounded to six significant digits."""
        return json.dumps(
            {
                "claim": self.claim,
                "ours": _rounded(self.ours),
                "peer": _rounded(self.peer),
                "ratio": _rounded(self.ratio),
                "target": self.target,
                "holds": self.holds,
                "device": self.device,
            },
            ensure_ascii=False,
        )


def ratio_at_least(
    claim: str, *, ours: float, peer: float, target: float, also: bool = True, device: str | None = None
) -> Claim:
    """`ours / peer >= target`: for rates. `also` is a condition of correctness that must hold too."""
    ratio = ours / peer if peer else math.inf
    holds = ratio >= target and also
    return Claim(claim, ours, peer, ratio, f">= {target:g}", holds, device or this_device())


def ratio_at_most(
    claim: str, *, ours: float, peer: float, target: float, also: bool = True, device: str | None = None
) -> Claim:
    """`ours / peer <= target`: for times of ours against a floor."""
    ratio = ours / peer if peer else math.inf
    holds = ratio <= target and also
    return Claim(claim, ours, peer, ratio, f"<= {target:g}", holds, device or this_device())


def value_at_most(
    claim: str, *, ours: float, target: float, unit: str = "", also: bool = True, device: str | None = None
) -> Claim:
    """`ours <= target`: an absolute limit without a peer (seconds, bytes, lost rows)."""
    wanted = f"<= {target:g} {unit}".strip()
    return Claim(claim, ours, None, None, wanted, ours <= target and also, device or this_device())


def not_measured(claim: str, *, target: str, device: str | None = None) -> Claim:
    """A claim that could not be measured here; it does not hold."""
    return Claim(claim, None, None, None, target, False, device or this_device())


def report(claims: Iterable[Claim]) -> NoReturn:
    """Print every claim on its own line and exit: 0 if all hold, 1 if any falls short or there are none."""
    collected = list(claims)
    for claim in collected:
        print(claim.line(), flush=True)
    sys.exit(0 if collected and all(claim.holds for claim in collected) else 1)


def this_device() -> str:
    """Processor and number of usable cores, for example "Intel(R) Xeon(R) Processor, 2 cores"."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{_processor()}, {cores} cores"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _rounded(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")
