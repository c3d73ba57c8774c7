"""Files of its own for each test, and eight attacked and explained pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studyapp.models import AttackRun
from tests.studyapp_tests.adversarial.attacked import attacked_halves


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> Path:
    """Media and caches apart from the installation's; the folder of the media."""
    settings.VAR = tmp_path
    folder = tmp_path / "media"
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}
    return folder


@pytest.fixture
def attack(tmp_path: Path, db: None) -> AttackRun:
    """An attack on eight pictures, explained in every way that `attacked.ARMS` need."""
    return attacked_halves(tmp_path)
