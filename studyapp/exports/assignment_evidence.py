"""The answers of an assignment study as trials: who chose when, and whether it was the target's group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from django.db.models import FloatField, Value
from django.db.models.functions import Coalesce

from studyapp.analysis.assignment import Trials
from studyapp.analysis.verdicts import Verdict
from studyapp.exports.answer_evidence import NO_TIME
from studyapp.exports.columns import FETCHED_AT_ONCE
from studyapp.exports.judged import JudgedQuestions
from studyapp.models import Answer, Category, Participant, Question, Study
from studyapp.protocol.criticism import AssignmentQuestions
from studyapp.protocol.schema import Protocol

Name = TypeVar("Name", int, str)


@dataclass(frozen=True, slots=True, eq=False)
class AssignmentEvidence:
    """The trials of one study and mode, and the names of their people and categories by index."""

    trials: Trials
    participants: tuple[str, ...]
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one question asks: its arm, its trial, the target's category and the number of its group."""

    arm: int
    trial: str
    category: int
    right: str


def read_trials(study: Study, protocol: Protocol, mode: str) -> AssignmentEvidence | None:
    """The answers of `mode` that count; None for studies of other kinds."""
    plan = protocol.questions
    if not isinstance(plan, AssignmentQuestions):
        return None
    arms = [setup.name for setup in protocol.arm_setups()]
    asked = _questions(study, arms)
    rows = (
        Answer.objects.filter(
            question__study=study,
            question__origin=Question.Origin.STUDY,
            mode=mode,
            status=Answer.Status.COUNTED,
        )
        .annotate(
            took=Coalesce("active_seconds", "server_seconds", Value(NO_TIME), output_field=FloatField())
        )
        .order_by("answered_at", "pk")
        .values_list("question_id", "participant_id", "value", "took")
    )
    answers = [row for row in rows.iterator(chunk_size=FETCHED_AT_ONCE) if row[0] in asked]
    sets, categories, people = (
        _indices([asked[question].trial for question, *_ in answers]),
        _indices([asked[question].category for question, *_ in answers]),
        _indices([person for _, person, *_ in answers]),
    )
    names = dict(Category.objects.filter(pk__in=list(categories)).values_list("pk", "name"))
    seconds = np.array([took for *_, took in answers], dtype=np.float64)
    return AssignmentEvidence(
        trials=Trials(
            condition=np.array([asked[question].arm for question, *_ in answers], dtype=np.int64),
            participant=np.array([people[person] for _, person, *_ in answers], dtype=np.int64),
            category_set=np.array([sets[asked[question].trial] for question, *_ in answers], dtype=np.int64),
            category=np.array(
                [categories[asked[question].category] for question, *_ in answers], dtype=np.int64
            ),
            right=np.array([value == asked[question].right for question, _, value, _ in answers], dtype=bool),
            seconds=np.where(seconds == NO_TIME, np.nan, seconds),
            position=_positions([person for _, person, *_ in answers]),
            conditions=tuple(arms),
            groups=plan.groups,
        ),
        participants=_pseudonyms(list(people)),
        categories=tuple(names[pk] for pk in categories),
    )


def counted_questions(study: Study, mode: str) -> JudgedQuestions:
    """The questions of a study that has no verdicts: answers that count, and the right ones among them."""
    rows = list(
        Question.objects.filter(study=study, origin=Question.Origin.STUDY)
        .order_by("pk")
        .values_list("pk", "parameters")
    )
    key = np.array([pk for pk, _ in rows], dtype=np.int64)
    right = {pk: parameters.get("right", "") for pk, parameters in rows}
    received, positive = dict.fromkeys(right, 0), dict.fromkeys(right, 0)
    counted = Answer.objects.filter(question__study=study, mode=mode, status=Answer.Status.COUNTED).order_by()
    for question, value in counted.values_list("question_id", "value").iterator(chunk_size=FETCHED_AT_ONCE):
        if question in received:
            received[question] += 1
            positive[question] += value == right[question]
    return JudgedQuestions(
        key=key,
        received=np.array(list(received.values()), dtype=np.int64),
        positive=np.array(list(positive.values()), dtype=np.int64),
        verdict=np.full(len(key), int(Verdict.UNDECIDED), dtype=np.int64),
        imported=np.zeros(len(key), dtype=bool),
    )


def _questions(study: Study, arms: Sequence[str]) -> dict[int, _Asked]:
    rows = Question.objects.filter(study=study, origin=Question.Origin.STUDY).values_list(
        "pk", "arm__name", "parameters"
    )
    return {
        pk: _Asked(
            arm=arms.index(arm),
            trial=str(parameters["trial"]),
            category=int(parameters["groups"][int(parameters["right"]) - 1]["category"]),
            right=str(parameters["right"]),
        )
        for pk, arm, parameters in rows.iterator(chunk_size=FETCHED_AT_ONCE)
    }


def _indices(values: Iterable[Name]) -> dict[Name, int]:
    """Every distinct value with its number, in sorted order."""
    return {value: place for place, value in enumerate(sorted(set(values)))}


def _positions(people: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """[A] the place of each answer among its person's own, from 1; answers stand in the order of time."""
    seen: dict[int, int] = {}
    found = np.empty(len(people), dtype=np.int64)
    for row, person in enumerate(people):
        seen[person] = found[row] = seen.get(person, 0) + 1
    return found


def _pseudonyms(people: Sequence[int]) -> tuple[str, ...]:
    # Many keys in one query are too many parameters; a study that large has most participants there are.
    rows = Participant.objects.filter(pk__in=people) if len(people) < 900 else Participant.objects
    names = dict(rows.values_list("pk", "pseudonym"))
    return tuple(names[person] for person in people)
