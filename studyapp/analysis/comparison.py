"""Classifiers in pairs: is one better, and does rectification change the answer?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from studyapp.analysis.arrays import FloatArray, IntArray
from studyapp.analysis.bootstrap import Draws
from studyapp.analysis.intervals import Interval, percentile
from studyapp.analysis.rectified import OutcomeColumn, column_error


@dataclass(frozen=True, slots=True)
class Difference:
    """Error of the first minus error of the second, its interval from shared draws, p and Holm's p."""

    difference: float
    interval: Interval
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One planned pair of classifiers, on the standard and on the rectified error."""

    first: str
    second: str
    standard: Difference
    rectified: Difference

    @property
    def reversed(self) -> bool:
        """Whether rectification turns the order of the two around."""
        return self.standard.difference * self.rectified.difference < 0


@dataclass(frozen=True, slots=True)
class Rank:
    """Place of a classifier by standard and by rectified error; 1 is the lowest, equals share it."""

    classifier: str
    standard: int
    rectified: int


def planned(names: tuple[str, ...], pairs: tuple[tuple[str, str], ...] | None) -> tuple[tuple[str, str], ...]:
    """The planned pairs, or all pairs where none are planned."""
    return tuple(combinations(names, 2)) if pairs is None else pairs


def difference(first: OutcomeColumn, second: OutcomeColumn, draws: Draws) -> Difference:
    """The difference of two errors over the same images; `draws` holds both columns.

    p is two-sided from the same draws: twice the smaller share of replicates on the other side of zero,
    with one added above and below so that it is never 0 (Davison & Hinkley 1997, 4.2).
    """
    replicates = draws.of(first.name) - draws.of(second.name)
    value = column_error(first) - column_error(second)
    p = bootstrap_p(replicates)
    return Difference(difference=value, interval=percentile(replicates), p=p, p_holm=p)


def bootstrap_p(replicates: FloatArray) -> float:
    """Two-sided p for "the difference is zero" from its bootstrap replicates [B]."""
    below = (int((replicates <= 0).sum()) + 1) / (len(replicates) + 1)
    above = (int((replicates >= 0).sum()) + 1) / (len(replicates) + 1)
    return min(1.0, 2 * min(below, above))


def holm(comparisons: tuple[Comparison, ...]) -> tuple[Comparison, ...]:
    """The same comparisons with p adjusted over the planned pairs (Holm 1979), each error for itself."""
    if not comparisons:
        return ()
    # Imported late, like everything of statsmodels: it doubles the start of every process.
    from statsmodels.stats.multitest import multipletests

    standard = multipletests([c.standard.p for c in comparisons], method="holm")[1]
    rectified = multipletests([c.rectified.p for c in comparisons], method="holm")[1]
    return tuple(
        replace(
            comparison,
            standard=replace(comparison.standard, p_holm=float(standard[i])),
            rectified=replace(comparison.rectified, p_holm=float(rectified[i])),
        )
        for i, comparison in enumerate(comparisons)
    )


def ranks(names: tuple[str, ...], standard: FloatArray, rectified: FloatArray) -> tuple[Rank, ...]:
    """Places before and after rectification, in the order of `names`."""
    if not names:
        return ()
    before, after = _places(standard), _places(rectified)
    return tuple(Rank(name, int(before[i]), int(after[i])) for i, name in enumerate(names))


def _places(errors: FloatArray) -> IntArray:
    """1 + how many are smaller: equal errors share the better place."""
    # Errors are counts over N: rounding keeps equal counts equal where strata were averaged.
    rounded = np.round(errors, 12)
    places: IntArray = 1 + (rounded[None, :] < rounded[:, None]).sum(axis=1)
    return places
