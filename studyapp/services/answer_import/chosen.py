"""Answers about groups and attributes that were collected elsewhere: matched by the question's key."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studyapp.models import Question, Study
from studyapp.services.answer_import.matching import MatchedPairs
from studyapp.services.answer_import.people import register_people
from studyapp.services.answer_import.rows import (
    EarlierAnswers,
    NewAnswers,
    count_in_slots,
    earlier_answers,
    order_answers,
    write_answers,
)
from studyapp.services.csv_rows import Column, at_line, read_csv
from studyapp.services.participation.choosing import NotOfferedError, accepted_value
from studyapp.services.plans import protocol_of, setup_of
from studyapp.services.refusals import Refused

PANEL = "import"
_COLUMNS = (
    Column("question", ("question_key", "key"), required=True),
    Column("participant", ("worker", "rater", "subject"), required=True),
    Column("answer", ("value", "response", "choice", "chosen"), required=True),
    Column("seconds", ("active_seconds", "rt", "time")),
)


@dataclass(frozen=True, slots=True)
class ChosenImport:
    """What came of an import: rows of the file, new ones, those that were there, and which count."""

    rows: int
    imported: int
    repeated: int
    counted: int
    participants: int
    questions: int


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    question: int
    participant: str
    value: str
    seconds: float


def asked_by_key(study: Study) -> bool:
    """Whether the study's questions are told apart by more than image and class."""
    return not any(setup.positive for setup in protocol_of(study).arm_setups())


def import_chosen(*, study: Study, path: Path, wording: str) -> ChosenImport:
    """Take in question, participant, answer[, seconds]; runs inside the caller's transaction.

    Keys are those of questions.csv. Raises Refused, naming the line, for an unknown question, an answer that
    its page does not offer, or two different answers of one participant to one question.
    """
    rows = _read(study, path)
    persons = tuple(dict.fromkeys(row.participant for row in rows))
    texts = tuple(dict.fromkeys(row.value for row in rows))
    questions = tuple(dict.fromkeys(row.question for row in rows))
    people = dict(zip(persons, register_people(panel=PANEL, persons=persons).tolist(), strict=True))
    place = {question: number for number, question in enumerate(questions)}
    matched = MatchedPairs(
        pair=np.array([place[row.question] for row in rows], dtype=np.int64),
        question=np.array(questions, dtype=np.int64),
        own=np.ones(len(questions), dtype=np.bool_),
        new=0,
    )
    earlier = earlier_answers(study=study, texts=texts)
    fresh = _fresh(path, rows, people, _standing(earlier, texts))
    answers = NewAnswers(
        pair=matched.pair,
        participant=np.array([people[row.participant] for row in rows], dtype=np.int64),
        value=np.array([texts.index(row.value) for row in rows], dtype=np.int64),
        texts=texts,
        positive=np.zeros(len(rows), dtype=np.bool_),
        seconds=np.array([row.seconds for row in rows], dtype=np.float64),
        order=np.zeros(len(rows), dtype=np.int64),
        counted=np.ones(len(rows), dtype=np.bool_),
    ).only(np.array(fresh, dtype=np.bool_))
    protocol = protocol_of(study)
    required = protocol.answers.required
    ordered = order_answers(study=study, matched=matched, answers=answers, earlier=earlier, required=required)
    if len(ordered.pair):
        write_answers(matched=matched, answers=ordered, wording=wording or protocol.questions.wording)
    count_in_slots(study=study, matched=matched, answers=ordered, protocol=protocol)
    return ChosenImport(
        rows=len(rows),
        imported=len(ordered.pair),
        repeated=len(rows) - len(ordered.pair),
        counted=int(ordered.counted.sum()),
        participants=len(persons),
        questions=len(questions),
    )


def _read(study: Study, path: Path) -> list[_Row]:
    table = read_csv(path, list(_COLUMNS))
    protocol = protocol_of(study)
    setups = {setup.name: setup_of(protocol, setup.name) for setup in protocol.arm_setups()}
    asked = Question.objects.filter(study=study, origin=Question.Origin.STUDY)
    known = {key: (pk, arm) for key, pk, arm in asked.values_list("key", "pk", "arm__name")}
    found = []
    for row in table.rows:
        cells = dict(zip(table.columns, row.values, strict=True))
        if cells["question"] not in known:
            raise Refused(
                at_line(
                    path, row.line, f"study {study.name} has no question {cells['question']!r}; mend the key."
                )
            )
        question, arm = known[cells["question"]]
        if not cells["participant"]:
            raise Refused(
                at_line(path, row.line, "the participant is empty; fill it in or take the line out.")
            )
        try:
            value = accepted_value(setups[arm], cells["answer"])
        except NotOfferedError as problem:
            raise Refused(at_line(path, row.line, f"answer {problem}.")) from problem
        seconds = _seconds(path, row.line, cells.get("seconds", ""))
        found.append(_Row(row.line, question, cells["participant"], value, seconds))
    return found


def _seconds(path: Path, line: int, text: str) -> float:
    """Seconds, NaN where none are given."""
    try:
        seconds = float(text) if text else math.nan
    except ValueError:
        seconds = -1.0
    if seconds < 0 or math.isinf(seconds):
        raise Refused(
            at_line(path, line, f"seconds {text!r} is no number from 0 on; mend it or leave it empty.")
        )
    return seconds


def _standing(earlier: EarlierAnswers, texts: Sequence[str]) -> dict[tuple[int, int], str]:
    """Imported answers that are there, by question and participant; empty where the file lacks the value."""
    rows = zip(
        earlier.question[earlier.standing].tolist(),
        earlier.participant[earlier.standing].tolist(),
        earlier.value[earlier.standing].tolist(),
        strict=True,
    )
    return {(question, person): texts[value] if value >= 0 else "" for question, person, value in rows}


def _fresh(
    path: Path, rows: Sequence[_Row], people: dict[str, int], known: dict[tuple[int, int], str]
) -> list[bool]:
    """Whether each row is new; raises Refused for one that contradicts an earlier row or import."""
    fresh = []
    for row in rows:
        key = (row.question, people[row.participant])
        fresh.append(key not in known)
        if known.setdefault(key, row.value) != row.value:
            raise Refused(
                at_line(
                    path,
                    row.line,
                    f"participant {row.participant} answers {row.value!r}, and something else to the same "
                    "question before; answers are never edited: keep one.",
                )
            )
    return fresh
