"""Cells of a table as a figure reads them: by the name of their column, as numbers or pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from studyapp.exports.display import percent_shown
from studyapp.exports.tabular import Cell, Table

Cells: TypeAlias = Mapping[str, Cell]


def named_rows(table: Table) -> Iterator[Cells]:
    """Every row as a mapping from column to cell."""
    names = [column.name for column in table.columns]
    for row in table.rows:
        yield dict(zip(names, row, strict=True))


def distinct(rows: Sequence[Cells], name: str) -> tuple[str, ...]:
    """The values of one column, each once, in their order."""
    return tuple(dict.fromkeys(str(row[name]) for row in rows))


def series_name(row: Cells, rows: Sequence[Cells]) -> str:
    """The classifier, with its arm where there are several."""
    several = len(distinct(rows, "arm")) > 1
    return f"{row['classifier']}, {row['arm']}" if several else str(row["classifier"])


def series_of(rows: Sequence[Cells]) -> tuple[str, ...]:
    """The names of the series that these rows make."""
    return tuple(dict.fromkeys(series_name(row, rows) for row in rows))


def as_number(cell: Cell) -> float:
    """The cell as a number; 0 where it has none."""
    return float(cell) if isinstance(cell, int | float) else 0.0


def as_share(cell: Cell) -> float | None:
    """The cell as a share; None where it has none."""
    return float(cell) if isinstance(cell, int | float) else None


def as_pair(cell: Cell) -> tuple[float, float] | None:
    """The cell as a pair; None where it is none."""
    return (float(cell[0]), float(cell[1])) if isinstance(cell, tuple) else None


def percent(value: float | None) -> str:
    """A share in words."""
    return "withheld" if value is None else f"{percent_shown(value)} %"
