"""Runs the tests that touch the database a second time, on PostgreSQL where one answers.

`python -m tests.on_postgres`, the second half of `make test`.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests import services


def main() -> int:
    server = services.postgres_server()
    if server is None:
        print("No PostgreSQL answers: the database tests ran on SQLite only (set SECOND_LOOK_TEST_POSTGRES).")
        return 1 if os.environ.get("CI") == "true" else 0
    print("The database tests once more, on PostgreSQL:")
    with services.fresh_postgres_database(server) as url:
        return subprocess.call(
            [sys.executable, "-m", "pytest", "-q", "-rs", "-m", "not one_database", "tests/studyapp_tests"],
            env={**os.environ, "DATABASE_URL": url},
        )


if __name__ == "__main__":
    sys.exit(main())
