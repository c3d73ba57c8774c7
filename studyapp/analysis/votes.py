"""Answers as arrays, the agreement rule, and the votes that it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray

Rule = Literal["count", "proportion", "dawid_skene", "gold_calibrated"]
Incomplete = Literal["strict", "proportion"]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One row per answer: who said what to which question.

    `question` [A] indices 0..questions-1, `participant` [A] indices 0..participants-1, `value` [A]
    indices into `vocabulary`, `seconds` [A] or None. Rows of different questions may be mixed; rows of
    one question stand in the order in which they count (time for live answers, the stored draw for
    imported ones). A participant answers a question once.
    """

    question: IntArray
    participant: IntArray
    value: IntArray
    vocabulary: tuple[str, ...]
    questions: int
    participants: int
    seconds: FloatArray | None = None

    def __post_init__(self) -> None:
        rows = len(self.question)
        for name, column, size in (
            ("question", self.question, self.questions),
            ("participant", self.participant, self.participants),
            ("value", self.value, len(self.vocabulary)),
        ):
            if len(column) != rows:
                raise ValueError(f"answers: column {name} has {len(column)} rows, column question has {rows}")
            if rows and (int(column.min()) < 0 or int(column.max()) >= size):
                raise ValueError(
                    f"answers: column {name} holds {int(column.min())}..{int(column.max())}; "
                    f"indices must be 0..{size - 1}"
                )
        if self.seconds is not None and len(self.seconds) != rows:
            raise ValueError(
                f"answers: column seconds has {len(self.seconds)} rows, column question has {rows}"
            )

    def __len__(self) -> int:
        return len(self.question)

    def where(self, keep: BoolArray) -> Answers:
        """The rows where `keep` [A] is true, with the same questions, participants and vocabulary."""
        return Answers(
            question=self.question[keep],
            participant=self.participant[keep],
            value=self.value[keep],
            vocabulary=self.vocabulary,
            questions=self.questions,
            participants=self.participants,
            seconds=None if self.seconds is None else self.seconds[keep],
        )

    def codes(self, values: tuple[str, ...]) -> IntArray:
        """Indices of `values` in the vocabulary; values that nobody could give are left out."""
        return np.array([i for i, name in enumerate(self.vocabulary) if name in values], dtype=np.int16)

    def is_positive(self, positive: tuple[str, ...]) -> BoolArray:
        """[A] whether the answer is one of the positive values."""
        flags = np.zeros(len(self.vocabulary), dtype=bool)
        flags[self.codes(positive)] = True
        return np.asarray(flags[self.value], dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class AgreementRule:
    """At least `agreement` positive of `required` answers (science.md, section 1).

    `incomplete`: `strict` leaves a question undecided until the count is certain; `proportion` judges
    by p/m >= agreement/required from `minimum_answers` on. `rule`: `count` and `proportion` look at the
    question's own answers (`proportion` implies incomplete = proportion), `dawid_skene` and
    `gold_calibrated` accept at a posterior of 0.5 or more.
    """

    required: int = 5
    agreement: int = 4
    positive: tuple[str, ...] = ("yes",)
    incomplete: Incomplete = "strict"
    rule: Rule = "count"
    stop_when_decided: bool = False
    minimum_answers: int = 3

    def __post_init__(self) -> None:
        if self.required < 1:
            raise ValueError(f"required = {self.required}: a question needs at least one answer")
        if not 1 <= self.agreement <= self.required:
            raise ValueError(
                f"agreement = {self.agreement}: give a number from 1 to required ({self.required})"
            )
        if not self.positive:
            raise ValueError("positive is empty: name the answers that count as agreement")
        if self.stop_when_decided and self.rule in ("dawid_skene", "gold_calibrated"):
            raise ValueError(
                f'rule = "{self.rule}" needs every answer, but stop_when_decided closes questions early: '
                "switch one of them off"
            )

    @property
    def judges_by_proportion(self) -> bool:
        """Whether an incomplete question may be decided by its share of positive answers."""
        return self.incomplete == "proportion" or self.rule == "proportion"

    @property
    def fewest(self) -> int:
        """Answers from which a share is judged: `minimum_answers`, or all where fewer are required."""
        return min(self.minimum_answers, self.required)


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """`positive` [Q] positive answers p and `received` [Q] counted answers m (at most `required`)."""

    positive: IntArray
    received: IntArray


def counted_answers(answers: Answers, required: int) -> Answers:
    """The answers that count: the first `required` of each question, ordered by question."""
    if len(answers) == 0:
        return answers
    order = np.argsort(answers.question, kind="stable")
    question = answers.question[order]
    starts = np.flatnonzero(np.r_[True, question[1:] != question[:-1]])
    rank = np.arange(len(question)) - np.repeat(starts, np.diff(np.r_[starts, len(question)]))
    keep = order[rank < required]
    return Answers(
        question=answers.question[keep],
        participant=answers.participant[keep],
        value=answers.value[keep],
        vocabulary=answers.vocabulary,
        questions=answers.questions,
        participants=answers.participants,
        seconds=None if answers.seconds is None else answers.seconds[keep],
    )


def count_votes(answers: Answers, rule: AgreementRule) -> Votes:
    """Positive and received answers of every question, from the first `rule.required` of each.

    A value outside `rule.positive` ("no", "unsure", ...) is received and not positive.
    """
    counted = counted_answers(answers, rule.required)
    positive = counted.is_positive(rule.positive)
    return Votes(
        positive=np.bincount(counted.question[positive], minlength=answers.questions),
        received=np.bincount(counted.question, minlength=answers.questions),
    )


def value_counts(answers: Answers) -> IntArray:
    """[Q, V] how often each value was given to each question."""
    width = len(answers.vocabulary)
    code = answers.question.astype(np.int64) * width + answers.value
    return np.bincount(code, minlength=answers.questions * width).reshape(answers.questions, width)
