"""Maps written in the published form: a CSV of `y,x,val`, one line a place."""

from __future__ import annotations

from collections.abc import Iterator

from studyapp.analysis.arrays import FloatArray

HEADER = ("y", "x", "val")


def map_rows(values: FloatArray, stride: int) -> Iterator[tuple[int, int, float]]:
    """Every place of a map (rows, columns): top and left in pixels, and the value in full."""
    for row, line in enumerate(values.tolist()):
        for column, value in enumerate(line):
            yield row * stride, column * stride, value
