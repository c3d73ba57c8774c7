"""Who opens the pages, and media of each test's own, as for the other pages."""

from pathlib import Path

import pytest

from studyapp.models import ProbeRun
from tests.studyapp_tests.pages.conftest import alice, bob, own_media
from tests.studyapp_tests.probes.finished import finished_probe

__all__ = ["alice", "bob", "own_media"]


@pytest.fixture
def run(tmp_path: Path) -> ProbeRun:
    """Image 0 of eight flips at hue 30 for alpha and at 30 and 180 for beta; 1 and 2 flip for alpha."""
    return finished_probe(tmp_path)
