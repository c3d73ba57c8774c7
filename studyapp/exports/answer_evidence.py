"""The answers of one arm and mode as arrays, and what experts said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.db.models import FloatField, QuerySet, Value
from django.db.models.functions import Coalesce

from studyapp.analysis.evidence import ExpertCheck, GoldenAnswers
from studyapp.analysis.verdicts import Majority, majority
from studyapp.analysis.votes import Answers
from studyapp.exports.columns import (
    Float64Array,
    Int64Array,
    code_of,
    known,
    number_columns,
    positions_in,
)
from studyapp.exports.question_index import ORIGINS, QuestionIndex
from studyapp.models import Answer, Arm, ExpertAnswer, Participant, Question
from studyapp.protocol.schema import ArmSetup

NO_TIME = -1.0


@dataclass(frozen=True, slots=True, eq=False)
class AnswerEvidence:
    """The votes, who gave them, and what experts said: of a qualification set, and of questions here."""

    answers: Answers
    pseudonyms: tuple[str, ...]
    golden: GoldenAnswers | None
    expert_check: ExpertCheck | None


def read_answers(*, arm: Arm, mode: str, setup: ArmSetup, questions: QuestionIndex) -> AnswerEvidence:
    """Read the answers of `mode` that count, in the order in which they count."""
    votes, vocabulary = _read(counted_rows(arm, mode, ORIGINS), setup.values)
    golden, vocabulary = _read(counted_rows(arm, mode, (Question.Origin.GOLDEN.value,)), vocabulary)
    people = np.unique(np.concatenate([votes.participant, golden.participant]))
    answers = _answers(votes, questions.key, people, vocabulary)
    return AnswerEvidence(
        answers=answers,
        pseudonyms=_pseudonyms(people),
        golden=_golden(arm, golden, people, vocabulary),
        expert_check=_expert_check(arm, questions, setup.positive),
    )


def counted_rows(arm: Arm, mode: str, origins: tuple[str, ...]) -> QuerySet[Answer]:
    """The answers of one arm and mode that count, to questions of these origins."""
    return Answer.objects.filter(
        question__arm=arm, question__origin__in=origins, mode=mode, status=Answer.Status.COUNTED
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    question: Int64Array
    participant: Int64Array
    value: Int64Array
    order: Int64Array
    key: Int64Array
    seconds: Float64Array


def _read(rows: QuerySet[Answer], vocabulary: tuple[str, ...]) -> tuple[_Columns, tuple[str, ...]]:
    # Imported answers may use words that the protocol does not offer; they are received, not positive.
    vocabulary = known(vocabulary, rows.order_by().values_list("value", flat=True).distinct())
    return _columns(rows, vocabulary), vocabulary


def _columns(rows: QuerySet[Answer], vocabulary: tuple[str, ...]) -> _Columns:
    """The rows in no order: sorting a million of them is quicker here than in the database."""
    coded = rows.order_by().annotate(
        code=code_of("value", vocabulary),
        took=Coalesce("active_seconds", "server_seconds", Value(NO_TIME), output_field=FloatField()),
    )
    fields = ("question_id", "participant_id", "code", "order", "pk", "took")
    *whole, seconds = number_columns(coded, *fields)
    question, participant, value, order, key = (column.astype(np.int64) for column in whole)
    return _Columns(question, participant, value, order, key, np.where(seconds == NO_TIME, np.nan, seconds))


def _answers(
    columns: _Columns, questions: Int64Array, people: Int64Array, vocabulary: tuple[str, ...]
) -> Answers:
    in_order = np.lexsort((columns.key, columns.order, columns.question))
    return Answers(
        question=positions_in(questions, columns.question[in_order]).astype(np.int32),
        participant=positions_in(people, columns.participant[in_order]).astype(np.int32),
        value=columns.value[in_order].astype(np.int16),
        vocabulary=vocabulary,
        questions=len(questions),
        participants=len(people),
        seconds=columns.seconds[in_order] if np.isfinite(columns.seconds).any() else None,
    )


def _pseudonyms(people: Int64Array) -> tuple[str, ...]:
    # Many keys in one query are too many parameters; a study that large has most participants there are.
    rows = Participant.objects.filter(pk__in=people.tolist()) if len(people) < 900 else Participant.objects
    names = dict(rows.values_list("pk", "pseudonym"))
    return tuple(names[int(person)] for person in people)


def _golden(
    arm: Arm, raters: _Columns, people: Int64Array, vocabulary: tuple[str, ...]
) -> GoldenAnswers | None:
    """The experts' and the participants' answers to the golden items, which are outside every vote."""
    rows = list(
        ExpertAnswer.objects.filter(question__arm=arm, question__origin=Question.Origin.GOLDEN)
        .order_by("question_id", "expert")
        .values_list("question_id", "expert", "value")
    )
    if not rows or not len(raters.question):
        return None
    items = np.unique(np.array([question for question, _, _ in rows], dtype=np.int64))
    words = known(vocabulary, (value for _, _, value in rows))
    names = sorted({expert for _, expert, _ in rows})
    experts = Answers(
        question=positions_in(items, np.array([question for question, _, _ in rows], dtype=np.int64)),
        participant=np.array([names.index(expert) for _, expert, _ in rows], dtype=np.int64),
        value=np.array([words.index(value) for _, _, value in rows], dtype=np.int64),
        vocabulary=words,
        questions=len(items),
        participants=len(names),
    )
    judged = np.isin(raters.question, items)
    kept = _Columns(
        raters.question[judged],
        raters.participant[judged],
        raters.value[judged],
        raters.order[judged],
        raters.key[judged],
        raters.seconds[judged],
    )
    return GoldenAnswers(experts=experts, raters=_answers(kept, items, people, vocabulary))


def _expert_check(arm: Arm, questions: QuestionIndex, positive: tuple[str, ...]) -> ExpertCheck | None:
    """What experts said of questions that people answered here; experts who are tied judge nothing."""
    tallies: dict[int, list[int]] = {}
    rows = ExpertAnswer.objects.filter(question__arm=arm, question__origin__in=ORIGINS)
    for question, value in rows.values_list("question_id", "value"):
        tally = tallies.setdefault(question, [0, 0])
        tally[0] += value in positive
        tally[1] += 1
    if not tallies:
        return None
    keys = np.array(sorted(tallies), dtype=np.int64)
    counts = np.array([tallies[int(key)] for key in keys], dtype=np.int64)
    outcome = majority(counts[:, 0], counts[:, 1])
    decided = outcome != Majority.TIED
    return ExpertCheck(
        question=positions_in(questions.key, keys[decided]), relevant=outcome[decided] == Majority.POSITIVE
    )
