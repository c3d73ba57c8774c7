"""Processes that live and die together: a server, a worker and what builds the demo.

`make demo` must stop everything it started, on Ctrl-C and on SIGTERM, from a terminal or from the
background. Each child gets a process group of its own, so that one signal to the group reaches what
the child itself started (server workers, pool processes, the scheduler).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_EVERY = 0.2
GRACE = 10.0


class Stopped(Exception):
    """A signal asked for the end, or what started us is gone."""


class ProcessTable:
    """The children of this process; leaving the context stops every one of them."""

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}
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

    def start(self, name: str, command: Sequence[str], *, log: Path | None = None) -> None:
        """Start `command`; its output goes to `log`, or to ours where there is none."""
        if log is None:
            self._children[name] = subprocess.Popen(command, start_new_session=True)
            return
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._children[name] = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    def run(self, name: str, command: Sequence[str]) -> int:
        """Run `command` to its end and return its exit status.

        Raises: Stopped where a signal came first.
        """
        self.start(name, command)
        child = self._children[name]
        while child.poll() is None:
            self._look()
            time.sleep(0.05)
        del self._children[name]
        return child.returncode

    def wait(self) -> str:
        """Wait until a child ends by itself, and return its name.

        Raises: Stopped where a signal came first.
        """
        while True:
            self._look()
            for name, child in self._children.items():
                if child.poll() is not None:
                    return f"{name} (exit status {child.returncode})"
            time.sleep(LOOK_EVERY)

    def alive(self, name: str) -> bool:
        """Whether the child of that name still runs."""
        return self._children[name].poll() is None

    def check(self) -> None:
        """Raise Stopped where a signal has come."""
        self._look()

    def stop_all(self) -> None:
        """Ask every child's group to end, and make it end after ten seconds."""
        for child in self._children.values():
            _signal_group(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for child in self._children.values():
            try:
                child.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(child.pid, signal.SIGKILL)
                child.wait()
            # Whatever of its group outlived the child.
            _signal_group(child.pid, signal.SIGKILL)
        self._children.clear()

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._asked_to_stop = True

    def _look(self) -> None:
        orphaned = os.getppid() != self._parent
        # GNU make that gets SIGINT alone neither dies nor passes it on: it stops catching the signal
        # and waits for us. That change is all there is to see of it.
        made_to_stop = self._parent_caught and not _catches(self._parent, signal.SIGINT)
        if self._asked_to_stop or orphaned or made_to_stop:
            raise Stopped


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
