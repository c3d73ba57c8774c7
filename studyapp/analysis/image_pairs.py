"""Pairs of pictures that are alike but for one thing (science.md, section 5): both predictions, and tests.

A picture's target is the dataset's label of it. McNemar's exact test asks whether one side is predicted
correctly more often, the sign test whether one side has the higher probability of its target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studyapp.analysis.arm_pairs import mcnemar_exact
from studyapp.analysis.intervals import Rate, wilson_rate
from studyapp.analysis.withheld import Withheld

NO_PAIR = Withheld("no pair has predictions of both pictures")
NO_PROBABILITY = Withheld("of no pair it is known which target is more probable")


@dataclass(frozen=True, slots=True)
class TargetProbability:
    """p(target), or None where it is not known; then it is at most `at_most` (1 where nothing is known)."""

    value: float | None
    at_most: float = 1.0

    def __post_init__(self) -> None:
        for number in (self.value, self.at_most):
            if number is not None and not 0 <= number <= 1 + 1e-6:
                raise ValueError(f"a probability of {number}: give a number between 0 and 1")


@dataclass(frozen=True, slots=True)
class PairPrediction:
    """Whether each picture's top-1 is its target, and the probability of its target."""

    first_right: bool
    second_right: bool
    first: TargetProbability
    second: TargetProbability

    @property
    def difference(self) -> float | None:
        """p(target) of the first minus that of the second; None where one is not known."""
        if self.first.value is None or self.second.value is None:
            return None
        return self.first.value - self.second.value

    @property
    def sign(self) -> int | None:
        """1 where the first's target is more probable, -1 where the second's, 0 where equal, None unknown.

        Where one is not known, it may still be below the other by its bound.
        """
        one, other = self.first, self.second
        if one.value is not None and other.value is not None:
            return (one.value > other.value) - (one.value < other.value)
        if one.value is not None and one.value > other.at_most:
            return 1
        if other.value is not None and other.value > one.at_most:
            return -1
        return None


@dataclass(frozen=True, slots=True)
class PairsSummary:
    """A set of pairs of which both pictures are predicted.

    `both_right` to `neither` count them by their top-1; `first_higher`, `second_higher`, `equal` by
    p(target), `unknown` where that is not known. `mean_difference` over the `differences` known.
    """

    pairs: int
    both_right: int
    first_only: int
    second_only: int
    neither: int
    first_accuracy: Rate
    second_accuracy: Rate
    mcnemar_p: float | Withheld
    first_higher: int
    second_higher: int
    equal: int
    unknown: int
    sign_p: float | Withheld
    differences: int
    mean_difference: float | Withheld


def summarise_pairs(pairs: Sequence[PairPrediction]) -> PairsSummary:
    """Counts and tests of a set; equal probabilities say nothing in the sign test and are left out of it."""
    outcomes = [(pair.first_right, pair.second_right) for pair in pairs]
    first_only, second_only = outcomes.count((True, False)), outcomes.count((False, True))
    both = outcomes.count((True, True))
    signs = [pair.sign for pair in pairs]
    higher, lower = signs.count(1), signs.count(-1)
    known = [difference for pair in pairs if (difference := pair.difference) is not None]
    return PairsSummary(
        pairs=len(pairs),
        both_right=both,
        first_only=first_only,
        second_only=second_only,
        neither=outcomes.count((False, False)),
        first_accuracy=wilson_rate(both + first_only, len(pairs)),
        second_accuracy=wilson_rate(both + second_only, len(pairs)),
        mcnemar_p=mcnemar_exact(first_only, second_only) if pairs else NO_PAIR,
        first_higher=higher,
        second_higher=lower,
        equal=signs.count(0),
        unknown=signs.count(None),
        sign_p=sign_test(higher, lower) if higher + lower else NO_PROBABILITY,
        differences=len(known),
        mean_difference=sum(known) / len(known) if known else NO_PROBABILITY,
    )


def sign_test(higher: int, lower: int) -> float:
    """Two-sided exact p of the sign test: so many of both against a fair coin."""
    from scipy.stats import binomtest  # late: web processes start without scipy.stats

    return 1.0 if higher + lower == 0 else float(binomtest(higher, higher + lower, 0.5).pvalue)
