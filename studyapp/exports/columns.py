"""Rows of the database as columns of numbers, without an object per row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from django.db import connections
from django.db.models import Case, IntegerField, QuerySet, Value, When

Int64Array: TypeAlias = npt.NDArray[np.int64]
Float64Array: TypeAlias = npt.NDArray[np.float64]
FETCHED_AT_ONCE = 20_000
NONE_OF_THEM = -1


def integer_columns(rows: QuerySet[Any], *fields: str) -> tuple[Int64Array, ...]:
    """One array per field, in the order of the rows; the fields must be whole numbers, none of them null."""
    table = _table(rows, fields, np.dtype(np.int64))
    return tuple(np.ascontiguousarray(table[:, i]) for i in range(len(fields)))


def number_columns(rows: QuerySet[Any], *fields: str) -> tuple[Float64Array, ...]:
    """The same for numbers with fractions; whole numbers stay exact below 2^53."""
    table = _table(rows, fields, np.dtype(np.float64))
    return tuple(np.ascontiguousarray(table[:, i]) for i in range(len(fields)))


def _table(rows: QuerySet[Any], fields: tuple[str, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    # The driver's own tuples: what Django does to each row costs more than all the statistics.
    sql, parameters = rows.values_list(*fields).query.sql_with_params()
    with connections[rows.db].chunked_cursor() as cursor:
        cursor.execute(sql, parameters)
        batches = iter(partial(cursor.fetchmany, FETCHED_AT_ONCE), [])
        numbers = chain.from_iterable(chain.from_iterable(batches))
        return np.fromiter(numbers, dtype=dtype).reshape(-1, len(fields))


def code_of(field: str, words: Sequence[str]) -> Case:
    """The position of a text in `words`, computed by the database; `NONE_OF_THEM` for any other."""
    return Case(
        *(When(**{field: word}, then=Value(position)) for position, word in enumerate(words)),
        default=Value(NONE_OF_THEM),
        output_field=IntegerField(),
    )


def positions_in(sorted_keys: Int64Array, wanted: Int64Array) -> Int64Array:
    """Where each of `wanted` stands in `sorted_keys`; `NONE_OF_THEM` where it does not."""
    if len(sorted_keys) == 0:
        return np.full(len(wanted), NONE_OF_THEM, dtype=np.int64)
    places = np.minimum(np.searchsorted(sorted_keys, wanted), len(sorted_keys) - 1)
    return np.where(sorted_keys[places] == wanted, places, NONE_OF_THEM)


def known(words: Iterable[str], extra: Iterable[str]) -> tuple[str, ...]:
    """`words`, then those of `extra` that are not among them, in alphabetical order."""
    first = tuple(words)
    return (*first, *sorted(set(extra) - set(first)))
