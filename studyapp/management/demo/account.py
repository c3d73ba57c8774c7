"""The demo's administrator: a random password, drawn once and kept in the var folder."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth import get_user_model

USERNAME = "admin"


@dataclass(frozen=True, slots=True)
class Login:
    """What the newcomer types."""

    username: str
    password: str
    kept_in: Path


def demo_login(var: Path) -> Login:
    """The administrator's login; made at the first call, read back from `var` afterwards.

    Where the file was lost, a new password is set.
    """
    path = var / "demo-login.txt"
    users = get_user_model().objects
    user = users.filter(username=USERNAME).first()
    if user is not None and path.exists():
        return Login(USERNAME, path.read_text().splitlines()[1], path)
    password = secrets.token_urlsafe(12)
    if user is None:
        users.create_superuser(USERNAME, password=password)
    else:
        user.set_password(password)
        user.save()
    path.touch(mode=0o600)
    path.write_text(f"{USERNAME}\n{password}\n")
    os.chmod(path, 0o600)
    return Login(USERNAME, password, path)
