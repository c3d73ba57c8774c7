"""Whether pictures were on the screen for as long as they should have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studyapp.analysis.intervals import Rate, wilson_rate

#: A clock in a page is rounded to a millisecond or more.
LEAST_TOLERANCE_MS = 2.0


@dataclass(frozen=True, slots=True)
class Exposed:
    """One picture on one screen, in milliseconds; None where the page could not measure."""

    shown_ms: float | None
    refresh_ms: float | None
    hidden: bool
    again: bool

    def on_time(self, asked_ms: float) -> bool:
        """Whether it was shown once, in sight, and for the time asked to within half a frame of the screen.

        A screen shows whole frames, so half a frame is as near as it can always come.
        """
        if self.shown_ms is None or self.refresh_ms is None or self.hidden or self.again:
            return False
        return abs(self.shown_ms - asked_ms) <= max(self.refresh_ms / 2 + 1, LEAST_TOLERANCE_MS)


@dataclass(frozen=True, slots=True)
class ExposureSummary:
    """How many pictures missed their time, and why; `missed` is over all, the reasons may overlap.

    Medians are over those that were measured; None where none was.
    """

    missed: Rate
    unmeasured: int
    hidden: int
    again: int
    other_time: int
    median_ms: float | None
    longest_ms: float | None
    median_refresh_ms: float | None


def exposure_summary(exposed: Sequence[Exposed], *, asked_ms: float) -> ExposureSummary:
    """Summarise the presentations of one study, or of one person."""
    shown = sorted(each.shown_ms for each in exposed if each.shown_ms is not None)
    refresh = sorted(each.refresh_ms for each in exposed if each.refresh_ms is not None)
    late = [
        each
        for each in exposed
        if each.shown_ms is not None
        and not each.hidden
        and not Exposed(each.shown_ms, each.refresh_ms, hidden=False, again=False).on_time(asked_ms)
    ]
    return ExposureSummary(
        missed=wilson_rate(sum(not each.on_time(asked_ms) for each in exposed), len(exposed)),
        unmeasured=sum(each.shown_ms is None for each in exposed),
        hidden=sum(each.hidden for each in exposed),
        again=sum(each.again for each in exposed),
        other_time=len(late),
        median_ms=_median(shown),
        longest_ms=shown[-1] if shown else None,
        median_refresh_ms=_median(refresh),
    )


def _median(ordered: Sequence[float]) -> float | None:
    if not ordered:
        return None
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
