"""Where the tests find what is not part of the project, and what they say where it is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests import services

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--only-database`: the tests that another database could answer otherwise."""
    parser.addoption("--only-database", action="store_true", help="tests of the test run's own database")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what touches no database or brings its own, where only the others are wanted."""
    if not config.getoption("--only-database"):
        return
    left_out = [each for each in items if not _touches_the_database(each)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [each for each in items if _touches_the_database(each)]


def _touches_the_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("one_database"):
        return False
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or any(
        name in fixtures for name in ("db", "transactional_db", "live_server")
    )


def missing(what: str) -> NoReturn:
    """Skip a test for want of `what`; with CI=true nothing may be skipped, so it fails there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and with CI=true nothing may be skipped.")
    pytest.skip(f"{what} is missing.")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of research data: SECOND_LOOK_SHARED_DATA, or ../shared/data beside the checkout."""
    folder = Path(os.environ.get("SECOND_LOOK_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        missing(f"The research data folder {folder} (set SECOND_LOOK_SHARED_DATA)")
    return folder


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """URL of a fresh, empty PostgreSQL database."""
    server = services.postgres_server()
    if server is None:
        missing("PostgreSQL (set SECOND_LOOK_TEST_POSTGRES)")
    with services.fresh_postgres_database(server) as url:
        yield url


@pytest.fixture
def redis_url() -> str:
    """URL of a Redis database that the test may use."""
    url = services.redis_server()
    if url is None:
        missing("Redis (set SECOND_LOOK_TEST_REDIS)")
    return url


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of a Chromium for Playwright's `executable_path`."""
    path = services.chromium_executable()
    if path is None:
        missing("A Chromium browser (set SECOND_LOOK_CHROMIUM)")
    return path
