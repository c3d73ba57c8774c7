"""Files in storage under names of our choosing, written again without leaving a second one."""

from __future__ import annotations

import contextlib
import errno
import os
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

BEING_WRITTEN = ".being-written"
# No file takes so long to write: what is older was left by a process that was killed.
_LEFT_SECONDS = 24 * 60 * 60


def put_file(name: str, content: bytes) -> None:
    """Store bytes under exactly this name, in place of what is there; never half of them.

    On a file system they are written in a folder of their own first: what a killed process leaves there is
    seen by nobody, and deleted by whoever writes a day later.
    """
    try:
        path = Path(default_storage.path(name))
        aside = Path(default_storage.path(f"{BEING_WRITTEN}/{uuid.uuid4().hex}"))
    except NotImplementedError:
        _put_elsewhere(name, content)
        return
    for folder in (path.parent, aside.parent):
        folder.mkdir(parents=True, exist_ok=True)
    _delete_leftovers(aside.parent)
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _delete_leftovers(folder: Path) -> None:
    """Delete files that nobody has written at for a day; several processes may do so at once."""
    before = time.time() - _LEFT_SECONDS
    with os.scandir(folder) as entries:
        for entry in entries:
            # Another process was faster, or it is another user's: no reason not to store a file.
            with contextlib.suppress(OSError):
                if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < before:
                    os.unlink(entry.path)


def _put_elsewhere(name: str, content: bytes) -> None:
    """The same in storage that is no file system, where an object is there whole or not at all."""
    if default_storage.exists(name):
        default_storage.delete(name)
    saved = default_storage.save(name, ContentFile(content))
    if saved != name:
        # Another process stored the same thing in between, and storage gave ours another name.
        default_storage.delete(saved)


def delete_parts(names: Iterable[str]) -> None:
    """Delete the files of a folder under these names, and the folder if nothing else is in it.

    Safe to repeat. Something else is what a process wrote late whose claim had ended: it is nobody's concern.
    """
    folder = ""
    for name in names:
        default_storage.delete(name)
        folder = name.rpartition("/")[0]
    # Only a file system has folders.
    if not folder or not default_storage.exists(folder):
        return
    try:
        default_storage.delete(folder)
    except OSError as problem:
        if problem.errno != errno.ENOTEMPTY:
            raise


def read_file(name: str) -> bytes | None:
    """The bytes stored under a name; None where there are none."""
    try:
        with default_storage.open(name) as file:
            content: bytes = file.read()
    except FileNotFoundError:
        return None
    return content
