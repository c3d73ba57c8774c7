"""What the results must show if the platform works: planted errors, exactly, and under erring people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.evidence import NO_QUESTION, ClassifierEvidence
from studyapp.analysis.votes import AgreementRule


@dataclass(frozen=True, slots=True, eq=False)
class Acceptance:
    """Probability [Q] that a question is agreed: by the planted truth alone, and with people who err."""

    planted: FloatArray
    with_errors: FloatArray


def acceptance(relevant: BoolArray, *, rule: AgreementRule, error_rate: float) -> Acceptance:
    """P(at least t of n positive), each answer positive with 1 - error_rate or error_rate: binomial."""
    return Acceptance(
        planted=relevant.astype(np.float64),
        with_errors=agreed_probability(
            relevant, required=rule.required, agreement=rule.agreement, error_rate=error_rate
        ),
    )


def agreed_probability(
    relevant: BoolArray, *, required: int, agreement: int, error_rate: float
) -> FloatArray:
    """P(at least `agreement` of `required` positive) of each question; see `acceptance`."""
    agreed_if_relevant = float(binom.sf(agreement - 1, required, 1.0 - error_rate))
    agreed_if_not = float(binom.sf(agreement - 1, required, error_rate))
    return np.where(relevant, agreed_if_relevant, agreed_if_not)


def expected_error(classifier: ClassifierEvidence, agreed: FloatArray) -> float:
    """Expected rectified top-1 error: (1/N) * sum over the mistakes of 1 - P(agreed).

    A mistake without a question stays wrong; in a sampled study each stratum's mean over the drawn
    mistakes stands for the whole stratum (science.md, section 1).
    """
    questions = classifier.mistake_question[:, np.newaxis]
    return _expected(~classifier.correct, questions, classifier, agreed)


def expected_top5_errors(classifier: ClassifierEvidence, agreed: FloatArray) -> tuple[float, float] | None:
    """Expected rectified top-5 error in variants A and B; None without questions about the top 5.

    Of several questions about one image any that is agreed accepts it; their answers are independent
    given the truth. Where A was asked, B is the part of it whose label is not in the list.
    """
    if classifier.top5 is None or classifier.label_in_top5 is None:
        return None
    questions = classifier.top5.questions.reshape(len(classifier.correct), -1)
    variant_b = ~classifier.correct & ~classifier.label_in_top5
    return (
        _expected(~classifier.correct, questions, classifier, agreed),
        _expected(
            variant_b if classifier.top5.variant == "B" else ~classifier.correct,
            questions,
            classifier,
            agreed,
            part=variant_b,
        ),
    )


def _expected(
    error: BoolArray,
    questions: IntArray,
    classifier: ClassifierEvidence,
    agreed: FloatArray,
    *,
    part: BoolArray | None = None,
) -> float:
    """What remains of `error` [N], or of `part` of it, when a sample was drawn from the whole."""
    asked = questions != NO_QUESTION
    probability = np.where(asked, agreed[np.where(asked, questions, 0)] if len(agreed) else 0.0, 0.0)
    remains = 1.0 - np.where(asked.any(axis=1), 1.0 - (1.0 - probability).prod(axis=1), 0.0)
    if part is not None:
        remains = np.where(part, remains, 0.0)
    if classifier.stratum is None:
        return float(remains[error].sum() / len(error))
    drawn = error & asked.any(axis=1)
    total = 0.0
    for stratum in np.unique(classifier.stratum[error]):
        here = error & (classifier.stratum == stratum)
        sample = remains[here & drawn]
        total += here.sum() * sample.mean() if len(sample) else remains[here].sum()
    return float(total / len(error))


def agreed_tail(classifier: ClassifierEvidence, agreed: FloatArray, observed: int) -> float:
    """Two-sided probability of `observed` agreed mistakes or a more unlikely count, given the plan."""
    asked = classifier.mistake_question[~classifier.correct]
    return count_tail(agreed[asked[asked != NO_QUESTION]], observed)


def count_tail(probability: FloatArray, observed: int) -> float:
    """Two-sided probability of `observed` or a more unlikely count of outcomes with these probabilities.

    The count is a sum of independent yes-or-no outcomes with few distinct probabilities: the convolution
    of one binomial for each.
    """
    mass: FloatArray = np.ones(1)
    for level, size in zip(*np.unique(probability, return_counts=True), strict=True):
        mass = np.convolve(mass, binom.pmf(np.arange(size + 1), size, level))
    below, above = mass[: observed + 1].sum(), mass[observed:].sum()
    return float(min(1.0, 2.0 * min(below, above)))
