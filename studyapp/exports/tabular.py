"""A table as a frozen value: what its columns mean, and cells that may say why they are empty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from studyapp.analysis.withheld import Bounds, Withheld

Kind = Literal["text", "count", "share", "number", "probability", "pair", "counts"]

# A pair is an interval or bounds (low, high); counts are as many integers as the column has parts.
Cell: TypeAlias = str | int | float | tuple[float, float] | tuple[int, ...] | Withheld | Bounds | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in files, its heading on pages, its meaning and unit.

    `parts` name the pieces of a pair or of counts, each a column of its own in CSV. `beside` names the
    column whose value a pair belongs to: pages and LaTeX print it there, in lighter type. `wide` columns
    are left out of LaTeX tables and shown on pages only in the download.
    """

    name: str
    description: str
    kind: Kind = "text"
    unit: str = ""
    heading: str = ""
    parts: tuple[str, ...] = ()
    beside: str = ""
    wide: bool = False

    @property
    def title(self) -> str:
        """The heading on pages: given, or the name in words."""
        return self.heading or self.name.replace("_", " ")

    @property
    def csv_names(self) -> tuple[str, ...]:
        """The columns it takes in a CSV file."""
        return tuple(f"{self.name}_{part}" for part in self.parts) or (self.name,)


@dataclass(frozen=True, slots=True)
class Table:
    """A named table. `single` tables have exactly one row and are one object in JSON.

    `note` is printed under the table: what a reader must know to read its numbers rightly.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    single: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.name}: a row has {len(row)} cells, the table {len(self.columns)} columns"
                )
        if self.single and len(self.rows) != 1:
            raise ValueError(f"table {self.name} has one row by definition, not {len(self.rows)}")

    def column_index(self, name: str) -> int:
        """Position of a column; raises ValueError with the columns there are."""
        for position, column in enumerate(self.columns):
            if column.name == name:
                return position
        names = ", ".join(column.name for column in self.columns)
        raise ValueError(f"table {self.name} has no column {name}; it has {names}")

    def cells(self, name: str) -> tuple[Cell, ...]:
        """The cells of one column, from the first row to the last."""
        position = self.column_index(name)
        return tuple(row[position] for row in self.rows)

    def remarks(self, row: tuple[Cell, ...]) -> Iterator[tuple[Column, Withheld | Bounds]]:
        """The cells of a row that hold a reason instead of a value."""
        for column, cell in zip(self.columns, row, strict=True):
            if isinstance(cell, Withheld | Bounds):
                yield column, cell


def interval_column(name: str, description: str, *, beside: str, unit: str = "fraction of 1") -> Column:
    """A column of confidence intervals [low, high] that belong to the column `beside`."""
    return Column(name, description, "pair", unit, parts=("low", "high"), beside=beside)
