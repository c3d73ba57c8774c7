"""One classifier's outcomes, image by image, under the study's rule and the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import FloatArray, IntArray
from studyapp.analysis.evidence import NO_QUESTION, ClassifierEvidence
from studyapp.analysis.rectified import (
    OutcomeColumn,
    Review,
    image_verdicts,
    remaining_errors,
    sampling_design,
    symmetric_outcomes,
    within_errors,
)
from studyapp.analysis.sensitivity import RuleVerdicts
from studyapp.analysis.verdicts import Verdict, any_agreed
from studyapp.analysis.withheld import Withheld


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierColumns:
    """What is resampled for one classifier, and the reviews that it comes from."""

    evidence: ClassifierEvidence
    top1: Review
    standard: OutcomeColumn
    rectified: OutcomeColumn
    accepted: OutcomeColumn
    reviewed: OutcomeColumn
    sensitivity: tuple[OutcomeColumn | None, ...]
    standard_top5: OutcomeColumn | None
    top5_a: tuple[Review, OutcomeColumn] | None
    top5_b: tuple[Review, OutcomeColumn] | None
    symmetric: OutcomeColumn | None
    correct_verdicts: IntArray | None

    @property
    def together(self) -> tuple[OutcomeColumn, ...]:
        """All columns that share their draws (the symmetric one has a design of its own)."""
        optional = (
            *self.sensitivity,
            self.standard_top5,
            self.top5_a[1] if self.top5_a else None,
            self.top5_b[1] if self.top5_b else None,
        )
        fixed = (self.standard, self.rectified, self.accepted, self.reviewed)
        return fixed + tuple(column for column in optional if column is not None)

    @property
    def design(self) -> IntArray | None:
        """The cells of this classifier's sample, None where every mistake was to be reviewed."""
        return sampling_design(self.rectified)


def classifier_columns(
    evidence: ClassifierEvidence, verdicts: IntArray, others: tuple[RuleVerdicts, ...]
) -> ClassifierColumns:
    """Columns of one classifier from the verdicts [Q] of the study's rule and of the alternative rules."""
    name = evidence.classifier
    mistakes = ~evidence.correct
    top1 = Review(mistakes, image_verdicts(evidence.mistake_question, verdicts), evidence.stratum)
    top5_a, top5_b = _top5_columns(evidence, verdicts)
    symmetric, correct_verdicts = None, None
    if evidence.correct_question is not None:
        correct_verdicts = image_verdicts(evidence.correct_question, verdicts)
        symmetric = symmetric_outcomes(top1, correct_verdicts, name=f"{name}: symmetric top-1")
    in_list = evidence.label_in_top5
    return ClassifierColumns(
        evidence=evidence,
        top1=top1,
        standard=OutcomeColumn(f"{name}: standard top-1", mistakes.astype(np.int8)),
        rectified=remaining_errors(top1, name=f"{name}: rectified top-1"),
        accepted=_marked(top1, (Verdict.AGREED,), f"{name}: accepted mistakes"),
        reviewed=_marked(top1, (Verdict.AGREED, Verdict.REJECTED), f"{name}: decided mistakes"),
        sensitivity=tuple(_under(evidence, other) for other in others),
        standard_top5=None
        if in_list is None
        else OutcomeColumn(f"{name}: standard top-5", (~in_list).astype(np.int8)),
        top5_a=top5_a,
        top5_b=top5_b,
        symmetric=symmetric,
        correct_verdicts=correct_verdicts,
    )


def question_weights(review: Review, question: IntArray, questions: int) -> FloatArray:
    """[Q] the share of all images that each question's acceptance takes off the error.

    1/N for a mistake of a full review; W_s/(k_s N) for one of k_s drawn from a stratum of W_s.
    """
    asked = review.error & (question != NO_QUESTION)
    per_image = np.ones(len(asked))
    if review.stratum is not None:
        sizes = np.bincount(review.stratum[review.error])
        drawn = np.bincount(review.stratum[asked], minlength=len(sizes))
        ratio = np.divide(sizes, drawn, out=np.zeros(len(sizes)), where=drawn > 0)
        per_image[asked] = ratio[review.stratum[asked]]
    weights = np.bincount(question[asked], weights=per_image[asked], minlength=questions)
    return np.asarray(weights / len(asked), dtype=np.float64)


def _under(evidence: ClassifierEvidence, other: RuleVerdicts) -> OutcomeColumn | None:
    if isinstance(other.verdicts, Withheld):
        return None
    review = Review(
        ~evidence.correct, image_verdicts(evidence.mistake_question, other.verdicts), evidence.stratum
    )
    return remaining_errors(review, name=f"{evidence.classifier}: rectified top-1, {other.name}")


def _marked(review: Review, codes: tuple[Verdict, ...], name: str) -> OutcomeColumn:
    """1 for errors whose verdict is one of `codes`, with the review's strata."""
    base = remaining_errors(review, name=name)
    hit = review.error & np.isin(review.verdict, [int(code) for code in codes])
    return OutcomeColumn(name, np.where(base.values < 0, base.values, hit).astype(np.int8), base.stratum)


def _top5_columns(
    evidence: ClassifierEvidence, verdicts: IntArray
) -> tuple[tuple[Review, OutcomeColumn] | None, tuple[Review, OutcomeColumn] | None]:
    """Variants A (None where only B was asked) and B; both None without top-5 questions."""
    top5, in_list = evidence.top5, evidence.label_in_top5
    if top5 is None:
        return None, None
    name = evidence.classifier
    if in_list is None:
        raise ValueError(f"classifier {name} has top-5 questions but no top-5 lists (label_in_top5 is None)")
    if top5.form == "list":
        verdict = image_verdicts(top5.questions, verdicts)
    else:
        verdict = _per_class_verdicts(top5.questions, verdicts)
    b = Review(~in_list, verdict, evidence.stratum)
    name_b = f"{name}: rectified top-5 B ({top5.form})"
    if top5.variant == "B":
        return None, (b, remaining_errors(b, name=name_b))
    a = Review(~evidence.correct, verdict, evidence.stratum)
    column_a = remaining_errors(a, name=f"{name}: rectified top-5 A ({top5.form})")
    return (a, column_a), (b, within_errors(column_a, b.error, name=name_b))


def _per_class_verdicts(questions: IntArray, verdicts: IntArray) -> IntArray:
    """[N] from [N, 5]: agreed if any class is; a class without its question leaves the image undecided."""
    each = np.stack([image_verdicts(column, verdicts) for column in questions.T], axis=1)
    unasked = (each == NO_QUESTION).all(axis=1)
    each[each == NO_QUESTION] = Verdict.UNDECIDED
    joint = any_agreed(each)
    joint[unasked] = NO_QUESTION
    return joint
