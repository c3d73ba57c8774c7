"""Messages in a folder: whole or not there, each read once, an unreadable one set aside."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection

from tests.conftest import ROOT

WRITERS, READERS, MESSAGES = 2, 2, 400
# One connection, as a process of ours has it; the last line of standard input starts all at once.
BEGIN = """
import sys
from pathlib import Path
from queue import Empty
from kombu import Connection

folder, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
options = {
    "data_folder_in": folder, "data_folder_out": folder, "control_folder": folder + "/control",
    "polling_interval": 0.001,
}
ours = "studyapp.file_broker:Transport"
connection = Connection("filesystem://", transport=ours, transport_options=options)
sys.stdin.readline()
queue = connection.SimpleQueue("default")
"""
WRITE = BEGIN + "for number in range(count):\n    queue.put({'text': f'{name}-{number}' + 'x' * 9000})\n"
READ = (
    BEGIN
    + """
while True:
    all_written = (Path(folder) / "all-written").exists()
    try:
        message = queue.get(timeout=0.05)
    except Empty:
        if all_written:
            break
        continue
    print(message.payload["text"].rstrip("x"), flush=True)
    message.ack()
"""
)


@pytest.fixture
def name(tmp_path: Path) -> str:
    """A queue of each test's own: kombu keeps in mind which ones this process has bound, in any folder."""
    return tmp_path.name


def folders(folder: Path) -> dict[str, str]:
    (folder / "control").mkdir(exist_ok=True)
    return {
        "data_folder_in": str(folder),
        "data_folder_out": str(folder),
        "control_folder": str(folder / "control"),
    }


def queue_in(folder: Path, name: str) -> Any:
    connection = Connection(
        "filesystem://", transport="studyapp.file_broker:Transport", transport_options=folders(folder)
    )
    return connection.SimpleQueue(name)


def messages(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if ".msg" in path.name)


def process(script: str, folder: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder), name, str(MESSAGES)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_without_another_broker_celery_takes_this_one(tmp_path: Path) -> None:
    script = "from studyapp.celery import app; print(type(app.connection_for_read().transport).__module__)"
    said = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "SECOND_LOOK_VAR": str(tmp_path), "CELERY_BROKER_URL": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["studyapp.file_broker"]


@pytest.mark.parametrize(
    "written", [b"", b'{"body": "half of', b"\xff\xfe"], ids=["empty", "half", "no text"]
)
def test_what_can_not_be_read_is_set_aside_and_the_next_message_comes(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture, written: bytes
) -> None:
    queue = queue_in(tmp_path, name)
    (tmp_path / f"0_first.{name}.msg").write_bytes(written)
    queue.put({"job": 7})
    with caplog.at_level(logging.WARNING):
        assert queue.get(timeout=10).payload == {"job": 7}
    assert f"0_first.{name}.msg.unreadable" in caplog.text
    assert messages(tmp_path) == [f"0_first.{name}.msg.unreadable"]
    with pytest.raises(Empty):
        queue.get(timeout=0.01)


def test_a_message_on_its_way_is_neither_read_nor_counted_nor_purged(tmp_path: Path, name: str) -> None:
    queue = queue_in(tmp_path, name)
    (tmp_path / f"0_first.{name}.msg.coming").touch()
    assert queue.qsize() == 0
    with pytest.raises(Empty):
        queue.get(timeout=0.01)
    queue.put({"job": 7})
    assert queue.qsize() == 1
    assert queue.clear() == 1
    assert messages(tmp_path) == [f"0_first.{name}.msg.coming"]


def test_an_exchange_whose_table_was_never_written_is_bound_anew(tmp_path: Path, name: str) -> None:
    folders(tmp_path)
    (tmp_path / "control" / f"{name}.exchange").touch()
    queue = queue_in(tmp_path, name)
    queue.put({"job": 7})
    assert queue.get(timeout=10).payload == {"job": 7}


def test_readers_and_writers_that_race_lose_no_message_and_read_none_twice(tmp_path: Path) -> None:
    folders(tmp_path)
    writers = [process(WRITE, tmp_path, f"writer{number}") for number in range(WRITERS)]
    readers = [process(READ, tmp_path, f"reader{number}") for number in range(READERS)]
    for each in (*readers, *writers):
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    # Read beside waiting: what a reader prints may be more than its pipe holds.
    for writer in writers:
        writer.communicate(timeout=240)
    (tmp_path / "all-written").touch()
    read = [line for reader in readers for line in reader.communicate(timeout=240)[0].split()]
    assert [each.returncode for each in (*readers, *writers)] == [0] * (READERS + WRITERS)
    assert sorted(read) == sorted(f"writer{a}-{b}" for a in range(WRITERS) for b in range(MESSAGES))
    assert messages(tmp_path) == []


def test_a_folder_needs_no_host_and_none_is_missed(caplog: pytest.LogCaptureFixture) -> None:
    Connection("filesystem://", transport="studyapp.file_broker:Transport").info()
    assert caplog.records == []
