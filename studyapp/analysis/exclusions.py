"""Answers left out by rules declared before the data, for tables that stand beside the full ones.

Nothing is left out at collection and nothing of it reaches the headline table: the same statistics are
computed a second time from what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from studyapp.analysis.arrays import BoolArray, FloatArray
from studyapp.analysis.evidence import StudyEvidence
from studyapp.analysis.participant_quality import participant_quality

Measure = Literal["seconds", "median_seconds", "gold_accuracy"]


@dataclass(frozen=True, slots=True)
class ExclusionRule:
    """Leave out what lies below `below` or above `above`; a bound itself stays.

    `seconds` judges each answer by its time; `median_seconds` and `gold_accuracy` (share of gold questions
    answered as expected) judge a participant, with all their answers.
    """

    measure: Measure
    below: float | None
    above: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a rule leaves out by itself: answers, and participants with such an answer."""

    answers: int
    participants: int


@dataclass(frozen=True, slots=True, eq=False)
class FilteredEvidence:
    """The evidence without the excluded answers; what each rule left out (`by_rule`), and all together."""

    evidence: StudyEvidence
    rules: tuple[ExclusionRule, ...]
    by_rule: tuple[LeftOut, ...]
    together: LeftOut


def without_excluded(evidence: StudyEvidence, rules: Sequence[ExclusionRule]) -> FilteredEvidence:
    """Apply every rule to the answers as they were given: what one leaves out does not change another.

    A time that is not known, or a participant who met no gold question, is never judged.
    """
    marked = [_excluded(_measured(evidence, rule.measure), rule) for rule in rules]
    excluded: BoolArray = np.zeros(len(evidence.answers), dtype=bool)
    for mark in marked:
        excluded |= mark
    return FilteredEvidence(
        evidence=replace(evidence, answers=evidence.answers.where(~excluded)),
        rules=tuple(rules),
        by_rule=tuple(_left_out(evidence, mark) for mark in marked),
        together=_left_out(evidence, excluded),
    )


def _measured(evidence: StudyEvidence, measure: Measure) -> FloatArray:
    """[A] the measure that each answer is judged by, NaN where it is not known."""
    answers = evidence.answers
    if measure == "seconds":
        return np.full(len(answers), np.nan) if answers.seconds is None else answers.seconds
    of_person = np.full(answers.participants, np.nan)
    for person in participant_quality(answers, evidence.rule.positive, evidence.gold_questions):
        value = person.median_seconds if measure == "median_seconds" else person.gold.share
        if value is not None:
            of_person[person.participant] = value
    return np.asarray(of_person[answers.participant], dtype=np.float64)


def _excluded(values: FloatArray, rule: ExclusionRule) -> BoolArray:
    # Comparisons with NaN are false, so what is not known stays.
    excluded: BoolArray = np.zeros(len(values), dtype=bool)
    if rule.below is not None:
        excluded |= values < rule.below
    if rule.above is not None:
        excluded |= values > rule.above
    return excluded


def _left_out(evidence: StudyEvidence, excluded: BoolArray) -> LeftOut:
    people = np.unique(evidence.answers.participant[excluded])
    return LeftOut(answers=int(excluded.sum()), participants=len(people))
