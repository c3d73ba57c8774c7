"""Arms in pairs over the images judged in both: McNemar's test and paired differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from studyapp.analysis.arms import ArmImages, ratio_draws
from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.bootstrap import Draws, ImageOutcomes, bootstrap_images
from studyapp.analysis.comparison import planned
from studyapp.analysis.intervals import Interval, percentile, wilson
from studyapp.analysis.votes import AgreementRule
from studyapp.analysis.withheld import STOPPED_EARLY, Withheld

NONE_IN_BOTH = Withheld("no image is judged in both arms yet")


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """A share in the first arm minus that in the second, over the same images; its interval."""

    difference: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class ArmPair:
    """Two arms over the images with a verdict in both, counted by what people said in each.

    `acceptance`: difference of the shares of images agreed. `answers`: difference of the shares of positive
    answers, over the images answered in both. `p`: McNemar's exact test on the images whose verdict differs.
    """

    first: str
    second: str
    both: int
    first_only: int
    second_only: int
    neither: int
    acceptance: PairedDifference | Withheld
    answers: PairedDifference | Withheld
    p: float | Withheld
    p_holm: float | Withheld

    @property
    def judged(self) -> int:
        """Images with a verdict in both arms."""
        return self.both + self.first_only + self.second_only + self.neither


@dataclass(frozen=True, slots=True)
class Turned:
    """An image whose verdict differs between the arms: position among the N, and which arm agreed."""

    image: int
    agreed_in_second: bool


def arm_pairs(
    arms: Sequence[ArmImages],
    pairs: tuple[tuple[str, str], ...] | None,
    *,
    rule: AgreementRule,
    draws: int,
    rng: np.random.Generator,
) -> tuple[ArmPair, ...]:
    """The planned pairs (None: all), every difference from the same draws of the images.

    p is not adjusted here: see `holm_pairs`, which takes every planned comparison of the study.
    """
    by_name = {arm.arm: arm for arm in arms}
    chosen = [
        (by_name[first], by_name[second])
        for first, second in planned(tuple(by_name), pairs)
        if first in by_name and second in by_name
    ]
    if not chosen or not len(chosen[0][0].verdict):
        return tuple(_without_images(first.arm, second.arm) for first, second in chosen)
    # What every column follows from comes first and in one order, so that the draws, which go by distinct
    # rows in lexical order, do not depend on which arm of a pair is named first.
    known = [by_name[name] for name in sorted(by_name)]
    base = [column for arm in known for column in (arm.positive, arm.received, arm.verdict)]
    columns = [column for first, second in chosen for column in _columns(first, second)]
    names = tuple(f"{arm.arm}: {what}" for arm in known for what in ("positive", "received", "verdict"))
    names += tuple(
        f"{first.arm} - {second.arm}: {name}" for first, second in chosen for name in _COLUMN_NAMES
    )
    values = np.stack([*base, *columns], axis=1).astype(np.int64)
    values[:, 2 : len(base) : 3] += 1  # verdicts from 0 on: a value below would be an image not drawn
    drawn = bootstrap_images(ImageOutcomes(values, names), draws=draws, rng=rng)
    return tuple(_pair(first, second, rule, drawn) for first, second in chosen)


def holm_pairs(pairs: Sequence[ArmPair]) -> tuple[ArmPair, ...]:
    """The same pairs with p adjusted over all that have one (Holm 1979)."""
    tested = [pair.p for pair in pairs if not isinstance(pair.p, Withheld)]
    if not tested:
        return tuple(pairs)
    # Imported late, like everything of statsmodels: it doubles the start of every process.
    from statsmodels.stats.multitest import multipletests

    adjusted = iter(multipletests(tested, method="holm")[1])
    return tuple(
        pair if isinstance(pair.p, Withheld) else replace(pair, p_holm=float(next(adjusted)))
        for pair in pairs
    )


def mcnemar_exact(first_only: int, second_only: int) -> float:
    """Two-sided exact p of McNemar's test: the differing verdicts against a fair coin (1 without any)."""
    from scipy.stats import binomtest  # late: web processes start without scipy.stats

    differing = first_only + second_only
    return 1.0 if differing == 0 else float(binomtest(first_only, differing, 0.5).pvalue)


