"""Text cells of our CSV files, so that no spreadsheet takes them for formulas.

OWASP's advice against formula injection: an apostrophe before a text that begins with =, +, -, @, a tab or a
carriage return. Reading a CSV takes it away again, so that what we export can be imported as it was. Numbers,
and texts of nothing but numbers, stay as they are.
"""

from __future__ import annotations

import re
from typing import TypeVar

_APOSTROPHE = "'"
_BEGIN = ("=", "+", "-", "@", "\t", "\r")
_NUMBERS = re.compile(r"[-+.\deE ]+")

CellT = TypeVar("CellT")


def guarded(cell: CellT) -> CellT | str:
    """The cell as a CSV has it; of a text that has the apostrophe already it gets another."""
    if not isinstance(cell, str) or not _begins_a_formula(cell) or _NUMBERS.fullmatch(cell):
        return cell
    return _APOSTROPHE + cell


def unguarded(text: str) -> str:
    """What `guarded` was given."""
    return text[1:] if text[:1] == _APOSTROPHE and _begins_a_formula(text) else text


def _begins_a_formula(text: str) -> bool:
    return text.lstrip(_APOSTROPHE)[:1] in _BEGIN
