"""Every test, in two processes side by side: `python -m tests.run`, which is what `make test` runs.

The first runs everything but the journeys, on SQLite. The second runs the journeys through browsers and whole
installations, and then, where PostgreSQL answers, whatever touches the database once more on that. What the
second prints comes when the first has ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

from tests import services

TESTS = Path(__file__).parent
JOURNEYS = "tests/journeys"
#: Of a database server's tests alone; see tests/conftest.py.
ONLY_DATABASE = "--only-database"


def _pytest(*arguments: str, settings: Mapping[str, str], out: int | None = None) -> int:
    # Two processes share the cores: each library's own threads would only stand in each other's way.
    environment = {"OMP_NUM_THREADS": "1", **os.environ, **settings}
    command = [sys.executable, "-m", "pytest", "-q", "-rs", *arguments]
    return subprocess.call(command, env=environment, stdout=out, stderr=subprocess.STDOUT if out else None)


def _beside(folder: Path, out: int) -> int:
    """The journeys, then the database tests on PostgreSQL; the worse of their exit statuses."""
    own = {
        "SECOND_LOOK_VAR": str(folder),
        "SECOND_LOOK_TEST_REDIS_NUMBER": str(services.redis_number() - 1),
    }
    failed = _pytest(JOURNEYS, settings=own, out=out)
    server = services.postgres_server()
    if server is None:
        os.write(out, b"No PostgreSQL answers (set SECOND_LOOK_TEST_POSTGRES): on SQLite only.\n")
        return failed or int(os.environ.get("CI") == "true")
    os.write(out, b"The database tests once more, on PostgreSQL:\n")
    with services.fresh_postgres_database(server) as url:
        return (
            _pytest(ONLY_DATABASE, "tests/studyapp_tests", settings={**own, "DATABASE_URL": url}, out=out)
            or failed
        )


def main() -> int:
    """Run both; 1 where anything failed."""
    with (
        tempfile.TemporaryDirectory(prefix="second-look-tests-") as folder,
        tempfile.TemporaryFile() as kept,
    ):
        statuses: list[int] = []
        beside = Thread(target=lambda: statuses.append(_beside(Path(folder) / "var", kept.fileno())))
        beside.start()
        everything_else = sorted(
            f"tests/{each.name}" for each in TESTS.iterdir() if (each / "__init__.py").is_file()
        )
        everything_else.remove(JOURNEYS)
        statuses.append(_pytest(*everything_else, settings={}))
        if beside.is_alive():
            print("The journeys and the database tests on PostgreSQL are still under way.", flush=True)
        beside.join()
        kept.seek(0)
        sys.stdout.write(kept.read().decode(errors="replace"))
        # A thread that failed itself has said why, and left no status.
        return int(len(statuses) < 2 or any(statuses))


if __name__ == "__main__":
    sys.exit(main())
