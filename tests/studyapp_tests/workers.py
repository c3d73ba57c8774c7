"""Real Celery workers beside a test, on the test's database, in a process group that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import redis
from django.db import connection

from tests import services
from tests.conftest import ROOT, missing


def redis_url() -> str:
    """The Redis database that tests may empty, emptied; the test is skipped where there is none."""
    url = services.redis_server()
    if url is None:
        missing("A Redis server (set SECOND_LOOK_TEST_REDIS, such as redis://127.0.0.1:6379)")
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


def database_url() -> str:
    """The address of the database that this test runs on."""
    named = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{named['NAME']}"
    user, password = quote(str(named["USER"])), quote(str(named["PASSWORD"] or ""))
    host, port = quote(str(named["HOST"]), safe=""), named["PORT"] or 5432
    return f"postgres://{user}{':' + password if password else ''}@{host}:{port}/{named['NAME']}"


def process_environment(folder: Path, broker: str) -> Mapping[str, str]:
    """The environment of our processes on the test's database, with their own files and broker."""
    return {
        **os.environ,
        "SECOND_LOOK_VAR": str(folder),
        "DATABASE_URL": database_url(),
        "CELERY_BROKER_URL": broker,
        "OMP_NUM_THREADS": "1",
    }


class Worker:
    """`celery worker` with the tests' own jobs; ends with the `with` block."""

    def __init__(self, folder: Path, broker: str = "") -> None:
        self._log = (folder / "worker.log").open("ab")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "studyapp.celery", "worker"),
                *("--pool", "solo", "--include", "tests.studyapp_tests.toy_jobs"),
                *("--without-gossip", "--without-mingle", "--loglevel", "INFO"),
            ],
            cwd=ROOT,
            env=dict(process_environment(folder, broker)),
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def kill(self) -> None:
        """SIGKILL to the worker and whatever it has started: nothing gets a chance to tidy up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        self._log.close()


def wait_until(condition: Callable[[], bool], *, seconds: float = 240.0, what: str) -> None:
    """Wait for `condition`; fail with `what` was waited for when it does not come."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.05)
