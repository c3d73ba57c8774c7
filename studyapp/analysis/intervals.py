"""Confidence intervals of shares, and the percentile interval of bootstrap draws."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from studyapp.analysis.arrays import FloatArray

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval [low, high] at `level`, and the name of how it was made."""

    low: float
    high: float
    method: str
    level: float = LEVEL


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `total`, the share in [0, 1] (None of nothing) and its interval."""

    count: int
    total: int
    share: float | None
    interval: Interval | None


def wilson(count: int, total: int, level: float = LEVEL) -> Interval:
    """Wilson's score interval of count/total (Wilson 1927)."""
    return _proportion(count, total, level, "wilson")


def clopper_pearson(count: int, total: int, level: float = LEVEL) -> Interval:
    """The exact interval of count/total (Clopper & Pearson 1934); wider than nominal, never narrower."""
    return _proportion(count, total, level, "clopper-pearson")


def wilson_rate(count: int, total: int) -> Rate:
    """count/total with Wilson's interval; nothing of nothing has neither."""
    if total == 0:
        return Rate(count=0, total=0, share=None, interval=None)
    return Rate(count=count, total=total, share=count / total, interval=wilson(count, total))


def clustered_wilson(shares: FloatArray, level: float = LEVEL) -> Interval:
    """Wilson's interval of the mean of shares [n] in [0, 1], each from answers that belong together.

    It is taken at the effective number of independent answers, p (1 - p) / (s^2 / n) (Kish 1965), which is n
    where all shares are 0, all 1, or all alike.
    """
    if not len(shares):
        raise ValueError("an interval needs at least one share")
    mean = float(shares.mean())
    variance = float(shares.var(ddof=1)) / len(shares) if len(shares) > 1 else 0.0
    number = mean * (1 - mean) / variance if variance > 0 else float(len(shares))
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (mean + z * z / (2 * number)) / (1 + z * z / number)
    half = z * sqrt(mean * (1 - mean) / number + z * z / (4 * number * number)) / (1 + z * z / number)
    return Interval(
        low=0.0 if mean == 0 else max(0.0, centre - half),
        high=1.0 if mean == 1 else min(1.0, centre + half),
        method="wilson, effective number",
        level=level,
    )


def mean_interval(values: FloatArray, level: float = LEVEL) -> Interval | None:
    """The normal interval of the mean of values [n] that are never negative; None of fewer than two."""
    if len(values) < 2:
        return None
    half = NormalDist().inv_cdf((1 + level) / 2) * float(values.std(ddof=1)) / sqrt(len(values))
    mean = float(values.mean())
    return Interval(low=max(0.0, mean - half), high=mean + half, method="normal", level=level)


def percentile(draws: FloatArray, level: float = LEVEL) -> Interval:
    """The middle `level` of the bootstrap draws [B] (Efron & Tibshirani 1993, chapter 13)."""
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(low=float(low), high=float(high), method="percentile bootstrap", level=level)


def _proportion(count: int, total: int, level: float, method: str) -> Interval:
    if total < 1 or not 0 <= count <= total:
        raise ValueError(f"an interval needs 0 <= count <= total and total >= 1; got {count} of {total}")
    # Imported late: statsmodels brings pandas, which would double the start of every web process.
    from statsmodels.stats.proportion import proportion_confint

    names = {"wilson": "wilson", "clopper-pearson": "beta"}
    low, high = proportion_confint(count, total, alpha=1 - level, method=names[method])
    # Rounding must not leave the share outside its own interval where it is 0 or 1.
    return Interval(
        low=0.0 if count == 0 else float(low),
        high=1.0 if count == total else float(high),
        method=method,
        level=level,
    )
