"""Celery's messages as files of a folder, whole whenever a reader sees them.

kombu's transport opens a message under its last name and then writes it, and its reader moves whatever it
finds: on a busy machine that is an empty file, on which the worker ends. Here a message is written under a
name that no reader looks at and then renamed, and taken by a rename too, so that one reader only has it.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any
from uuid import uuid4

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """Messages named `<time>_<uuid>.<queue>.msg`; another ending is a message on its way in or out.

    `processed_folder` and `store_processed` are without effect: a message is gone once it is read.
    """

    # kombu itself calls the message by two names.
    def _put(self, queue: str, message: Any, **_: Any) -> None:  # type: ignore[override]
        """Add a message to `queue`. Raises OSError where the folder can not be written."""
        file = Path(self.data_folder_out) / f"{round(monotonic() * 1000)}_{uuid4()}.{queue}.msg"
        coming = file.with_name(f"{file.name}.coming")
        coming.write_text(dumps(message), encoding="utf-8")
        coming.rename(file)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Take the next message of `queue`; one that can not be read is set aside, not tried again.

        Raises: Empty where there is none.
        """
        for file in sorted(Path(self.data_folder_in).iterdir()):
            if file.name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = file.with_name(f"{file.name}.taken")
            try:
                file.rename(taken)
            except FileNotFoundError:
                # Another reader was faster.
                continue
            try:
                message = loads(taken.read_bytes())
            except ValueError as problem:
                aside = taken.rename(file.with_name(f"{file.name}.unreadable"))
                log.warning("a message can not be read (%s) and is set aside: %s", problem, aside)
                continue
            taken.unlink()
            return message
        raise Empty

    def get_table(self, exchange: str) -> Any:
        """Which queues an exchange has, never half-written."""
        with self._table_locked(exchange):
            return super().get_table(exchange)

    def _queue_bind(self, exchange: str, *binding: Any) -> None:
        with self._table_locked(exchange):
            super()._queue_bind(exchange, *binding)

    def _delete(self, queue: str, exchange: str, *binding: Any, **options: Any) -> None:
        with self._table_locked(exchange):
            super()._delete(queue, exchange, *binding, **options)

    @contextmanager
    def _table_locked(self, exchange: str) -> Iterator[None]:
        """One process at a time: kombu locks a table only after it has opened, and so emptied, it."""
        self.control_folder.mkdir(parents=True, exist_ok=True)
        with (self.control_folder / "lock").open("ab") as file:
            # Closing the file gives the lock back.
            fcntl.flock(file, fcntl.LOCK_EX)
            table = self._exchange_file(exchange)
            if table.exists() and not table.stat().st_size:
                # Its writer was killed between opening and writing it.
                table.unlink()
            yield


class Transport(filesystem.Transport):
    """The file transport with the channel above."""

    Channel = Channel

    @property
    def default_connection_params(self) -> dict[str, Any]:
        """None: a folder has no host, and kombu would warn that it takes one by itself."""
        return {}
