"""Django settings, read from the environment (see `studyapp.environment` and docs/settings.md)."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

from studyapp import environment

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(environment.VAR.read())
if not VAR.is_absolute():
    VAR = BASE_DIR / VAR
VAR.mkdir(parents=True, exist_ok=True)


def _kept_secret(path: Path) -> str:
    """The secret of this installation: drawn at the first start, readable by its owner only.

    Written aside and linked into place, so that of two processes that start together one wins
    and neither reads half a secret.
    """
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix="secret_key.") as draft:
            draft.write(secrets.token_urlsafe(50))
            draft.flush()
            with contextlib.suppress(FileExistsError):
                os.link(draft.name, path)
    return path.read_text()


SECRET_KEY = environment.SECRET_KEY.read() or _kept_secret(VAR / "secret_key")
DEBUG = environment.DEBUG.read() == "1"
ALLOWED_HOSTS = [host.strip() for host in environment.ALLOWED_HOSTS.read().split(",") if host.strip()]
BASE_URL = environment.BASE_URL.read().rstrip("/")
DEVICE = environment.DEVICE.read()
CLAIM_SECONDS = float(environment.CLAIM_SECONDS.read())

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "studyapp.apps.StudyAppConfig",
]

MIDDLEWARE = [
    "studyapp.head_requests.HeadMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "studyapp.content_policy.ContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "studyapp.nul_requests.NulMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "studyapp.urls"
WSGI_APPLICATION = "studyapp.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# One writer at a time is all SQLite has: take the lock at BEGIN, so that a transaction never
# finds half-way that somebody else wrote, and wait for it instead of failing.
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
        "PRAGMA mmap_size=268435456; PRAGMA cache_size=-65536;"
    ),
}

DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        environment.DATABASE_URL.read() or f"sqlite:///{VAR / 'second_look.sqlite3'}",
        conn_max_age=600,
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"].setdefault("OPTIONS", {}).update(SQLITE_OPTIONS)
    # The tests that race two server processes need a file, not memory.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR / "test.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = environment.TIME_ZONE.read()
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
MEDIA_ROOT = VAR / "media"

_storage = environment.STORAGE.read()
if _storage.startswith("s3://"):
    _bucket, _, _prefix = _storage.removeprefix("s3://").partition("/")
    _default_storage: dict[str, Any] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {"bucket_name": _bucket, "location": _prefix, "file_overwrite": True},
    }
else:
    _default_storage = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(MEDIA_ROOT)},
    }
STORAGES = {
    "default": _default_storage,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [BASE_URL] if BASE_URL.startswith("https://") else []
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BASE_URL.startswith("https://") else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

CELERY_BROKER_URL = environment.BROKER_URL.read() or "filesystem://"
if CELERY_BROKER_URL == "filesystem://":
    CELERY_BROKER_TRANSPORT = "studyapp.file_broker:Transport"
    _broker = VAR / "broker"
    for _folder in ("messages", "control"):
        (_broker / _folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker / "messages"),
        "data_folder_out": str(_broker / "messages"),
        "control_folder": str(_broker / "control"),
        # kombu looks once a second unless told otherwise.
        "polling_interval": 0.05,
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULE = {
    "ring-waiting-chunks": {"task": "studyapp.tasks.chunks.ring_waiting_chunks", "schedule": 60.0}
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "celerybeat-schedule")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"studyapp": {"level": "INFO"}},
}

UNFOLD = {
    "SITE_TITLE": "Second Look",
    "SITE_HEADER": "Second Look",
    "SITE_SYMBOL": "visibility",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/studyapp/eye.svg"}],
    "SHOW_HISTORY": False,
    "SIDEBAR": {"navigation": "studyapp.admin.sidebar.navigation"},
    # The accent of the researcher pages, #2f5d8c, lightened and darkened.
    "COLORS": {
        "primary": {
            "50": "#f1f5fa",
            "100": "#e4ecf4",
            "200": "#c5d7e8",
            "300": "#98b8d6",
            "400": "#6493bf",
            "500": "#4377a7",
            "600": "#2f5d8c",
            "700": "#284c72",
            "800": "#254260",
            "900": "#233951",
            "950": "#172536",
        }
    },
}
