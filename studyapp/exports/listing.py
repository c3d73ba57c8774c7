"""What a CSV file of raw rows is: its columns, and a stream of its rows as they are written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from django.db.models import QuerySet

from studyapp.exports.columns import FETCHED_AT_ONCE
from studyapp.exports.tabular import Column
from studyapp.exports.writing import rounded
from studyapp.models import Study

Written: TypeAlias = str | int | float
Row: TypeAlias = tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """One CSV file of rows: where it stands in the bundle, what it holds, its columns and its rows.

    `rows(study, mode)` yields them in a fixed order, one at a time. `kind`: the only kind of study that has
    it; empty for all.
    """

    path: str
    description: str
    columns: tuple[Column, ...]
    rows: Callable[[Study, str], Iterator[Row]]
    kind: str = ""


def text(value: object) -> Written:
    """A database value as it is written: times in ISO with the zone, flags as 0 and 1, null as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value if isinstance(value, str | int) else str(value)


def stream(rows: QuerySet[Any], *fields: str) -> Iterator[Row]:
    """These fields of the rows, as written, few rows at a time in memory."""
    for row in rows.values_list(*fields).iterator(chunk_size=FETCHED_AT_ONCE):
        yield tuple(text(value) for value in row)
