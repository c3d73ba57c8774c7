"""Where the tests find what is not part of the project, and what they say where it is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def missing(what: str) -> None:
    """Skip a test for want of `what`; with CI=true nothing may be skipped, so it fails there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and with CI=true nothing may be skipped.")
    pytest.skip(f"{what} is missing.")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of research data: SECOND_LOOK_SHARED_DATA, or ../shared/data beside the checkout."""
    folder = Path(os.environ.get("SECOND_LOOK_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        missing(f"The research data folder {folder} (set SECOND_LOOK_SHARED_DATA)")
    return folder
