"""What `make demo` starts ends with it, whichever way it is asked to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

# A supervisor with one child that starts a grandchild; both ignore SIGINT, as daemons may.
SUPERVISOR = """
import contextlib, sys
from studyapp.management.processes import ProcessTable, Stopped, python

child = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGINT, signal.SIG_IGN);"
    "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "open(sys.argv[1], 'w').write(str(grandchild.pid)); time.sleep(600)"
)
with ProcessTable() as processes, contextlib.suppress(Stopped):
    processes.start("child", python("-c", child, sys.argv[1]))
    processes.wait()
"""
PATIENCE = 30.0


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def wait_for_pid(path: Path) -> int:
    deadline = time.monotonic() + PATIENCE
    while not (path.exists() and path.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return int(path.read_text())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
@pytest.mark.parametrize("background", [False, True], ids=["foreground", "background"])
def test_a_signal_ends_the_children_of_the_children(
    tmp_path: Path, number: signal.Signals, background: bool
) -> None:
    def as_a_shell_does() -> None:
        # A shell without job control starts background jobs with SIGINT ignored.
        signal.signal(signal.SIGINT, signal.SIG_IGN if background else signal.SIG_DFL)

    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path / "pid")],
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=as_a_shell_does,
    )
    grandchild = wait_for_pid(tmp_path / "pid")
    supervisor.send_signal(number)
    assert supervisor.wait(timeout=PATIENCE) == 0
    wait_until_gone(grandchild)


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux shows what make does with SIGINT"
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda one: one.name)
def test_a_signal_to_make_alone_ends_everything_below_it(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "supervisor.py").write_text(SUPERVISOR)
    (tmp_path / "Makefile").write_text(
        f"demo:\n\t@exec {sys.executable} {tmp_path}/supervisor.py {tmp_path}/pid\n"
    )
    make = subprocess.Popen(
        ["make", "-C", str(tmp_path), "demo"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        # The tests may themselves run in the background of a shell, with SIGINT ignored; a signal that
        # make ignores never reaches it, whatever stands in its Makefile.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    grandchild = wait_for_pid(tmp_path / "pid")
    make.send_signal(number)
    make.wait(timeout=PATIENCE)
    wait_until_gone(grandchild)


# A child that writes down each of its starts, then ends; beside it what the table runs to its end.
FRAGILE = """
import sys
from studyapp.management.processes import Ended, ProcessTable, python

lives, restarts = int(sys.argv[2]), int(sys.argv[3])
child = (
    "import sys, time; file = open(sys.argv[1], 'a+'); file.write('x'); file.flush(); file.seek(0);"
    "starts = len(file.read()); time.sleep(600 if starts > int(sys.argv[2]) else 0); sys.exit(7)"
)
built = (
    "import sys, time, pathlib; starts = pathlib.Path(sys.argv[1]);"
    "exec('while not starts.exists() or len(starts.read_text()) < int(sys.argv[2]): time.sleep(0.05)')"
)
with ProcessTable() as processes:
    processes.start("child", python("-c", child, sys.argv[1], str(lives)), restarts=restarts)
    try:
        print(processes.run("built", python("-c", built, sys.argv[1], str(lives + 1))))
    except Ended as ended:
        print(ended)
"""


def fragile(starts: Path, *, ends: int, restarts: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FRAGILE, str(starts), str(ends), str(restarts)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
    )


def test_a_child_that_ends_while_another_is_waited_for_is_started_again(tmp_path: Path) -> None:
    ran = fragile(tmp_path / "starts", ends=2, restarts=3)
    assert ran.stdout.split() == ["0"]
    assert (tmp_path / "starts").read_text() == "xxx"
    assert "child (exit status 7) ended by itself; it is started again (2 of 3)" in ran.stderr
    assert "(3 of 3)" not in ran.stderr


def test_a_child_that_always_ends_is_given_up_before_the_other_has_ended(tmp_path: Path) -> None:
    ran = fragile(tmp_path / "starts", ends=9, restarts=3)
    assert ran.stdout.strip() == "child (exit status 7)"
    assert (tmp_path / "starts").read_text() == "xxxx"