def turned(first: ArmImages, second: ArmImages) -> tuple[Turned, ...]:
    """The images agreed in one arm and rejected in the other, in the order of the images."""
    differing = first.decided & second.decided & (first.agreed != second.agreed)
    return tuple(
        Turned(image=int(place), agreed_in_second=bool(second.agreed[place]))
        for place in np.flatnonzero(differing)
    )


_COLUMN_NAMES = (
    *("judged", "first only", "second only"),
    *("first positive", "first answers", "second positive", "second answers"),
)


def _columns(first: ArmImages, second: ArmImages) -> tuple[IntArray | BoolArray, ...]:
    judged = first.decided & second.decided
    answered = (first.received > 0) & (second.received > 0)
    return (
        judged,
        judged & first.agreed & ~second.agreed,
        judged & second.agreed & ~first.agreed,
        *(np.where(answered, column, 0) for column in (first.positive, first.received)),
        *(np.where(answered, column, 0) for column in (second.positive, second.received)),
    )


def _pair(first: ArmImages, second: ArmImages, rule: AgreementRule, draws: Draws) -> ArmPair:
    judged = first.decided & second.decided
    if not judged.any():
        return _without_images(first.arm, second.arm)
    first_only = int((judged & first.agreed & ~second.agreed).sum())
    second_only = int((judged & second.agreed & ~first.agreed).sum())
    p = mcnemar_exact(first_only, second_only)
    return ArmPair(
        first=first.arm,
        second=second.arm,
        both=int((judged & first.agreed & second.agreed).sum()),
        first_only=first_only,
        second_only=second_only,
        neither=int((judged & ~first.agreed & ~second.agreed).sum()),
        acceptance=_acceptance(first, second, draws),
        answers=Withheld(STOPPED_EARLY) if rule.stop_when_decided else _answers(first, second, draws),
        p=p,
        p_holm=p,
    )


def _acceptance(first: ArmImages, second: ArmImages, draws: Draws) -> PairedDifference:
    judged = first.decided & second.decided
    total = int(judged.sum())
    first_only, second_only = (
        int((judged & one.agreed & ~other.agreed).sum()) for one, other in ((first, second), (second, first))
    )
    of = _of(first, second, draws)
    interval = (
        _around_nothing(total)
        if first_only + second_only == 0
        else percentile(ratio_draws(of("first only") - of("second only"), of("judged")))
    )
    return PairedDifference((first_only - second_only) / total, interval)


def _answers(first: ArmImages, second: ArmImages, draws: Draws) -> PairedDifference:
    answered = (first.received > 0) & (second.received > 0)
    shares = [float(arm.positive[answered].sum() / arm.received[answered].sum()) for arm in (first, second)]
    same = first.positive[answered] * second.received[answered] == (
        second.positive[answered] * first.received[answered]
    )
    of = _of(first, second, draws)
    there = (of("first answers") > 0) & (of("second answers") > 0)
    interval = (
        _around_nothing(int(answered.sum()))
        if bool(same.all())
        else percentile(
            of("first positive")[there] / of("first answers")[there]
            - of("second positive")[there] / of("second answers")[there]
        )
    )
    return PairedDifference(shares[0] - shares[1], interval)


def _of(first: ArmImages, second: ArmImages, draws: Draws) -> Callable[[str], FloatArray]:
    """The replicates [B] of one of the pair's columns, by its name."""
    return lambda name: draws.of(_name(first, second, name))


def _name(first: ArmImages, second: ArmImages, column: str) -> str:
    return f"{first.arm} - {second.arm}: {column}"


def _around_nothing(images: int) -> Interval:
    """Where no image differs the bootstrap has nothing to vary: what Wilson allows of none of them."""
    most = wilson(0, images).high
    return Interval(-most, most, "wilson of no differing image")


def _without_images(first: str, second: str) -> ArmPair:
    nothing = NONE_IN_BOTH
    return ArmPair(first, second, 0, 0, 0, 0, nothing, nothing, nothing, nothing)
