"""Files in storage under names of our choosing, written again without leaving a second one."""

from __future__ import annotations

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage


def put_file(name: str, content: bytes) -> None:
    """Store bytes under exactly this name, in place of what a process that died may have left there."""
    if default_storage.exists(name):
        default_storage.delete(name)
    saved = default_storage.save(name, ContentFile(content))
    if saved != name:
        # Another process stored the same thing in between, and storage gave ours another name.
        default_storage.delete(saved)


def read_file(name: str) -> bytes | None:
    """The bytes stored under a name; None where there are none."""
    try:
        with default_storage.open(name) as file:
            content: bytes = file.read()
    except FileNotFoundError:
        return None
    return content
