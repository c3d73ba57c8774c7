"""Tables of shape and texture decisions: pooled and per category, for any set of observers."""

from __future__ import annotations

from collections.abc import Sequence

from studyapp.analysis.shape_texture import ShapeRow
from studyapp.exports.cells import share_cells, share_columns
from studyapp.exports.tabular import Cell, Column, Table
from studyapp.services.observers.groups import Shown

POOLED, BY_CATEGORY = "shape_fractions", "shape_fractions_by_category"
UNDECIDED = "no decision for shape or texture yet"
_OBSERVER = Column("observer", "Who chose: people pooled, a person, or a network.")
_COUNTS = (
    Column("shape", "Decisions for the shape's category.", "count"),
    Column("texture", "Decisions for the texture's category.", "count"),
    Column("decisions", "shape + texture, the denominator of shape_fraction.", "count"),
    Column("other", "Choices of another category, or none.", "count", heading="neither"),
    *share_columns("shape_fraction", "shape / decisions; Wilson interval."),
    *share_columns("accuracy", "decisions / pictures: either cue was named; Wilson interval."),
)
NOTE = (
    "Pictures whose shape and texture are of the same thing are left out. The interval takes decisions for "
    "independent; where people are pooled, the range over them says how much they differ."
)


def shape_tables(shown: Sequence[Shown]) -> tuple[Table, Table]:
    """Every observer, pooled over the pictures and for each category of shape."""
    return _pooled(shown), _by_category(shown)


def _pooled(shown: Sequence[Shown]) -> Table:
    columns = (
        _OBSERVER,
        Column("kind", "people (pooled), person or network."),
        Column("source", "measured here; published, not re-run; or the study.", heading="from"),
        Column("people", "How many people are pooled.", "count"),
        Column("pictures", "Trials with a picture in conflict.", "count"),
        *_COUNTS,
        Column(
            "people_range",
            "Lowest and highest shape fraction of the people pooled.",
            "pair",
            "fraction of 1",
            parts=("low", "high"),
            heading="range over people",
        ),
        Column("left_out", "Trials whose picture has one thing's shape and texture.", "count", wide=True),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            each.candidate.label,
            each.candidate.kind,
            each.candidate.source,
            each.candidate.people or None,
            _pictures(each.bias.pooled),
            *_cells(each.bias.pooled),
            each.people_range,
            each.bias.left_out,
        )
        for each in shown
    ]
    return Table(POOLED, "Shape or texture", columns, tuple(rows), note=NOTE)


def _by_category(shown: Sequence[Shown]) -> Table:
    columns = (
        _OBSERVER,
        Column("category", "Category of the shape."),
        Column("pictures", "Trials with a picture in conflict.", "count"),
        *_COUNTS,
    )
    rows: list[tuple[Cell, ...]] = [
        (each.candidate.label, row.category, _pictures(row), *_cells(row))
        for each in shown
        for row in each.bias.by_category
    ]
    return Table(BY_CATEGORY, "Shape or texture by category of the shape", columns, tuple(rows))


def _pictures(row: ShapeRow) -> int:
    return row.shape + row.texture + row.other


def _cells(row: ShapeRow) -> tuple[Cell, ...]:
    return (
        *(row.shape, row.texture, row.shape + row.texture, row.other),
        *share_cells(row.shape_fraction, why_empty=UNDECIDED),
        *share_cells(row.accuracy, why_empty="no picture"),
    )
