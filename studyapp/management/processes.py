"""Processes that live and die together: a server, a worker and what builds the demo.

`make demo` must stop everything it started, on Ctrl-C and on SIGTERM, from a terminal or from the
background. Each child gets a process group of its own, so that one signal to the group reaches what
the child itself started (server workers, pool processes, the scheduler).
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

log = logging.getLogger(__name__)

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_EVERY = 0.2
GRACE = 10.0


class Stopped(Exception):
    """A signal asked for the end, or what started us is gone; its text says which."""


class Ended(Exception):
    """A child that should have lived on has ended by itself, more often than it was to be started again."""


@dataclass(slots=True)
class _Child:
    """A child process, how to start it again, and whether its end is what is waited for."""

    process: subprocess.Popen[bytes]
    command: Sequence[str]
    log: Path | None
    restarts: int
    restarts_left: int
    awaited: bool


class ProcessTable:
    """The children of this process; leaving the context stops every one of them."""

    def __init__(self) -> None:
        self._children: dict[str, _Child] = {}
        self._asked_to_stop = False
        self._parent = os.getppid()
        self._parent_caught = _catches(self._parent, signal.SIGINT)

    def __enter__(self) -> ProcessTable:
        # Set by hand: a shell that starts a job in the background leaves SIGINT ignored.
        for number in STOPPING:
            signal.signal(number, self._ask_to_stop)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()

    def start(self, name: str, command: Sequence[str], *, log: Path | None = None, restarts: int = 0) -> None:
        """Start `command`, and again, at most `restarts` times, where it ends by itself.

        Its output goes to `log`, or to ours where there is none.
        """
        process = _started(command, log)
        self._children[name] = _Child(process, command, log, restarts, restarts, awaited=False)

    def run(self, name: str, command: Sequence[str]) -> int:
        """Run `command` to its end and return its exit status.

        Raises: Stopped where a signal came first; Ended where another child ended meanwhile.
        """
        child = _Child(_started(command, None), command, None, 0, 0, awaited=True)
        self._children[name] = child
        while child.process.poll() is None:
            self.check()
            time.sleep(0.05)
        del self._children[name]
        return child.process.returncode

    def wait(self) -> NoReturn:
        """Wait until there is a reason to stop.

        Raises: Stopped where a signal came; Ended where a child ended by itself.
        """
        while True:
            self.check()
            time.sleep(LOOK_EVERY)

    def check(self) -> None:
        """Start children again that have ended.

        Raises: Stopped where a signal has come; Ended where a child is not to be started again.
        """
        self._look()
        for name, child in self._children.items():
            status = child.process.poll()
            if child.awaited or status is None:
                continue
            ended = f"{name} (exit status {status})"
            if not child.restarts_left:
                raise Ended(ended)
            child.restarts_left -= 1
            again = child.restarts - child.restarts_left
            log.warning("%s ended by itself; it is started again (%d of %d)", ended, again, child.restarts)
            # Whatever of its group outlived it.
            _signal_group(child.process.pid, signal.SIGKILL)
            child.process = _started(child.command, child.log)

    def stop_all(self) -> None:
        """Ask every child's group to end, and make it end after ten seconds."""
        for child in self._children.values():
            _signal_group(child.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for process in [child.process for child in self._children.values()]:
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process.pid, signal.SIGKILL)
                process.wait()
            # Whatever of its group outlived the child.
            _signal_group(process.pid, signal.SIGKILL)
        self._children.clear()

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._asked_to_stop = True

    def _look(self) -> None:
        orphaned = os.getppid() != self._parent
        # GNU make that gets SIGINT alone neither dies nor passes it on: it stops catching the signal
        # and waits for us. That change is all there is to see of it.
        made_to_stop = self._parent_caught and not _catches(self._parent, signal.SIGINT)
        if self._asked_to_stop or made_to_stop:
            raise Stopped("A signal asked for it.")
        if orphaned:
            raise Stopped("The shell or the make that started this has ended.")


def _started(command: Sequence[str], log: Path | None) -> subprocess.Popen[bytes]:
    if log is None:
        return subprocess.Popen(command, start_new_session=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _catches(pid: int, number: signal.Signals) -> bool:
    """Whether that process has a handler for the signal; False where /proc does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    for line in status.splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def python(*arguments: str) -> list[str]:
    """The command line of this Python with these arguments."""
    return [sys.executable, *arguments]
