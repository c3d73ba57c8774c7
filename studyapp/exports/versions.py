"""What computed the tables: this code and the libraries it used."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

LIBRARIES = ("django", "numpy", "scipy", "statsmodels", "krippendorff", "matplotlib", "pillow")
ROOT = Path(__file__).resolve().parent.parent.parent


def versions() -> dict[str, str]:
    """Name and version of the code, Python and every library that has a part in results."""
    found = {"second-look": code_version(), "python": platform.python_version()}
    return found | {name: metadata.version(name) for name in LIBRARIES}


@cache
def code_version() -> str:
    """The commit that is checked out, "+changes" where files differ from it; "unknown" outside a checkout."""
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+changes"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return run.stdout.strip()
