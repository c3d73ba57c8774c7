"""Maps in the published form: a CSV of `y,x,val`, one line a place, in pixels of the top left corner."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from studyapp.analysis.arrays import FloatArray, IntArray
from studyapp.services.csv_rows import Column, CsvRow, at_line, read_csv
from studyapp.services.probes.shift_maps import least_allowed
from studyapp.services.refusals import Refused

COLUMNS = (Column("y", required=True), Column("x", required=True), Column("val", required=True))
#: Cosines in float arithmetic end up this far beyond 1.
ROUNDING = 1e-6


def read_map(path: Path, *, name: str, rows: int, columns: int, stride: int) -> FloatArray:
    """The map in a file (also .gz), (rows, columns) in float64.

    `name`: of the map, for the range of its values. Raises Refused with the line for a value that is no
    number or out of range, a place that is not of the set or there twice, and with the first place that is
    missing.
    """
    values: FloatArray = np.full((rows, columns), np.nan)
    line_of: IntArray = np.zeros((rows, columns), dtype=np.int64)
    for row in read_csv(path, COLUMNS).rows:
        top, left = _place(path, row, 0, rows, stride), _place(path, row, 1, columns, stride)
        if line_of[top, left]:
            raise Refused(
                at_line(
                    path,
                    row.line,
                    f"the place y {row.values[0]}, x {row.values[1]} is there already in line "
                    f"{line_of[top, left]}; leave one out.",
                )
            )
        values[top, left] = _value(path, row, name)
        line_of[top, left] = row.line
    missing = np.argwhere(line_of == 0)
    if len(missing):
        y, x = (int(number) * stride for number in missing[0])
        raise Refused(
            f"{path.name}: {len(missing):,} of the {rows:,} x {columns:,} places are missing, the first at "
            f"y {y}, x {x}; give every place, or the --size, --side and --stride that the map was made with."
        )
    return values


def _place(path: Path, row: CsvRow, axis: int, count: int, stride: int) -> int:
    name, text = COLUMNS[axis].name, row.values[axis]
    try:
        pixel = int(text)
    except ValueError:
        pixel = -1
    if pixel < 0 or pixel % stride or pixel // stride >= count:
        steps = f" in steps of {stride}" if stride > 1 else ""
        raise Refused(
            at_line(
                path,
                row.line,
                f"{name} {text!r} is no place of this set (0 to {(count - 1) * stride}{steps}); mend it, or "
                "give the --size, --side and --stride that the map was made with.",
            )
        )
    return pixel // stride


def _value(path: Path, row: CsvRow, name: str) -> float:
    text, least = row.values[2], least_allowed(name)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least - ROUNDING <= value <= 1 + ROUNDING:
        raise Refused(
            at_line(path, row.line, f"val {text!r} is no value of a map of {name} ({least:g} to 1).")
        )
    return value
