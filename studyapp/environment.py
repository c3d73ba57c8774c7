"""Every setting that the environment may give: name, default and meaning, in one place.

`docs/settings.md` documents this table and a test holds the two equal.
"""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EnvironmentSetting:
    """One environment variable that Second Look reads."""

    name: str
    default: str
    meaning: str

    def read(self) -> str:
        """The value in the environment, else the default."""
        return os.environ.get(self.name, self.default)


VAR = EnvironmentSetting(
    "SECOND_LOOK_VAR", "var", "Folder for everything that is not code: database, broker, media, logs, caches."
)
DATABASE_URL = EnvironmentSetting(
    "DATABASE_URL",
    "",
    "Database, such as `postgres://user:password@host/name`. Empty: SQLite in the var folder.",
)
BROKER_URL = EnvironmentSetting(
    "CELERY_BROKER_URL", "", "Broker, such as `redis://host:6379/0`. Empty: files in the var folder."
)
STORAGE = EnvironmentSetting(
    "SECOND_LOOK_STORAGE",
    "",
    "Where stimuli and exports are kept, such as `s3://bucket/prefix`. Empty: the var folder.",
)
SECRET_KEY = EnvironmentSetting(
    "SECOND_LOOK_SECRET_KEY",
    "",
    "Signs participants' links and keys their pseudonyms. Empty: drawn once and kept in the var folder.",
)
DEBUG = EnvironmentSetting(
    "SECOND_LOOK_DEBUG", "0", "`1` shows tracebacks in the browser. Never where people answer."
)
ALLOWED_HOSTS = EnvironmentSetting(
    "SECOND_LOOK_ALLOWED_HOSTS",
    "127.0.0.1,localhost,[::1]",
    "Host names the server answers to, comma-separated.",
)
BASE_URL = EnvironmentSetting(
    "SECOND_LOOK_BASE_URL",
    "http://127.0.0.1:8000",
    "Address that participants' links start with. `https://` also turns on secure cookies for researchers.",
)
TIME_ZONE = EnvironmentSetting("SECOND_LOOK_TIME_ZONE", "UTC", "Time zone that pages show times in.")
DEVICE = EnvironmentSetting(
    "SECOND_LOOK_DEVICE", "auto", "`auto`, `cpu`, `cuda`, `cuda:1` or `mps`: where networks run."
)
CLAIM_SECONDS = EnvironmentSetting(
    "SECOND_LOOK_CLAIM_SECONDS",
    "120",
    "Seconds after which the work of a worker that has gone silent is given to another.",
)

ENVIRONMENT: tuple[EnvironmentSetting, ...] = (
    VAR,
    DATABASE_URL,
    BROKER_URL,
    STORAGE,
    SECRET_KEY,
    DEBUG,
    ALLOWED_HOSTS,
    BASE_URL,
    TIME_ZONE,
    DEVICE,
    CLAIM_SECONDS,
)
