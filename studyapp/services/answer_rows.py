"""Imported answers as rows: their order is drawn once and stored, the first ones of a question count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.db.models import Count, Max, Q

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.verdicts import could_still_change
from studyapp.analysis.votes import AgreementRule, Votes
from studyapp.models import Answer, Mode, QuestionSlots, Study
from studyapp.protocol.schema import Protocol
from studyapp.services.answer_matching import MatchedPairs
from studyapp.services.bulk_rows import update_rows, write_rows

_STANDING = (Answer.Status.COUNTED, Answer.Status.SURPLUS)


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
    """The standing answers that earlier imports left in a study."""

    question: IntArray
    participant: IntArray
    value: Sequence[str]


def earlier_answers(study: Study) -> EarlierAnswers:
    """What is there already of imported answers."""
    rows = Answer.objects.filter(
        question__study=study, origin=Answer.Origin.IMPORTED, status__in=_STANDING
    ).order_by()
    ids: list[int] = []
    values: list[str] = []
    for question, participant, value in rows.values_list("question_id", "participant_id", "value").iterator(
        chunk_size=20_000
    ):
        ids += (question, participant)
        values.append(value)
    both = np.array(ids, dtype=np.int64).reshape(-1, 2)
    return EarlierAnswers(both[:, 0], both[:, 1], values)


def order_answers(
    *, study: Study, matched: MatchedPairs, answers: NewAnswers, required: int | None
) -> NewAnswers:
    """Draw each answer's place within its question, after those that are there; the first ones count.

    `required` is how many a question collects, None for all. Of the study's own questions the free
    slots count, live leases included.
    """
    pairs = len(matched.question)
    rng = np.random.default_rng()
    draw = rng.permutation(len(answers.pair))
    by_question = np.lexsort((draw, answers.pair))
    sorted_pair = answers.pair[by_question]
    rank = np.empty(len(draw), dtype=np.int64)
    rank[by_question] = np.arange(len(draw)) - np.searchsorted(sorted_pair, sorted_pair, side="left")
    start, free = _room(study, matched, required)
    assert len(start) == len(free) == pairs
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


def _room(study: Study, matched: MatchedPairs, required: int | None) -> tuple[IntArray, IntArray]:
    """[pairs] the next free place in the order, and how many more answers count."""
    start = np.zeros(len(matched.question), dtype=np.int64)
    limit = np.iinfo(np.int64).max if required is None else required
    free = np.full(len(matched.question), limit, dtype=np.int64)
    place = {int(question): pair for pair, question in enumerate(matched.question)}
    there = (
        Answer.objects.filter(question__study=study, mode=Mode.REAL)
        .order_by()
        .values_list("question_id")
        .annotate(last=Max("order"), counted=Count("pk", filter=Q(status=Answer.Status.COUNTED)))
    )
    for question, last, counted in there.iterator(chunk_size=20_000):
        pair = place.get(question)
        if pair is not None:
            start[pair] = last + 1
            if required is not None:
                free[pair] = max(required - counted, 0)
    slots = QuestionSlots.objects.select_for_update().filter(study=study, mode=Mode.REAL).order_by("pk")
    for question, wanted, taken in slots.values_list("question_id", "required", "taken"):
        pair = place.get(question)
        if pair is not None:
            free[pair] = wanted - taken
    return start, free


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
