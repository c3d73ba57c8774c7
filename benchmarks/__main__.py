"""Every benchmark, one after the other: `make bench`, or `python -m benchmarks NAME …` for some."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SHARED_PARTS = {"__init__", "__main__", "claims"}


def scripts() -> list[str]:
    """Names of the modules of this folder that report claims."""
    folder = Path(__file__).parent
    return sorted(
        path.stem
        for path in folder.glob("*.py")
        if path.stem not in SHARED_PARTS and "report(" in path.read_text()
    )


def main(names: list[str]) -> int:
    """Run each in a process of its own; 1 where any claim falls short."""
    failed = []
    for name in names or scripts():
        print(f"== {name}", flush=True)
        if subprocess.call([sys.executable, "-m", f"benchmarks.{name}"]):
            failed.append(name)
    if failed:
        print(f"Fell short or could not be measured: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
