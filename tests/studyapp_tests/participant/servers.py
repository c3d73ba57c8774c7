"""Real server processes for the tests: gunicorn as the product starts it, on the test's database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its address and its master process."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it and its workers at once, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def database_url() -> str:
    """The URL of the database that the tests use now."""
    options = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{Path(str(options['NAME'])).resolve()}"
    who = f"{options['USER']}:{options['PASSWORD']}".rstrip(":")
    return f"postgres://{who}@{options['HOST']}:{options['PORT'] or 5432}/{options['NAME']}"


@contextmanager
def web_server(*, database: str, workers: int = 1) -> Iterator[Server]:
    """Gunicorn with the product's own configuration, on a free port; ends with everything it started."""
    call_command("collectstatic", interactive=False, verbosity=0)
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": database,
            "SECOND_LOOK_VAR": str(settings.VAR),
            "SECOND_LOOK_SECRET_KEY": settings.SECRET_KEY,
            "WEB_CONCURRENCY": str(workers),
        },
        start_new_session=True,
    )
    server = Server(f"http://127.0.0.1:{port}", process)
    try:
        _wait_until_it_answers(server)
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(server: Server) -> None:
    for _ in range(300):
        if server.process.poll() is not None:
            raise RuntimeError(f"the server ended with status {server.process.returncode} before it answered")
        try:
            urllib.request.urlopen(f"{server.url}/join/nobody/", timeout=5)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{server.url} did not answer within 30 s")
