"""A share of questions as the tables have it, beside the share that was planted in them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from django.db.models import QuerySet

from studyapp.analysis.arrays import BoolArray, FloatArray
from studyapp.analysis.intervals import Rate, effective_number, wilson_of_share
from studyapp.management.rehearsal.expected import agreed_probability, count_tail
from studyapp.management.rehearsal.recovery import IMPROBABLE
from studyapp.management.rehearsal.report import Finding, Recovered
from studyapp.models import QuestionUse
from studyapp.protocol.schema import AnswersRule

#: So wide that chance alone leaves it once in a million runs.
LEVEL = 1 - IMPROBABLE


def planted_in(uses: QuerySet[QuestionUse], truth: Mapping[str, bool]) -> tuple[BoolArray, FloatArray]:
    """The truth of each question (by its key) in these parts, and what each stands for."""
    rows = [(truth[key], weight) for key, weight in uses.values_list("question__key", "weight")]
    return (
        np.array([true for true, _ in rows], dtype=np.bool_),
        np.array([weight for _, weight in rows], dtype=np.float64),
    )


def recovered_agreement(
    *,
    quantity: str,
    claim: str,
    truth: BoolArray,
    rule: AnswersRule,
    error_rate: float,
    found: Rate,
    weight: FloatArray | None = None,
) -> tuple[Recovered, Finding]:
    """The share of questions agreed, whose `truth` [m] people answer and err about; see `recovered_count`."""
    probability = agreed_probability(
        truth, required=rule.required, agreement=rule.agreement, error_rate=error_rate
    )
    return recovered_count(
        quantity=quantity,
        claim=claim,
        planted=truth.astype(np.float64),
        probability=probability,
        found=found,
        weight=weight,
    )


def recovered_count(
    *,
    quantity: str,
    claim: str,
    planted: FloatArray,
    probability: FloatArray,
    found: Rate,
    weight: FloatArray | None = None,
) -> tuple[Recovered, Finding]:
    """`found` of m independent outcomes beside their `planted` and expected `probability` [m].

    `weight` [m]: what each stands for in the table's share, alike where none is given; the count has none.
    The finding fails where an outcome is missing, and where so many or fewer come about by the plan less
    than once in a million runs.
    """
    asked = len(probability)
    weight = np.ones(asked) if weight is None else weight
    interval = wilson_of_share(found.share or 0.0, effective_number(weight), LEVEL)
    tail = count_tail(probability, found.count)
    return (
        Recovered(
            quantity=quantity,
            standard=None,
            planted=float(np.average(planted, weights=weight)),
            expected=float(np.average(probability, weights=weight)),
            estimate=math.nan if found.share is None else found.share,
            interval=(interval.low, interval.high),
            slack=0.5 / asked,
        ),
        Finding(
            claim,
            tail >= IMPROBABLE and found.total == asked,
            f"{found.count} of {found.total} decided, {asked} asked "
            f"(probability of this or less likely under the plan: {tail:.2g})",
        ),
    )
