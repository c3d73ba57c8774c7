"""Conditions in pairs: the exact within-participant permutation test, and Holm over the planned contrasts.

If a condition makes no difference, a person's answers could as well have stood under the other one: the
labels are exchanged among each person's own answers. The number of right answers under the first condition is
then a sum of independent hypergeometric numbers, one for each person, so that its distribution is exact and
needs no random draws (the exact test of Cochran, Mantel and Haenszel with people as strata).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from studyapp.analysis.arrays import FloatArray, IntArray
from studyapp.analysis.assignment import Trials, conditions_of
from studyapp.analysis.intervals import Interval, percentile
from studyapp.analysis.withheld import Withheld

NOBODY_IN_BOTH = Withheld(
    "nobody answered in both conditions, with success and failure: nothing can be exchanged within a person"
)


@dataclass(frozen=True, slots=True)
class ConditionContrast:
    """Success of the first condition minus that of the second.

    `interval`: people resampled. `informative`: people whose answers in the two conditions could have come
    out otherwise. `p`: two-sided, exact; `p_holm` over the planned contrasts.
    """

    first: str
    second: str
    answers_first: int
    answers_second: int
    difference: float | Withheld
    interval: Interval | None
    informative: int
    p: float | Withheld
    p_holm: float | Withheld


def condition_contrasts(
    trials: Trials,
    pairs: Sequence[tuple[str, str]] | None,
    *,
    draws: int,
    rng: np.random.Generator,
) -> tuple[ConditionContrast, ...]:
    """The planned contrasts (None: all pairs), intervals from the same draws of the people."""
    table = _table(trials)
    people = table.answers.shape[0]
    drawn = rng.multinomial(people, np.full(people, 1 / people), size=draws) if people else None
    found = tuple(_contrast(trials, table, a, b, drawn) for a, b in conditions_of(pairs, trials.conditions))
    return _holm(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Answers and right answers of every person under every condition [P, C]."""

    answers: IntArray
    right: IntArray


def _table(trials: Trials) -> _Table:
    people, person = np.unique(trials.participant, return_inverse=True)
    width = len(trials.conditions)
    cell = person * width + trials.condition
    shape = (len(people), width)
    size = len(people) * width
    return _Table(
        answers=np.bincount(cell, minlength=size).reshape(shape),
        right=np.bincount(cell[trials.right], minlength=size).reshape(shape),
    )


def _contrast(trials: Trials, table: _Table, a: int, b: int, drawn: IntArray | None) -> ConditionContrast:
    answers, right = table.answers[:, [a, b]], table.right[:, [a, b]]
    totals = answers.sum(axis=0)
    both = answers.sum(axis=1)
    informative = (answers > 0).all(axis=1) & (right.sum(axis=1) > 0) & (right.sum(axis=1) < both)
    difference: float | Withheld = Withheld("a condition has no answers")
    interval = None
    if drawn is not None and (totals > 0).all():
        difference = float(right[:, 0].sum() / totals[0] - right[:, 1].sum() / totals[1])
        interval = percentile(_difference_draws(answers, right, drawn))
    p: float | Withheld = NOBODY_IN_BOTH
    if informative.any():
        p = permutation_p(answers[informative], right[informative])
    return ConditionContrast(
        first=trials.conditions[a],
        second=trials.conditions[b],
        answers_first=int(totals[0]),
        answers_second=int(totals[1]),
        difference=difference,
        interval=interval,
        informative=int(informative.sum()),
        p=p,
        p_holm=p,
    )


def _difference_draws(answers: IntArray, right: IntArray, drawn: IntArray) -> FloatArray:
    """[<= B] differences of success with people resampled; draws without one of the conditions left out."""
    totals, successes = drawn @ answers, drawn @ right
    there = (totals > 0).all(axis=1)
    rates = successes[there] / totals[there]
    return np.asarray(rates[:, 0] - rates[:, 1], dtype=np.float64)


def permutation_p(answers: IntArray, right: IntArray) -> float:
    """Two-sided exact p of the within-participant permutation test.

    `answers`, `right` [P, 2]: each person's answers and right answers under the two conditions. Sums as far
    from their mean as the observed one, or farther, are counted.
    """
    from scipy.stats import hypergeom  # late: web processes start without scipy.stats

    distribution = np.ones(1)
    least, mean = 0, 0.0
    for (first, second), (right_first, right_second) in zip(answers.tolist(), right.tolist(), strict=True):
        total, successes = first + second, right_first + right_second
        low, high = max(0, successes - second), min(first, successes)
        person = hypergeom.pmf(np.arange(low, high + 1), total, successes, first)
        distribution = np.convolve(distribution, person)
        least += low
        mean += first * successes / total
    away = np.abs(least + np.arange(len(distribution)) - mean)
    observed = abs(float(right[:, 0].sum()) - mean)
    # Sums that are equally far in exact arithmetic differ in their last digits.
    return min(1.0, float(distribution[away >= observed - 1e-9].sum()))


def _holm(contrasts: tuple[ConditionContrast, ...]) -> tuple[ConditionContrast, ...]:
    tested = [each.p for each in contrasts if not isinstance(each.p, Withheld)]
    if not tested:
        return contrasts
    # Imported late, like everything of statsmodels: it doubles the start of every process.
    from statsmodels.stats.multitest import multipletests

    adjusted = iter(multipletests(tested, method="holm")[1])
    return tuple(
        each if isinstance(each.p, Withheld) else replace(each, p_holm=float(next(adjusted)))
        for each in contrasts
    )
