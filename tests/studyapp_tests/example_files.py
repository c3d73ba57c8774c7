"""Where tests of features and examples keep files: a folder of their own, as a process beside them does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings


def storages_in(folder: Path) -> dict[str, Any]:
    """The setting STORAGES with everything in `folder`, which is `media` under a process's own folder."""
    return {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder)},
        },
    }
