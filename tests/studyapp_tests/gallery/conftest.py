"""Who opens the gallery, and a media folder of their own."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from tests.studyapp_tests.pages.conftest import own_media

__all__ = ["own_media"]


def staff(name: str, *permissions: str) -> Client:
    """A client of a staff member with these permissions."""
    user = get_user_model().objects.create_user(name, is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def alice(db: None) -> Any:
    """A researcher who may look and decide."""
    return staff("alice", "view_stimulus", "change_stimulus")
