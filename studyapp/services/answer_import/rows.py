"""Imported answers as rows: their order is drawn once and stored, the first ones of a question count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.verdicts import could_still_change
from studyapp.analysis.votes import AgreementRule, Votes
from studyapp.exports.columns import NONE_OF_THEM, code_of, integer_columns, positions_in
from studyapp.models import Answer, Mode, QuestionSlots, Study
from studyapp.protocol.schema import Protocol
from studyapp.services.answer_import.matching import MatchedPairs
from studyapp.services.bulk_rows import refresh_statistics, update_rows, write_rows


@dataclass(frozen=True, slots=True, eq=False)
class NewAnswers:
    """Answers to write, a row each: `pair` indexes the matched questions, `value` indexes `texts`."""

    pair: IntArray
    participant: IntArray
    value: IntArray
    texts: tuple[str, ...]
    positive: BoolArray
    seconds: FloatArray | None
    order: IntArray
    counted: BoolArray

    def only(self, rows: BoolArray | IntArray) -> NewAnswers:
        """Those of some rows: a mask, or row numbers in a new order."""
        return replace(
            self,
            pair=self.pair[rows],
            participant=self.participant[rows],
            value=self.value[rows],
            positive=self.positive[rows],
            seconds=None if self.seconds is None else self.seconds[rows],
            order=self.order[rows],
            counted=self.counted[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class EarlierAnswers:
    """The real answers a study has already, a row each: `value` indexes the file's texts, -1 for others.

    `standing` are those of imports that count or are surplus.
    """

    question: IntArray
    participant: IntArray
    value: IntArray
    order: IntArray
    counted: BoolArray
    standing: BoolArray


def earlier_answers(*, study: Study, texts: Sequence[str]) -> EarlierAnswers:
    """What is there before an import whose values are `texts`."""
    statuses, origins = tuple(Answer.Status.values), tuple(Answer.Origin.values)
    rows = (
        Answer.objects.filter(question__study=study, mode=Mode.REAL)
        .annotate(
            value_code=code_of("value", texts),
            status_code=code_of("status", statuses),
            origin_code=code_of("origin", origins),
        )
        .order_by()
    )
    question, participant, value, order, status, origin = integer_columns(
        rows, "question_id", "participant_id", "value_code", "order", "status_code", "origin_code"
    )
    counted = status == statuses.index(Answer.Status.COUNTED.value)
    surplus = status == statuses.index(Answer.Status.SURPLUS.value)
    imported = origin == origins.index(Answer.Origin.IMPORTED.value)
    return EarlierAnswers(question, participant, value, order, counted, (counted | surplus) & imported)


def order_answers(
    *,
    study: Study,
    matched: MatchedPairs,
    answers: NewAnswers,
    earlier: EarlierAnswers,
    required: int | None,
) -> NewAnswers:
    """Draw each answer's place within its question, after those that are there; the first ones count.

    `required` is how many a question collects, None for all. Of the study's own questions the free
    slots count, live leases included.
    """
    rng = np.random.default_rng()
    draw = rng.permutation(len(answers.pair))
    by_question = np.lexsort((draw, answers.pair))
    sorted_pair = answers.pair[by_question]
    rank = np.empty(len(draw), dtype=np.int64)
    rank[by_question] = np.arange(len(draw)) - np.searchsorted(sorted_pair, sorted_pair, side="left")
    start, free = _room(study, matched, earlier, required)
    return replace(
        answers,
        order=start[answers.pair] + rank,
        counted=np.asarray(rank < free[answers.pair], dtype=np.bool_),
    )


def write_answers(*, matched: MatchedPairs, answers: NewAnswers, wording: str) -> None:
    """Write the rows; their mode is real and their origin imported."""
    fields = (
        *("question", "participant", "presentation", "mode", "origin", "value", "wording"),
        *("positive_first", "status", "answered_at", "order"),
        *("active_seconds", "idle_seconds", "server_seconds"),
    )
    # In the order of the indexes, whose pages are then filled one after the other.
    in_order = np.lexsort((answers.participant, matched.question[answers.pair]))
    write_rows(Answer, fields, _rows(matched, answers.only(in_order), wording))
    refresh_statistics(Answer)


def count_in_slots(*, study: Study, matched: MatchedPairs, answers: NewAnswers, protocol: Protocol) -> None:
    """Take the slots of the answers that count, and close the questions that are complete or decided."""
    pairs = len(matched.question)
    counted = np.bincount(answers.pair[answers.counted], minlength=pairs)
    positive = np.bincount(answers.pair[answers.counted & answers.positive], minlength=pairs)
    touched = {
        int(matched.question[pair]): (int(counted[pair]), int(positive[pair]))
        for pair in np.flatnonzero((counted > 0) & matched.own)
    }
    rows = QuestionSlots.objects.select_for_update().filter(study=study, mode=Mode.REAL)
    columns = ("pk", "question_id", "required", "taken", "counted", "positive", "open", "gold")
    changed = []
    for pk, question, required, taken, before, yes, was_open, gold in rows.order_by("pk").values_list(
        *columns
    ):
        if question not in touched:
            continue
        more, more_yes = touched[question]
        now, yes = before + more, yes + more_yes
        still = was_open and now < required and (gold or _undecided(now, yes, required, protocol))
        changed.append((taken + more, now, yes, still, pk))
    update_rows(
        QuestionSlots,
        assignments='"taken" = %s, "counted" = %s, "positive" = %s, "open" = %s',
        key="id",
        rows=changed,
    )


def _undecided(counted: int, positive: int, required: int, protocol: Protocol) -> bool:
    rule = protocol.answers
    if not rule.stop_when_decided:
        return True
    votes = Votes(positive=np.array([positive]), received=np.array([counted]))
    agreement = AgreementRule(required=required, agreement=rule.agreement, positive=rule.positive)
    return bool(could_still_change(votes, agreement)[0])


def _room(
    study: Study, matched: MatchedPairs, earlier: EarlierAnswers, required: int | None
) -> tuple[IntArray, IntArray]:
    """[pairs] the next free place in the order, and how many more answers count."""
    pairs = len(matched.question)
    by_key = np.argsort(matched.question)
    keys = matched.question[by_key]
    place = positions_in(keys.astype(np.int64), earlier.question.astype(np.int64))
    known = place != NONE_OF_THEM
    pair = by_key[place[known]]
    start = np.zeros(pairs, dtype=np.int64)
    np.maximum.at(start, pair, earlier.order[known] + 1)
    if required is None:
        return start, np.full(pairs, np.iinfo(np.int64).max)
    free = np.maximum(required - np.bincount(pair, weights=earlier.counted[known], minlength=pairs), 0)
    slots = QuestionSlots.objects.select_for_update().filter(study=study, mode=Mode.REAL).order_by("pk")
    asked = {int(question): pair for pair, question in enumerate(matched.question) if matched.own[pair]}
    for question, wanted, taken in slots.values_list("question_id", "required", "taken"):
        if question in asked:
            free[asked[question]] = wanted - taken
    return start, free.astype(np.int64)


def _rows(matched: MatchedPairs, answers: NewAnswers, wording: str) -> Iterator[tuple[object, ...]]:
    mode, origin = Mode.REAL.value, Answer.Origin.IMPORTED.value
    status = {True: Answer.Status.COUNTED.value, False: Answer.Status.SURPLUS.value}
    seconds: list[float | None] = [None] * len(answers.pair)
    if answers.seconds is not None:
        seconds = [None if np.isnan(value) else value for value in answers.seconds.tolist()]
    columns = zip(
        matched.question[answers.pair].tolist(),
        answers.participant.tolist(),
        answers.value.tolist(),
        answers.counted.tolist(),
        answers.order.tolist(),
        seconds,
        strict=True,
    )
    for question, participant, value, counted, order, took in columns:
        yield (
            *(question, participant, None, mode, origin, answers.texts[value], wording, None),
            *(status[counted], None, order, took, None, None),
        )
