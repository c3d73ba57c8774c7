"""Build the demo and serve it: what `make demo` runs."""

from __future__ import annotations

import os
import socket
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from studyapp.management.processes import Ended, ProcessTable, Stopped, python
from studyapp.management.research_command import TypedCommand

SERVER_PATIENCE = 60.0
WORKER_RESTARTS = 3


class Command(TypedCommand):
    """Migrates, starts a server and a worker, builds the demo, says where it is, and waits."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--data", default="", help="Folder of labelled images to build the demo from.")

    def handle(self, *_: Any, **options: Any) -> None:
        port: int = options["port"]
        data: str = options["data"]
        if data and not Path(data).is_dir():
            raise CommandError(f"DATA={data}: there is no such folder.")
        _refuse_taken_port(port)
        base_url = f"http://127.0.0.1:{port}"
        os.environ["SECOND_LOOK_BASE_URL"] = base_url
        with ProcessTable() as processes:
            try:
                self._serve(processes, port=port, base_url=base_url, data=data)
            except Stopped as reason:
                self.stdout.write(f"{reason} Stopping the server and the worker.")
            except Ended as ended:
                raise CommandError(
                    f"{ended} ended by itself; its log is in {Path(settings.VAR) / 'logs'}."
                ) from ended

    def _serve(self, processes: ProcessTable, *, port: int, base_url: str, data: str) -> None:
        logs = Path(settings.VAR) / "logs"
        for step in (("migrate", "--noinput", "-v0"), ("collectstatic", "--noinput", "-v0")):
            if processes.run(step[0], python("manage.py", *step)):
                raise CommandError(f"manage.py {step[0]} failed; what it printed is above.")
        processes.start(
            "server",
            python("-m", "gunicorn", "studyapp.wsgi", "-c", "gunicorn.conf.py", "-b", f"127.0.0.1:{port}"),
            log=logs / "server.log",
        )
        processes.start(
            "worker",
            python(
                *("-m", "celery", "-A", "studyapp.celery", "worker", "--beat", "--pool", "solo"),
                *("--queues", "default,gpu", "--loglevel", "INFO", "--hostname", "demo@%h"),
            ),
            log=logs / "worker.log",
            restarts=WORKER_RESTARTS,
        )
        self._wait_for_server(processes, base_url, logs / "server.log")
        if processes.run("demo", python("manage.py", "demo", *(("--data", data) if data else ()))):
            raise CommandError("The demo could not be built; what it printed is above.")
        self.stdout.write(f"\nLogs are in {logs}. Ctrl-C stops the server and the worker.")
        self.stdout.flush()
        processes.wait()

    def _wait_for_server(self, processes: ProcessTable, base_url: str, log: Path) -> None:
        deadline = time.monotonic() + SERVER_PATIENCE
        while time.monotonic() < deadline:
            processes.check()
            try:
                urllib.request.urlopen(f"{base_url}/health/", timeout=2).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return
        raise CommandError(f"The server did not answer within {SERVER_PATIENCE:.0f} seconds; {log} says why.")


def _refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}); choose another: make demo PORT={port + 1}"
            ) from error
