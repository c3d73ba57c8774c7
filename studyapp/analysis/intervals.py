"""Confidence intervals of shares, and the percentile interval of bootstrap draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from statistics import NormalDist

import numpy as np

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray

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
    return replace(wilson_of_share(mean, number, level), method="wilson, effective number")


def wilson_of_share(share: float, number: float, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a share that rests on an effective number, which need not be whole."""
    if not 0.0 <= share <= 1.0 or number <= 0:
        raise ValueError(f"an interval needs a share in [0, 1] of a positive number; got {share} of {number}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    z2 = z**2
    middle = (share + z2 / (2 * number)) / (1 + z2 / number)
    half = z / (1 + z2 / number) * sqrt(share * (1 - share) / number + z2 / (4 * number**2))
    low = 0.0 if share == 0.0 else max(middle - half, 0.0)
    high = 1.0 if share == 1.0 else min(middle + half, 1.0)
    return Interval(low, high, "wilson", level)


def effective_number(weight: FloatArray) -> float:
    """Number of equally weighted rows that say as much as these: (sum w)^2 / sum w^2 (Kish 1965)."""
    return float(weight.sum() ** 2 / (weight**2).sum())


def weighted_rate(*, counted: BoolArray, weight: FloatArray, image: IntArray) -> Rate:
    """Of rows [m] those `counted`, each with its weight; Wilson's interval at their effective number.

    That number is at most the number of images: rows of one image are not independent.
    """
    if not len(counted):
        return Rate(count=0, total=0, share=None, interval=None)
    # Weights that add up to the whole leave a rounding error beside 1.
    share = min(float(weight[counted].sum() / weight.sum()), 1.0)
    number = min(effective_number(weight), float(len(np.unique(image))))
    return Rate(int(counted.sum()), len(counted), share, wilson_of_share(share, number))


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
