"""How a cell reads: the same digits on pages and in LaTeX."""

from __future__ import annotations

from studyapp.analysis.withheld import Bounds, Withheld
from studyapp.exports.tabular import Cell, Column

THIN_SPACE = "\u202f"  # narrow and no-break: a number must not break over two lines
EN_DASH = "\u2013"
EMPTY = "\u2013"


def shown(cell: Cell, column: Column) -> str:
    """The text of a cell: shares in percent to two digits, counts with thin spaces, the rest as it is."""
    if cell is None or isinstance(cell, Withheld):
        return EMPTY
    if isinstance(cell, Bounds):
        return _range(cell.low, cell.high, column)
    if isinstance(cell, tuple):
        if column.kind == "counts":
            return " ".join(_number(part, column) for part in cell)
        return _range(cell[0], cell[1], column)
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return cell
    return _number(cell, column)


def unit_shown(column: Column) -> str:
    """The unit as the heading states it; shares are shown in percent."""
    return "%" if _in_percent(column) else column.unit


def count_shown(count: int) -> str:
    """A whole number with thin spaces between its thousands."""
    return f"{count:,}".replace(",", THIN_SPACE)


def percent_shown(share: float) -> str:
    """A fraction of 1 as percent, two digits."""
    return f"{100 * share:.2f}".replace("-", "\u2212")


def _range(low: float, high: float, column: Column) -> str:
    # A dash between two minus signs would be read as a third.
    between = " to " if low < 0 else EN_DASH
    return f"{_number(low, column)}{between}{_number(high, column)}"


def _number(value: float | int, column: Column) -> str:
    if column.kind in ("count", "counts"):
        return count_shown(int(value))
    if _in_percent(column):
        return percent_shown(value)
    if isinstance(value, int):
        return count_shown(value)
    if column.kind == "probability" and 0 < value < 0.0001:
        return "<\u202f0.0001"
    digits = 4 if column.kind == "probability" else 3
    return f"{value:.{digits}f}".replace("-", "\u2212")


def _in_percent(column: Column) -> bool:
    return column.unit == "fraction of 1"
