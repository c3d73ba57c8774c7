"""Who opens the pages; and files that these tests write stay out of the installation's own media."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client


@pytest.fixture(autouse=True)
def own_media(settings: Any, tmp_path: Path) -> Path:
    """A media folder for each test."""
    folder = tmp_path / "media"
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}
    return folder


@pytest.fixture
def alice(db: None, client: Client) -> Client:
    """A researcher."""
    client.force_login(get_user_model().objects.create_user("alice", is_staff=True))
    return client


@pytest.fixture
def bob(db: None) -> Client:
    """Somebody with an account who is no researcher."""
    client = Client()
    client.force_login(get_user_model().objects.create_user("bob"))
    return client
