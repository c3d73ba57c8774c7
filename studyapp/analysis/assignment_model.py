"""A mixed-effects logistic model beside the permutation test.

log-odds(right) = condition + person + set of categories, the last two normal with standard deviations to be
found; statsmodels' BinomialBayesMixedGLM by variational Bayes, whose posterior treats the coefficients as
independent and so tends to be too sure: the permutation test is the primary one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, sqrt

import numpy as np

from studyapp.analysis.arrays import IntArray
from studyapp.analysis.assignment import Trials
from studyapp.analysis.intervals import LEVEL, Interval
from studyapp.analysis.withheld import Withheld

FEWEST_ANSWERS = 20


@dataclass(frozen=True, slots=True)
class ModelledCondition:
    """Posterior of one condition: log-odds of success of an average person on an average set, and its sd."""

    condition: str
    log_odds: float
    sd: float

    @property
    def success(self) -> float:
        """The same as a share."""
        return 1 / (1 + exp(-self.log_odds))


@dataclass(frozen=True, slots=True)
class MixedModel:
    """Conditions that have answers, and the standard deviations of people and of category sets (log-odds)."""

    conditions: tuple[ModelledCondition, ...]
    sd_participants: float
    sd_category_sets: float

    def odds_ratio(self, first: str, second: str) -> tuple[float, Interval] | Withheld:
        """Odds of success under the first condition over those under the second, with its interval."""
        named = {each.condition: each for each in self.conditions}
        if first not in named or second not in named:
            return Withheld("a condition has no answers")
        one, other = named[first], named[second]
        difference = one.log_odds - other.log_odds
        from scipy.special import ndtri

        reach = float(ndtri((1 + LEVEL) / 2)) * sqrt(one.sd**2 + other.sd**2)
        return exp(difference), Interval(
            exp(difference - reach), exp(difference + reach), "variational Bayes"
        )


def mixed_model(trials: Trials) -> MixedModel | Withheld:
    """Fit the model; withheld where there is too little to fit or it does not converge."""
    if len(trials.right) < FEWEST_ANSWERS:
        return Withheld(f"a model of fewer than {FEWEST_ANSWERS} answers says nothing")
    if trials.right.all() or not trials.right.any():
        return Withheld("all answers are right, or none is: there is nothing to model")
    # Imported late: statsmodels brings pandas, which would double the start of every web process.
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

    present, condition = np.unique(trials.condition, return_inverse=True)
    people, sets = _indicators(trials.participant), _indicators(trials.category_set)
    fixed = _indicators(condition)
    random = np.hstack([people, sets])
    kinds = np.repeat([0, 1], [people.shape[1], sets.shape[1]])
    model = BinomialBayesMixedGLM(trials.right.astype(np.float64), fixed, random, kinds, vcp_p=1.0, fe_p=2.0)
    size = fixed.shape[1] + 2 + random.shape[1]
    # A start of our own: statsmodels draws one, and the same answers must give the same table.
    fitted = model.fit_vb(mean=np.zeros(size), sd=np.full(size, exp(-0.5)))
    if not (np.isfinite(fitted.fe_mean).all() and np.isfinite(fitted.fe_sd).all()):
        return Withheld("the model did not converge")
    return MixedModel(
        conditions=tuple(
            ModelledCondition(trials.conditions[int(code)], float(mean), float(sd))
            for code, mean, sd in zip(present, fitted.fe_mean, fitted.fe_sd, strict=True)
        ),
        sd_participants=exp(float(fitted.vcp_mean[0])),
        sd_category_sets=exp(float(fitted.vcp_mean[1])),
    )


def _indicators(code: IntArray) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """[A, K] one column for each distinct code."""
    _, place = np.unique(code, return_inverse=True)
    columns = np.zeros((len(code), int(place.max(initial=-1)) + 1))
    columns[np.arange(len(code)), place] = 1
    return columns
