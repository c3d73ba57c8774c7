"""Literal tables as the statistics take them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from studyapp.analysis.votes import Answers

YES_NO_UNSURE = ("no", "yes", "unsure")


def answers_of(
    rows: Sequence[str],
    *,
    vocabulary: tuple[str, ...] = YES_NO_UNSURE,
    seconds: Sequence[float] | None = None,
) -> Answers:
    """One string per question, one letter per answer in order: y(es), n(o), u(nsure).

    The j-th answer of every question is from participant j.
    """
    letters = {word[0]: code for code, word in enumerate(vocabulary)}
    question = [q for q, row in enumerate(rows) for _ in row]
    participant = [j for row in rows for j in range(len(row))]
    value = [letters[letter] for row in rows for letter in row]
    return Answers(
        question=np.array(question, dtype=np.int32),
        participant=np.array(participant, dtype=np.int32),
        value=np.array(value, dtype=np.int16),
        vocabulary=vocabulary,
        questions=len(rows),
        participants=max((len(row) for row in rows), default=0),
        seconds=None if seconds is None else np.array(seconds, dtype=np.float64),
    )


def shuffled(answers: Answers, order: np.ndarray) -> Answers:
    """The same rows in another order."""
    return Answers(
        question=answers.question[order],
        participant=answers.participant[order],
        value=answers.value[order],
        vocabulary=answers.vocabulary,
        questions=answers.questions,
        participants=answers.participants,
        seconds=None if answers.seconds is None else answers.seconds[order],
    )
