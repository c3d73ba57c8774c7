"""What stands where a number would mislead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Withheld:
    """A statistic that these answers cannot give; `reason` is a sentence for the reader of the table."""

    reason: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """The range in which a value must lie, whatever the missing answers would have been."""

    low: float
    high: float
    reason: str = ""


STOPPED_EARLY = (
    "questions were closed as soon as their verdict was certain (stop_when_decided), "
    "so the answers that would follow are not known"
)
