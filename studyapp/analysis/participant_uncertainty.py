"""How much the rectified error depends on who happened to answer.

A person's answers stand or fall together, so resampling images alone understates the uncertainty. Here
the participants are the sample, as weights: a question is accepted if the weighted share of its positive
answers is at least agreement/required. At four of five, unequal weights turn more verdicts
against acceptance than for it, so these intervals are wide and lean upwards: "conservative".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.intervals import Interval, percentile
from studyapp.analysis.votes import AgreementRule, Answers
from studyapp.analysis.withheld import Withheld

_BLOCK = 100


@dataclass(frozen=True, slots=True)
class ParticipantUncertainty:
    """Interval from participants resampled as weights, and the range when each is left out in turn.

    `left_out`: (lowest, highest) rectified error; `most_influential` [participant index] moves it furthest.
    """

    conservative_interval: Interval
    left_out: tuple[float, float]
    most_influential: int


def participant_uncertainty(
    counted: Answers,
    rule: AgreementRule,
    *,
    standard_error: float,
    question_weights: FloatArray,
    draws: int,
    rng: np.random.Generator,
) -> ParticipantUncertainty | Withheld:
    """Both measures for one classifier.

    `counted`: the answers that count. `question_weights` [Q]: the share of all images that a question's
    acceptance takes off the error (1/N per decided mistake, W_s/(k_s N) in a sampled study, 0 elsewhere), so
    the rectified error is `standard_error` minus the accepted weight. Questions left without any weighted
    answer in a draw are judged as the others are on average.
    """
    if rule.rule not in ("count", "proportion"):
        return Withheld(
            f"rule {rule.rule} weighs participants itself; resampling is defined for counted rules"
        )
    rows = counted.where(question_weights[counted.question] > 0)
    people = np.unique(rows.participant)
    if len(people) < 2:
        return Withheld(
            "fewer than two participants answered decided questions about this classifier's mistakes"
        )
    asked, question = np.unique(rows.question, return_inverse=True)
    weights = question_weights[asked]
    person = np.searchsorted(people, rows.participant)
    positive = rows.is_positive(rule.positive)
    # One number per answer holds both what counts for acceptance and that there is an answer: the sum over
    # a question is scale * (n * positive - t * received) + received, and received stays below scale.
    n, t = rule.required, rule.agreement
    scale = len(people) + 1
    votes = sparse.csr_matrix(
        (scale * (n * positive.astype(np.float64) - t) + 1, (question, person)),
        shape=(len(asked), len(people)),
    )
    replicates = np.empty(draws)
    for start in range(0, draws, _BLOCK):
        size = min(_BLOCK, draws - start)
        drawn = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), size=size)
        replicates[start : start + size] = standard_error - _accepted_weight(votes @ drawn.T, weights)
    interval = percentile(replicates)
    without = standard_error - _without_each(question, person, positive, weights, len(people), rule)
    everyone = standard_error - float(_accepted_weight(np.asarray(votes.sum(axis=1)), weights)[0])
    return ParticipantUncertainty(
        conservative_interval=Interval(
            interval.low, interval.high, "participants resampled as weights (conservative)"
        ),
        left_out=(float(without.min()), float(without.max())),
        most_influential=int(people[np.argmax(np.abs(without - everyone))]),
    )


def _accepted_weight(balance: FloatArray, weights: FloatArray) -> FloatArray:
    """[B] accepted weight from the balance of votes [Q, B]; unjudged weight is shared out in proportion.

    Above zero: the weighted share of positives is at least t/n. Zero: no weighted answer. (All whole
    numbers, so the comparison is exact.)
    """
    judged = weights @ (balance != 0)
    share = np.divide(weights @ (balance > 0), judged, out=np.zeros(balance.shape[1]), where=judged > 0)
    return np.asarray(share * weights.sum(), dtype=np.float64)


def _without_each(
    question: IntArray,
    person: IntArray,
    positive: BoolArray,
    weights: FloatArray,
    people: int,
    rule: AgreementRule,
) -> FloatArray:
    """[P] accepted weight without each person: only the questions that this person answered can change."""
    received = np.bincount(question, minlength=len(weights))
    agreed = np.bincount(question[positive], minlength=len(weights))
    n, t = rule.required, rule.agreement
    accepted = agreed * n >= t * received
    rest_received = received[question] - 1
    rest_agreed = agreed[question] - positive
    rest_judged = rest_received > 0
    rest_accepted = rest_judged & (rest_agreed * n >= t * rest_received)
    change = weights[question] * (rest_accepted.astype(np.float64) - accepted[question])
    lost = np.where(rest_judged, 0.0, weights[question])
    accepted_weight = float(weights[accepted].sum()) + np.bincount(person, change, minlength=people)
    judged_weight = weights.sum() - np.bincount(person, lost, minlength=people)
    share = np.divide(accepted_weight, judged_weight, out=np.zeros(people), where=judged_weight > 0)
    return np.asarray(share * weights.sum(), dtype=np.float64)
