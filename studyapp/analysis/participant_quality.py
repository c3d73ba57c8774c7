"""What the answers say about each participant, and how the work was spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import IntArray
from studyapp.analysis.evidence import GoldQuestions
from studyapp.analysis.intervals import Rate, wilson_rate
from studyapp.analysis.votes import Answers


@dataclass(frozen=True, slots=True)
class ParticipantQuality:
    """One participant's answers.

    `agreement_with_rest`: of the questions on which the others have a majority, how often this participant
    is on its side (positive or not). `gold`: gold questions answered as expected. Seconds are None where
    no times are known.
    """

    participant: int
    answers: int
    share_of_answers: float
    agreement_with_rest: Rate
    gold: Rate
    median_seconds: float | None


@dataclass(frozen=True, slots=True)
class TopShare:
    """The share of all answers that the `participants` most active ones gave."""

    participants: int
    share: float


@dataclass(frozen=True, slots=True)
class GoldRate:
    """One gold question: answers as expected, of all its answers."""

    question: int
    expected: str
    as_expected: Rate


def participant_quality(
    answers: Answers, positive: tuple[str, ...], gold: GoldQuestions | None
) -> tuple[ParticipantQuality, ...]:
    """One row per participant who answered, in index order."""
    people = answers.participants
    given = np.bincount(answers.participant, minlength=people)
    agree, judged = _agreement_with_rest(answers, positive)
    gold_right, gold_asked = _gold_by_participant(answers, gold)
    medians = _median_seconds(answers)
    return tuple(
        ParticipantQuality(
            participant=person,
            answers=int(given[person]),
            share_of_answers=float(given[person] / len(answers)),
            agreement_with_rest=wilson_rate(int(agree[person]), int(judged[person])),
            gold=wilson_rate(int(gold_right[person]), int(gold_asked[person])),
            median_seconds=medians[person],
        )
        for person in np.flatnonzero(given).tolist()
    )


def top_shares(answers: Answers, sizes: tuple[int, ...] = (1, 5, 10)) -> tuple[TopShare, ...]:
    """How much of the work the most active participants did."""
    if not len(answers):
        return ()
    given = np.sort(np.bincount(answers.participant, minlength=answers.participants))[::-1]
    active = int((given > 0).sum())
    return tuple(TopShare(size, float(given[:size].sum() / len(answers))) for size in sizes if size <= active)


def gold_rates(answers: Answers, gold: GoldQuestions) -> tuple[GoldRate, ...]:
    """How often each gold question was answered as expected."""
    expected = _expected(answers, gold)
    asked = answers.where(expected[answers.question] >= 0)
    right = asked.value == expected[asked.question]
    hits = np.bincount(asked.question[right], minlength=answers.questions)
    total = np.bincount(asked.question, minlength=answers.questions)
    return tuple(
        GoldRate(
            question=int(question),
            expected=answers.vocabulary[int(code)],
            as_expected=wilson_rate(int(hits[question]), int(total[question])),
        )
        for question, code in zip(gold.question, gold.expected, strict=True)
    )


def _expected(answers: Answers, gold: GoldQuestions) -> IntArray:
    expected = np.full(answers.questions, -1, dtype=np.int64)
    expected[gold.question] = gold.expected
    return expected


def _gold_by_participant(answers: Answers, gold: GoldQuestions | None) -> tuple[IntArray, IntArray]:
    people = answers.participants
    if gold is None:
        return np.zeros(people, dtype=np.int64), np.zeros(people, dtype=np.int64)
    expected = _expected(answers, gold)
    asked = answers.where(expected[answers.question] >= 0)
    right = asked.value == expected[asked.question]
    return (
        np.bincount(asked.participant[right], minlength=people),
        np.bincount(asked.participant, minlength=people),
    )


def _agreement_with_rest(answers: Answers, positive: tuple[str, ...]) -> tuple[IntArray, IntArray]:
    yes = answers.is_positive(positive)
    total = np.bincount(answers.question, minlength=answers.questions)
    positives = np.bincount(answers.question[yes], minlength=answers.questions)
    rest_yes = positives[answers.question] - yes
    rest_total = total[answers.question] - 1
    decided = 2 * rest_yes != rest_total
    agrees = decided & ((2 * rest_yes > rest_total) == yes)
    return (
        np.bincount(answers.participant[agrees], minlength=answers.participants),
        np.bincount(answers.participant[decided], minlength=answers.participants),
    )


def _median_seconds(answers: Answers) -> tuple[float | None, ...]:
    if answers.seconds is None:
        return (None,) * answers.participants
    order = np.argsort(answers.participant, kind="stable")
    ends = np.cumsum(np.bincount(answers.participant, minlength=answers.participants))
    runs = np.split(answers.seconds[order], ends[:-1])
    known = (run[~np.isnan(run)] for run in runs)
    return tuple(float(np.median(run)) if len(run) else None for run in known)
