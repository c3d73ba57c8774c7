"""Files under names of our choosing: replaced whole, and never half there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.test import override_settings

from studyapp.services.stored_files import delete_parts, put_file, read_file


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
