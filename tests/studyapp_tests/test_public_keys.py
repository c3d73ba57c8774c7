"""Names that objects bear in addresses, files and commands."""

from __future__ import annotations

import pytest

from studyapp.models import catalogue


def test_no_key_begins_with_a_hyphen(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["-taken-for-an-option", "-again", "kept"])
    monkeypatch.setattr(catalogue.secrets, "token_urlsafe", lambda size: next(drawn))
    assert catalogue.public_key() == "kept"


def test_keys_differ() -> None:
    assert len({catalogue.public_key() for _ in range(100)}) == 100
