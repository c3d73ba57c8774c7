"""The web server's shape: `gunicorn studyapp.wsgi`. Workers by WEB_CONCURRENCY, address by --bind or PORT."""

import os
from pathlib import Path

wsgi_app = "studyapp.wsgi:application"
# Two processes use two cores and outlive each other. Within one, threads wait for the database beside
# each other; more than a few only queue for the interpreter's lock and for SQLite's one writer.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = 4
# Participants answer every few seconds: their connections stay open between answers.
keepalive = 75
timeout = 60
graceful_timeout = 20
# The heartbeat files belong in memory; a slow disk must not look like a dead worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
# Operating is by signals; two servers of one account must not share a socket.
control_socket_disable = True
accesslog = None
errorlog = "-"


def post_worker_init(worker: object) -> None:
    """Load every address and template engine before the first visitor, who would wait for it."""
    from django.template import engines
    from django.urls import get_resolver

    _ = get_resolver().url_patterns
    engines.all()
