"""The figure of Geirhos et al. (2019): shape decisions by category, one marker per observer."""

from __future__ import annotations

from collections.abc import Sequence

from studyapp.analysis.intervals import Rate
from studyapp.exports.figures import Bar, CategoryMarks, Figure, Marked
from studyapp.services.observers.groups import Shown

NAME = "shape_or_texture"


def shape_figure(shown: Sequence[Shown], *, caption: str) -> Figure | None:
    """Categories down, fraction of shape decisions across; None where nobody decided anything."""
    there = [each for each in shown if each.bias.pooled.shape_fraction.share is not None]
    if not there:
        return None
    series = tuple(
        Marked(
            series=each.candidate.label,
            person=each.candidate.kind != "network",
            pooled=_bar(each.bias.pooled.shape_fraction),
            marks=tuple(_bar(row.shape_fraction) for row in each.bias.by_category),
            accuracy=tuple(_bar(row.accuracy) for row in each.bias.by_category),
        )
        for each in there
    )
    said = "; ".join(
        f"{each.series} {each.pooled.value:.2f}" for each in series if each.pooled.value is not None
    )
    return Figure(
        NAME,
        "Shape or texture",
        "Share of the decisions for shape or texture that were for the shape. Vertical lines and the row "
        "all: all categories together, there with 95 % Wilson intervals; those of the categories are in the "
        "numbers. Bars on the right: share of the pictures of which either was named. Observers of one "
        f"category in the order of the names, from the top. {caption}",
        CategoryMarks(categories=tuple(row.category for row in there[0].bias.by_category), series=series),
        alternative=f"Fraction of shape decisions by category; all together: {said}.",
    )


def _bar(rate: Rate) -> Bar:
    return Bar(rate.share, (rate.interval.low, rate.interval.high) if rate.interval else None)
