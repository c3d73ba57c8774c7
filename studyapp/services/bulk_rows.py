"""Writing hundreds of thousands of rows: COPY on PostgreSQL, one prepared statement on SQLite.

The ORM's own bulk_create builds an object and a statement part per row, which is ten times slower.
Constraints hold all the same; defaults are not filled in, so every column must be given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from django.db import connection, models

_ROWS_AT_ONCE = 10_000


def write_rows(model: type[models.Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert `rows` of plain values (texts, numbers, None) for `fields` of `model`, in this transaction."""
    table = connection.ops.quote_name(model._meta.db_table)
    columns = ", ".join(_column(model, name) for name in fields)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(fields))
        _in_parts(cursor, f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


def update_rows(
    model: type[models.Model], *, assignments: str, key: str, rows: Iterable[Sequence[Any]]
) -> None:
    """`UPDATE model SET assignments WHERE key = value` for each row of values, the key's last.

    `assignments` is SQL of this project's own, never of a user's, with %s for the values.
    """
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        _in_parts(cursor, f"UPDATE {table} SET {assignments} WHERE {_column(model, key)} = %s", rows)


def refresh_statistics(*tables: type[models.Model]) -> None:
    """Let PostgreSQL look at tables that have just grown: until then it plans as if they were small."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for model in tables:
                cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


def _in_parts(cursor: Any, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    remaining = iter(rows)
    while part := list(islice(remaining, _ROWS_AT_ONCE)):
        cursor.executemany(statement, part)


def _column(model: type[models.Model], name: str) -> str:
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return str(connection.ops.quote_name(str(field.column)))
