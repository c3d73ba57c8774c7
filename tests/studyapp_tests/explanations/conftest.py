"""Datasets, classifiers and files of its own for each test of explanations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studyapp.models import Classifier, Dataset
from tests.studyapp_tests.explanations.halves import make_halves


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> Path:
    """Media and caches apart from the installation's; the folder of the media."""
    settings.VAR = tmp_path / "var"
    folder = tmp_path / "var" / "media"
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}
    return folder


@pytest.fixture
def compare(tmp_path: Path, db: None) -> tuple[Dataset, Classifier]:
    """Eight pictures and the network that compares their halves."""
    return make_halves(tmp_path)
