"""The figure of a forced-choice study: the paper's, of the study's people pooled."""

from __future__ import annotations

from collections.abc import Mapping

from studyapp.exports.choice_tables import CATEGORIES, PEOPLE
from studyapp.exports.figures import Bar, CategoryMarks, Figure, Marked
from studyapp.exports.table_rows import Cells, as_pair, as_share, named_rows, percent
from studyapp.exports.tabular import Table

NAME = "choice_shape_or_texture"


def choice_figures(tables: Mapping[str, Table], caption: str) -> tuple[Figure | None, ...]:
    """The figures that the tables of a forced-choice study allow."""
    people = list(named_rows(tables[PEOPLE]))
    rows = list(named_rows(tables[CATEGORIES]))
    if not people or as_share(people[0]["shape_fraction"]) is None:
        return (None,)
    many = len(people) - 1
    marked = Marked(
        series=f"{many} {'people' if many != 1 else 'person'} of this study",
        person=True,
        pooled=_bar(people[0], "shape_fraction"),
        marks=tuple(_bar(row, "shape_fraction") for row in rows),
        accuracy=tuple(_bar(row, "accuracy") for row in rows),
    )
    return (
        Figure(
            NAME,
            "Shape or texture",
            "Share of the decisions for shape or texture that were for the shape. Vertical line and the "
            "row all: all categories together, there with its 95 % interval; those of the categories are in "
            f"the numbers. Bars: share of the answers that named either. {caption}",
            CategoryMarks(categories=tuple(str(row["category"]) for row in rows), series=(marked,)),
            alternative=f"Fraction of shape decisions by category; all: {percent(marked.pooled.value)}.",
        ),
    )


def _bar(row: Cells, column: str) -> Bar:
    return Bar(as_share(row[column]), as_pair(row[f"{column}_interval"]))
