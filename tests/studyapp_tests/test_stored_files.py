"""Files under names of our choosing: replaced whole, and never half there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.core.files.storage import default_storage
from django.test import override_settings

from studyapp.services import stored_files
from studyapp.services.stored_files import BEING_WRITTEN, delete_parts, put_file, read_file


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}}
    with override_settings(STORAGES={"default": kept, "staticfiles": kept}):
        yield tmp_path


def test_a_file_is_replaced_under_its_own_name(folder: Path) -> None:
    put_file("a/b.npz", b"first")
    put_file("a/b.npz", b"second")
    assert read_file("a/b.npz") == b"second"
    assert default_storage.listdir("a") == ([], ["b.npz"])


def test_a_write_that_fails_leaves_what_was_there_and_no_piece(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_file("a/b.npz", b"first")

    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space"):
        put_file("a/b.npz", b"second")
    assert read_file("a/b.npz") == b"first"
    assert default_storage.listdir("a") == ([], ["b.npz"])


def left_behind(folder: Path, name: str, *, hours: float) -> Path:
    """What a killed process was writing so long ago."""
    path = folder / BEING_WRITTEN / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"half")
    then = time.time() - 3600 * hours
    os.utime(path, (then, then))
    return path


def test_what_a_killed_process_left_goes_after_a_day_and_nothing_else_does(folder: Path) -> None:
    old, young = left_behind(folder, "old", hours=25), left_behind(folder, "young", hours=23)
    inside = folder / BEING_WRITTEN / "somebodys"
    inside.mkdir()
    os.utime(inside, (0, 0))
    put_file("a/b.npz", b"whole")
    assert not old.exists()
    assert young.exists()
    assert inside.exists()
    assert read_file("a/b.npz") == b"whole"


def test_a_leftover_that_can_not_be_deleted_is_no_reason_not_to_store(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = left_behind(folder, "old", hours=25)

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as refusing:
        refusing.setattr(stored_files.os, "unlink", refuse)
        stored_files._delete_leftovers(folder / BEING_WRITTEN)
    assert old.exists()


def test_many_that_write_at_once_delete_the_same_leftovers_and_lose_nothing(folder: Path) -> None:
    old = [left_behind(folder, f"old-{number}", hours=48) for number in range(200)]
    writers = 8
    barrier = Barrier(writers)

    def write(number: int) -> None:
        barrier.wait()
        put_file(f"a/{number}.npz", b"whole %d" % number)

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    assert not any(path.exists() for path in old)
    assert [read_file(f"a/{number}.npz") for number in range(writers)] == [
        b"whole %d" % number for number in range(writers)
    ]
    assert not list((folder / BEING_WRITTEN).iterdir())


def test_parts_go_with_their_folder_and_again_after_a_kill_but_not_with_what_came_late(folder: Path) -> None:
    names = [f"a/parts/{number}.npz" for number in range(3)]
    for name in names:
        put_file(name, b"part")
    # As a process leaves it that was killed between two of them.
    default_storage.delete(names[0])
    delete_parts(names)
    assert not (folder / "a/parts").exists()
    delete_parts(names)
    put_file(names[1], b"part")
    put_file("a/parts/late.npz", b"part")
    delete_parts(names)
    assert default_storage.listdir("a/parts") == ([], ["late.npz"])
