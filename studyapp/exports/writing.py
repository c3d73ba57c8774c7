"""Tables as CSV, JSON and LaTeX text; the same table always gives the same bytes."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import TypeAlias

from studyapp.analysis.withheld import Bounds, Withheld
from studyapp.exports.display import shown, unit_shown
from studyapp.exports.tabular import Cell, Column, Table
from studyapp.services.csv_cells import guarded

Plain: TypeAlias = "str | int | float | list[Plain] | dict[str, Plain] | None"

REMARKS = "remarks"
REMARKS_MEANING = "Why a cell of this row is empty, or the bounds its value lies in; empty otherwise."


def rounded(value: float) -> float:
    """Ten significant digits: all that matters, and the same on every machine."""
    return float(f"{value:.10g}")


def plain_rows(table: Table) -> Plain:
    """The table as JSON values: a list of objects, or one object where it is a single row.

    A pair is [low, high], counts are a list. A cell without a value is null, and the row's "withheld"
    says why, with the bounds that are known.
    """
    rows: list[Plain] = [_plain_row(table, row) for row in table.rows]
    return rows[0] if table.single else rows


def table_json(table: Table) -> str:
    """The table and the meaning of its columns as a JSON document."""
    document: Plain = {
        "name": table.name,
        "title": table.title,
        "note": table.note,
        "columns": [
            {"name": column.name, "unit": column.unit, "description": column.description}
            for column in table.columns
        ],
        "rows": plain_rows(table),
    }
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def csv_header(table: Table) -> tuple[str, ...]:
    """The names of the CSV's columns; the last says why cells are empty."""
    return (*(name for column in table.columns for name in column.csv_names), REMARKS)


def csv_lines(table: Table) -> Iterator[str]:
    """The CSV line by line, header first (RFC 4180 quoting, LF line ends, shares as fractions of 1)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(csv_header(table))
    yield buffer.getvalue()
    for row in table.rows:
        buffer.seek(0)
        buffer.truncate()
        cells = (*_csv_cells(table, row), remarks_text(table, row))
        writer.writerow([guarded(cell) for cell in cells])
        yield buffer.getvalue()


def table_csv(table: Table) -> str:
    """The whole CSV as one text."""
    return "".join(csv_lines(table))


def table_latex(table: Table) -> str:
    """A booktabs table: numbers right-aligned, intervals behind their values, reasons as notes."""
    columns = [column for column in table.columns if not column.beside and not column.wide]
    beside = {column.beside: column for column in table.columns if column.beside}
    notes: list[str] = []
    lines = [
        f"% {_one_line(table.title)}",
        r"\begin{tabular}{" + "".join("l" if column.kind == "text" else "r" for column in columns) + "}",
        r"\toprule",
        " & ".join(latex_escaped(_heading(column)) for column in columns) + r" \\",
        r"\midrule",
    ]
    for row in table.rows:
        cells = dict(zip((column.name for column in table.columns), row, strict=True))
        texts = []
        for column in columns:
            text = _latex_cell(cells[column.name], column, notes)
            if column.name in beside and cells[beside[column.name].name] is not None:
                pair = beside[column.name]
                text += rf" {{\small [{_latex_cell(cells[pair.name], pair, notes)}]}}"
            texts.append(text)
        lines.append(" & ".join(texts) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\noindent\textsuperscript{{{i}}}\,{latex_escaped(note)}" for i, note in _marked(notes)]
    if table.note:
        lines.append(rf"\par\noindent {latex_escaped(table.note)}")
    return "\n".join(lines) + "\n"


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    "\u202f": r"\,",
    "\u2009": r"\,",
    "\u2013": "--",
    "\u2212": "$-$",
    "\u2026": r"\ldots{}",
}
_LATEX_SPECIAL = re.compile("|".join(re.escape(character) for character in _LATEX))


def latex_escaped(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return _LATEX_SPECIAL.sub(lambda found: _LATEX[found[0]], _one_line(text))


def remarks_text(table: Table, row: tuple[Cell, ...]) -> str:
    """Why cells of a row are empty, in one line."""
    return "; ".join(f"{column.name}: {_reason(cell)}" for column, cell in table.remarks(row))


def _plain_row(table: Table, row: tuple[Cell, ...]) -> Plain:
    values: dict[str, Plain] = {
        column.name: _plain(cell) for column, cell in zip(table.columns, row, strict=True)
    }
    withheld: dict[str, Plain] = {}
    for column, cell in table.remarks(row):
        entry: dict[str, Plain] = {"reason": cell.reason}
        if isinstance(cell, Bounds):
            entry["bounds"] = [rounded(cell.low), rounded(cell.high)]
        withheld[column.name] = entry
    if withheld:
        values["withheld"] = withheld
    return values


def _plain(cell: Cell) -> Plain:
    if cell is None or isinstance(cell, Withheld | Bounds):
        return None
    if isinstance(cell, tuple):
        return [part if isinstance(part, int) else rounded(part) for part in cell]
    return rounded(cell) if isinstance(cell, float) else cell


def _csv_cells(table: Table, row: tuple[Cell, ...]) -> Iterator[str | int | float]:
    for column, cell in zip(table.columns, row, strict=True):
        if not column.parts:
            plain = _plain(cell)
            yield "" if plain is None else plain  # type: ignore[misc]  # a cell without parts is no list
        elif isinstance(cell, tuple):
            yield from (part if isinstance(part, int) else rounded(part) for part in cell)
        else:
            yield from ("" for _ in column.parts)


def _reason(cell: Withheld | Bounds) -> str:
    if isinstance(cell, Bounds):
        because = f", {cell.reason}" if cell.reason else ""
        return f"between {rounded(cell.low):g} and {rounded(cell.high):g}{because}"
    return cell.reason


def _heading(column: Column) -> str:
    unit = unit_shown(column)
    return f"{column.title} ({unit})" if unit else column.title


def _latex_cell(cell: Cell, column: Column, notes: list[str]) -> str:
    text = latex_escaped(shown(cell, column))
    if isinstance(cell, Withheld | Bounds) and cell.reason:
        if cell.reason not in notes:
            notes.append(cell.reason)
        text += rf"\textsuperscript{{{notes.index(cell.reason) + 1}}}"
    return text


def _marked(notes: list[str]) -> Iterator[tuple[int, str]]:
    return iter(list(enumerate(notes, start=1)))


def _one_line(text: str) -> str:
    return " ".join(text.split(" ")).replace("\n", " ")
