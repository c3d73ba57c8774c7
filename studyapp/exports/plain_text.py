"""Tables for a terminal: aligned columns, intervals behind their values, reasons below."""

from __future__ import annotations

from studyapp.analysis.withheld import Bounds, Withheld
from studyapp.exports.display import shown, unit_shown
from studyapp.exports.tabular import Table


def table_text(table: Table) -> str:
    """The table with its title and note; empty tables are one line."""
    if not table.rows:
        return f"{table.title}: nothing yet\n"
    if table.single and len(table.columns) > 8:
        return _facts(table)
    columns = [column for column in table.columns if not column.beside and not column.wide]
    beside = {column.beside: column for column in table.columns if column.beside}
    lines = [
        [column.title + (f" ({unit_shown(column)})" if unit_shown(column) else "") for column in columns]
    ]
    reasons: list[str] = []
    for row in table.rows:
        cells = dict(zip((column.name for column in table.columns), row, strict=True))
        line = []
        for column in columns:
            text = shown(cells[column.name], column)
            pair = beside.get(column.name)
            if pair is not None and cells[pair.name] is not None:
                text += f" [{shown(cells[pair.name], pair)}]"
            cell = cells[column.name]
            if isinstance(cell, Withheld | Bounds) and cell.reason:
                if cell.reason not in reasons:
                    reasons.append(cell.reason)
                text += f" ({reasons.index(cell.reason) + 1})"
            line.append(text)
        lines.append(line)
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    out = [table.title]
    for line in lines:
        cells_text = [
            text.ljust(width) if column.kind == "text" else text.rjust(width)
            for text, width, column in zip(line, widths, columns, strict=True)
        ]
        out.append("  " + "  ".join(cells_text).rstrip())
    out += [f"  ({number}) {reason}" for number, reason in enumerate(reasons, start=1)]
    if table.note:
        out.append(f"  {table.note}")
    return "\n".join(out) + "\n"


def _facts(table: Table) -> str:
    """One wide row, a line for each of its cells."""
    width = max(len(column.title) for column in table.columns)
    pairs = zip(table.columns, table.rows[0], strict=True)
    lines = [f"  {column.title.ljust(width)}  {shown(cell, column)}" for column, cell in pairs]
    note = [f"  {table.note}"] if table.note else []
    return "\n".join([table.title, *lines, *note]) + "\n"
