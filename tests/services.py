"""Servers and browsers that some tests need: where they are, and whether they answer."""

from __future__ import annotations

import getpass
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import redis


def postgres_server() -> str | None:
    """URL of a PostgreSQL database whose role may create others, or None where none answers."""
    url = os.environ.get("SECOND_LOOK_TEST_POSTGRES") or (
        f"postgres://{getpass.getuser()}@127.0.0.1:5432/postgres"
    )
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.OperationalError:
        return None
    return url


@contextmanager
def fresh_postgres_database(server: str) -> Iterator[str]:
    """URL of an empty database on that server, dropped afterwards."""
    name = f"second_look_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
    try:
        yield server.rsplit("/", 1)[0] + "/" + name
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'drop database if exists "{name}" with (force)')


def redis_number() -> int:
    """Number of the Redis database that tests may empty: 9 unless SECOND_LOOK_TEST_REDIS_NUMBER says."""
    return int(os.environ.get("SECOND_LOOK_TEST_REDIS_NUMBER") or 9)


def redis_server() -> str | None:
    """URL of the Redis database that tests may empty, or None where none answers."""
    server = os.environ.get("SECOND_LOOK_TEST_REDIS") or "redis://127.0.0.1:6379"
    url = f"{server}/{redis_number()}"
    try:
        redis.Redis.from_url(url, socket_connect_timeout=3).ping()
    except redis.RedisError:
        return None
    return url


def chromium_executable() -> str | None:
    """Path of a Chromium: named by SECOND_LOOK_CHROMIUM, on the path, or Playwright's own."""
    named = os.environ.get("SECOND_LOOK_CHROMIUM")
    if named:
        return named
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    browsers = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright")
    own = sorted(browsers.glob("chromium-*/chrome-linux*/chrome"))
    return str(own[-1]) if own else None
