"""Statistics as cells of a table."""

from __future__ import annotations

from studyapp.analysis.intervals import Interval, Rate
from studyapp.analysis.withheld import Withheld
from studyapp.exports.tabular import Cell, Column, interval_column

NOTHING_ASKED = Withheld("no question was asked about this classifier's mistakes")

ARM = Column("arm", "Arm of the study: one way of asking.")
CLASSIFIER = Column("classifier", "Name of the classifier.")
#: Of tables that gather studies.
STUDY = Column("study", "Name of the study.")
STATE = Column("state", "Of the study: draft, open, paused or closed.", wide=True)


def pair(interval: Interval | Withheld | None) -> Cell:
    """[low, high] of an interval."""
    return (interval.low, interval.high) if isinstance(interval, Interval) else interval


def share_cells(rate: Rate, *, why_empty: str) -> tuple[Cell, Cell]:
    """The share and its interval; a share of nothing says why it is empty."""
    if rate.share is None:
        return Withheld(why_empty), None
    return rate.share, pair(rate.interval)


def share_columns(name: str, description: str, heading: str = "") -> tuple[Column, Column]:
    """A share in [0, 1] and the interval that stands beside it."""
    return (
        Column(name, description, "share", "fraction of 1", heading),
        interval_column(f"{name.removesuffix('_error')}_interval", f"95 % interval of {name}.", beside=name),
    )
