"""The web server's shape: `gunicorn studyapp.wsgi`. Workers by WEB_CONCURRENCY, address by --bind or PORT."""

import os
from pathlib import Path

wsgi_app = "studyapp.wsgi:application"
# Processes rather than threads: a page makes many short queries, and after each of them a thread waits
# up to 5 ms for the interpreter's lock if another is busy.
# So each process has one, and a researcher's long page leaves three for the participants.
workers = int(os.environ.get("WEB_CONCURRENCY", "4"))
worker_class = "gthread"
threads = 1
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
