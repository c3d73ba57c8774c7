"""What a run of explanations gave: how far it is, how well the surrogates fit, how many superpixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studyapp.models import Explanation, ExplanationRun
from studyapp.services.explanations.images import images_of

BINS = 10


@dataclass(frozen=True, slots=True)
class Quartiles:
    """Least, quarter, middle, three quarters and most of some figures."""

    least: float
    lower: float
    median: float
    upper: float
    most: float


@dataclass(frozen=True, slots=True)
class RunSummary:
    """`wanted`: images chosen; `few`: explanations with fewer superpixels of positive weight than are shown.

    `fit`: weighted R² of the surrogates, None for methods without one. `histogram`: explanations by fit, from
    0 to 1 in ten bins of equal width; what fits worse than a constant (below 0) counts in the first.
    """

    run: ExplanationRun
    wanted: int
    done: int
    failed: int
    few: int
    fit: Quartiles | None
    histogram: tuple[int, ...]
    superpixels: Quartiles | None

    @property
    def waiting(self) -> int:
        """Images that are still to be explained."""
        return max(self.wanted - self.done - self.failed, 0)

    @property
    def share(self) -> float:
        """How much of the run is there, from 0 to 1."""
        return (self.done + self.failed) / self.wanted if self.wanted else 0.0


def summarise_run(run: ExplanationRun) -> RunSummary:
    """Count and measure what a run has; two queries."""
    rows = list(run.explanations.order_by().values_list("outcome", "fit", "superpixels", "positive"))
    done = [row for row in rows if row[0] == Explanation.Outcome.DONE]
    fits = [row[1] for row in done if row[1] is not None]
    shown = run.parameters.get("superpixels", 0)
    counts, _ = np.histogram(np.clip(fits, 0, 1), bins=BINS, range=(0, 1))
    return RunSummary(
        run=run,
        wanted=len(images_of(run)),
        done=len(done),
        failed=len(rows) - len(done),
        few=sum(row[3] < shown for row in done),
        fit=_quartiles(fits),
        histogram=tuple(int(count) for count in counts) if fits else (),
        superpixels=_quartiles([row[2] for row in done]),
    )


def failures_of(run: ExplanationRun, *, most: int) -> list[tuple[str, str]]:
    """Name and reason of images that could not be explained, at most so many."""
    rows = run.explanations.filter(outcome=Explanation.Outcome.FAILED).order_by("image__name")
    return [(row["image__name"], row["reason"]) for row in rows.values("image__name", "reason")[:most]]


def _quartiles(figures: Sequence[float]) -> Quartiles | None:
    if not figures:
        return None
    return Quartiles(*(float(value) for value in np.quantile(figures, [0, 0.25, 0.5, 0.75, 1])))
