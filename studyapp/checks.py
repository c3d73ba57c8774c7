"""Django system checks: what is wrong with the settings is said at start, with the remedy."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from studyapp import environment

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
ENGINES = {"django.db.backends.sqlite3": "SQLite", "django.db.backends.postgresql": "PostgreSQL"}
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")
BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?")
BROKERS = ("redis://", "rediss://", "amqp://", "amqps://", "filesystem://", "sqs://")


@register
def settings_make_sense(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Everything wrong with the settings that the environment gives."""
    return [
        *base_url(settings.BASE_URL, debug=settings.DEBUG, hosts=settings.ALLOWED_HOSTS),
        *device(settings.DEVICE),
        *storage(environment.STORAGE.read()),
        *database(settings.DATABASES["default"]["ENGINE"]),
        *broker(environment.BROKER_URL.read()),
        *var_folder(settings.VAR),
        *claim_seconds(settings.CLAIM_SECONDS),
        *time_zone(settings.TIME_ZONE),
        *secret_key(settings.SECRET_KEY),
        *debug_switch(environment.DEBUG.read()),
    ]


def base_url(url: str, *, debug: bool, hosts: Sequence[str]) -> list[CheckMessage]:
    """The address that participants' links start with: whole, answered to, and never in debug abroad."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        return [
            Error(
                f"SECOND_LOOK_BASE_URL={url!r} is not the address of a site.",
                hint="Give scheme and host, such as https://study.example.org, without a query.",
                id="studyapp.E001",
            )
        ]
    found: list[CheckMessage] = []
    if parts.path:
        found.append(
            Error(
                f"SECOND_LOOK_BASE_URL={url!r} has a path, but pages are served from the root of a host.",
                hint=f"Give {parts.scheme}://{parts.netloc} and let a proxy forward that host.",
                id="studyapp.E002",
            )
        )
    if debug and host not in LOCAL_HOSTS:
        found.append(
            Error(
                f"SECOND_LOOK_DEBUG=1 while participants' links lead to {host}.",
                hint="Tracebacks show settings and answers: unset SECOND_LOOK_DEBUG where people answer.",
                id="studyapp.E003",
            )
        )
    if host not in LOCAL_HOSTS and not _answers_to(host, hosts):
        found.append(
            Error(
                f"SECOND_LOOK_BASE_URL leads to {host}, which SECOND_LOOK_ALLOWED_HOSTS does not name.",
                hint=f"Add {host} to SECOND_LOOK_ALLOWED_HOSTS: every participant would get an error page.",
                id="studyapp.E004",
            )
        )
    if parts.scheme == "http" and host not in LOCAL_HOSTS:
        found.append(
            Warning(
                f"SECOND_LOOK_BASE_URL={url!r} is not encrypted.",
                hint="Answers and researchers' passwords would travel in the open: use https://.",
                id="studyapp.W001",
            )
        )
    return found


def device(name: str) -> list[CheckMessage]:
    """The name of a device; whether it is there is seen only where networks run."""
    if DEVICE.fullmatch(name):
        return []
    return [
        Error(
            f"SECOND_LOOK_DEVICE={name!r} is not a device.",
            hint="Give auto, cpu, cuda, cuda:1 (a number) or mps.",
            id="studyapp.E005",
        )
    ]


def storage(place: str) -> list[CheckMessage]:
    """A bucket, or nothing for the var folder."""
    if not place or BUCKET.fullmatch(place):
        return []
    return [
        Error(
            f"SECOND_LOOK_STORAGE={place!r} is not a bucket.",
            hint="Give s3://bucket or s3://bucket/prefix, or leave it empty to keep files in the var folder.",
            id="studyapp.E006",
        )
    ]


def database(engine: str) -> list[CheckMessage]:
    """One of the two databases whose locking the slots were tested on."""
    if engine in ENGINES:
        return []
    return [
        Error(
            f"DATABASE_URL asks for {engine}.",
            hint="Use postgres:// or sqlite:///: on others nobody tested that N answers are exactly N.",
            id="studyapp.E007",
        )
    ]


def broker(url: str) -> list[CheckMessage]:
    """A broker that Celery knows, or nothing for files."""
    if not url or url.startswith(BROKERS):
        return []
    return [
        Error(
            f"CELERY_BROKER_URL={url!r} is not a broker.",
            hint="Give redis://host:6379/0, or leave it empty to keep messages in the var folder.",
            id="studyapp.E008",
        )
    ]


def var_folder(folder: Path) -> list[CheckMessage]:
    """A folder that can be written."""
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"SECOND_LOOK_VAR={str(folder)!r} is not a folder that can be written.",
            hint="Database, broker, media and logs live there: create it or give another.",
            id="studyapp.E009",
        )
    ]


def claim_seconds(length: float) -> list[CheckMessage]:
    """Long enough that a worker which still works can renew its claim."""
    if length >= 2:
        return []
    return [
        Error(
            f"SECOND_LOOK_CLAIM_SECONDS={length:g} ends claims of workers that are still at work.",
            hint="Give at least 2; the default is 120.",
            id="studyapp.E010",
        )
    ]


def time_zone(name: str) -> list[CheckMessage]:
    """A name of the time zone database."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return [
            Error(
                f"SECOND_LOOK_TIME_ZONE={name!r} is not a time zone.",
                hint="Give a name such as Europe/Berlin or UTC.",
                id="studyapp.E011",
            )
        ]
    return []


def secret_key(key: str) -> list[CheckMessage]:
    """Long enough that nobody guesses it: it signs links and keys pseudonyms."""
    if len(key) >= 32 and len(set(key)) >= 8:
        return []
    return [
        Error(
            f"SECOND_LOOK_SECRET_KEY has {len(key)} characters, {len(set(key))} of them different.",
            hint="Give at least 32 random characters, or leave it empty: one is drawn and kept.",
            id="studyapp.E012",
        )
    ]


def debug_switch(value: str) -> list[CheckMessage]:
    """0 or 1: "true" would silently mean off."""
    if value in ("0", "1"):
        return []
    return [
        Error(
            f"SECOND_LOOK_DEBUG={value!r} is neither 0 nor 1.",
            hint="Give 1 to show tracebacks in the browser, 0 otherwise.",
            id="studyapp.E013",
        )
    ]


def _answers_to(host: str, allowed: Sequence[str]) -> bool:
    return any(
        pattern == "*"
        or pattern.lower() == host
        or (pattern.startswith(".") and (host == pattern[1:].lower() or host.endswith(pattern.lower())))
        for pattern in allowed
    )
