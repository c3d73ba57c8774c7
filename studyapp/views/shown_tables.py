"""Tables as pages show them: texts, intervals beside their values, links to the answers behind a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from studyapp.analysis.withheld import Bounds, Withheld
from studyapp.exports.display import shown, unit_shown
from studyapp.exports.tabular import Cell, Column, Table

ROWS_SHOWN = 25
COLUMNS_BESIDE = 7

# (table, column, cells of the row by name) -> address of the answers behind that number, or "".
Link: TypeAlias = Callable[[str, str, Mapping[str, Cell]], str]


@dataclass(frozen=True, slots=True)
class ShownCell:
    """The text of a cell, its interval (a cell of its own where `paired`), the mark of its reason, and
    where it leads; a `pseudonym` is as long as it is and seen by its beginning."""

    text: str
    interval: str
    mark: int
    link: str
    numeric: bool
    paired: bool
    pseudonym: bool


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """A heading, its unit and what it means."""

    title: str
    unit: str
    meaning: str
    numeric: bool
    paired: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """Why cells are empty, under its mark."""

    mark: int
    text: str


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table ready for the template; `plain` is what copying gives; `more` rows are only in the files."""

    name: str
    title: str
    note: str
    columns: tuple[ShownColumn, ...]
    rows: tuple[tuple[ShownCell, ...], ...]
    reasons: tuple[Reason, ...]
    plain: str
    more: int

    @property
    def stacked(self) -> bool:
        """Whether there are so many columns that intervals go under their values instead of beside them."""
        return len(self.columns) > COLUMNS_BESIDE


def shown_table(table: Table, link: Link) -> ShownTable:
    """Leave out wide columns, columns without any value, and the arm where there is only one."""
    pairs = {column.beside: column for column in table.columns if column.beside}
    columns = [column for column in table.columns if _is_shown(table, column)]
    reasons: list[str] = []
    rows = []
    for row in table.rows[:ROWS_SHOWN]:
        cells = dict(zip((column.name for column in table.columns), row, strict=True))
        rows.append(
            tuple(_cell(table, column, cells, pairs.get(column.name), reasons, link) for column in columns)
        )
    return ShownTable(
        name=table.name,
        title=table.title,
        note=table.note,
        columns=tuple(
            ShownColumn(
                title=column.title,
                unit=unit_shown(column),
                meaning=column.description,
                numeric=column.kind != "text",
                paired=column.name in pairs,
            )
            for column in columns
        ),
        rows=tuple(rows),
        reasons=tuple(Reason(mark, text) for mark, text in enumerate(reasons, start=1)),
        plain=_plain(columns, rows),
        more=max(len(table.rows) - ROWS_SHOWN, 0),
    )


def _is_shown(table: Table, column: Column) -> bool:
    if column.beside or column.wide:
        return False
    cells = table.cells(column.name)
    if column.name == "arm":
        return len(set(cells)) > 1
    return any(cell is not None for cell in cells)


def _cell(
    table: Table,
    column: Column,
    cells: Mapping[str, Cell],
    pair: Column | None,
    reasons: list[str],
    link: Link,
) -> ShownCell:
    cell = cells[column.name]
    mark = 0
    if isinstance(cell, Withheld | Bounds) and cell.reason:
        if cell.reason not in reasons:
            reasons.append(cell.reason)
        mark = reasons.index(cell.reason) + 1
    interval = shown(cells[pair.name], pair) if pair is not None and cells[pair.name] is not None else ""
    return ShownCell(
        text=shown(cell, column),
        interval=interval,
        mark=mark,
        link="" if cell is None or isinstance(cell, Withheld) else link(table.name, column.name, cells),
        numeric=column.kind != "text",
        paired=pair is not None,
        pseudonym=column.name == "participant",
    )


def _plain(columns: list[Column], rows: list[tuple[ShownCell, ...]]) -> str:
    """Tab-separated text for a spreadsheet or a mail."""
    heads = [column.title + (f" ({unit_shown(column)})" if unit_shown(column) else "") for column in columns]
    lines = ["\t".join(heads)]
    lines += [
        "\t".join(f"{cell.text} [{cell.interval}]" if cell.interval else cell.text for cell in row)
        for row in rows
    ]
    return "\n".join(lines)
