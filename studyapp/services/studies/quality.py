"""How well participants answer: gold questions, time on task, agreement with the others."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Case, Count, F, FloatField, Q, QuerySet, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from studyapp.analysis.intervals import Rate, wilson_rate
from studyapp.models import Answer, Question, Study
from studyapp.protocol.schema import AssignmentQuestions, AttributeQuestions
from studyapp.services.plans import protocol_of
from studyapp.services.studies.watching import answers_of, remembered

ORDERS: dict[str, tuple[Any, ...]] = {
    "answers": (F("given").desc(), F("participant")),
    "alike": (F("alike").asc(nulls_last=True), F("participant")),
    "gold": (F("gold_wrong").desc(), F("participant")),
}


@dataclass(frozen=True, slots=True)
class ParticipantQuality:
    """One participant of a study.

    `answers` count towards verdicts, `surplus` came too late for that; `positive` is the share of
    positive ones among those that count; `alike` is the mean share of the others' answers to the same
    questions that say the same; `seconds` is the median active time of an answer.
    """

    pseudonym: str
    answers: int
    surplus: int
    positive: float | None
    alike: float | None
    gold_right: int
    gold_total: int
    seconds: float | None


def gold_rate(study: Study, *, mode: str) -> Rate:
    """Right answers to gold questions of all participants together, with Wilson's interval."""

    def count() -> Rate:
        counts = (
            _standing(study, mode)
            .exclude(question__expected="")
            .aggregate(total=Count("pk"), right=Count("pk", filter=Q(value=F("question__expected"))))
        )
        return wilson_rate(counts["right"], counts["total"])

    return remembered(f"gold:{mode}:{study.pk}", count)


def median_seconds(study: Study, *, mode: str) -> float | None:
    """Median active time of the answers that count, in seconds; None where none was measured."""

    def look() -> float | None:
        timed = answers_of(study, mode=mode).filter(active_seconds__isnull=False)
        total = timed.count()
        if total == 0:
            return None
        middle = timed.order_by("active_seconds").values_list("active_seconds", flat=True)
        return statistics.fmean(
            value for value in middle[(total - 1) // 2 : total // 2 + 1] if value is not None
        )

    return remembered(f"seconds:{mode}:{study.pk}", look)


def participants_of(
    study: Study, *, mode: str, order: str = "answers", pseudonym: str = ""
) -> list[dict[str, Any]]:
    """One row of counts per participant of the study, to be sliced and given to `qualities`."""
    return remembered(
        f"people:{mode}:{study.pk}:{order}:{pseudonym}",
        lambda: list(_counts(study, mode, order, pseudonym)),
    )


def _counts(study: Study, mode: str, order: str, pseudonym: str) -> QuerySet[Any, Any]:
    counted = Q(status=Answer.Status.COUNTED)
    positive = _positive(study)
    gold = ~Q(question__expected="")
    # How many others answered the same question, and how many of them say the same.
    judged = any(setup.positive for setup in protocol_of(study).arm_setups())
    others = Cast(F("question__slots__counted") - 1, FloatField())
    said_yes = Cast(F("question__slots__positive") - 1, FloatField())
    said_no = Cast(F("question__slots__counted") - F("question__slots__positive") - 1, FloatField())
    compared = counted & ~gold & Q(question__slots__counted__gt=1) if judged else Q(pk__in=())
    rows = _standing(study, mode).filter(question__slots__mode=mode)
    if pseudonym:
        rows = rows.filter(participant__pseudonym__startswith=pseudonym)
    return (
        rows.values("participant", "participant__pseudonym")
        .annotate(
            given=Count("pk"),
            counted=Count("pk", filter=counted),
            said_positive=Count("pk", filter=counted & positive),
            alike=Avg(
                Case(
                    When(compared & positive, then=said_yes / others),
                    When(compared, then=said_no / others),
                    # PostgreSQL has to know the type where nothing can be compared.
                    default=Cast(Value(None), FloatField()),
                    output_field=FloatField(),
                )
            ),
            gold_total=Count("pk", filter=gold),
            gold_wrong=Count("pk", filter=gold & ~Q(value=F("question__expected"))),
        )
        .order_by(*ORDERS.get(order, ORDERS["answers"]))
    )


def qualities(study: Study, *, mode: str, rows: Sequence[dict[str, Any]]) -> tuple[ParticipantQuality, ...]:
    """The chosen rows of `participants_of`, with each participant's median time."""
    chosen = ",".join(str(row["participant"]) for row in rows)
    seconds = remembered(f"times:{mode}:{study.pk}:{chosen}", lambda: _medians(study, mode, rows))
    speaks = _speaks(study)
    return tuple(
        ParticipantQuality(
            pseudonym=row["participant__pseudonym"][:12],
            answers=row["counted"],
            surplus=row["given"] - row["counted"],
            positive=row["said_positive"] / row["counted"] if row["counted"] and speaks else None,
            alike=row["alike"],
            gold_right=row["gold_total"] - row["gold_wrong"],
            gold_total=row["gold_total"],
            seconds=seconds[row["participant"]],
        )
        for row in rows
    )


def _medians(study: Study, mode: str, rows: Sequence[dict[str, Any]]) -> dict[int, float | None]:
    """The median active seconds of each participant of `rows`."""
    seconds: dict[int, list[float]] = {row["participant"]: [] for row in rows}
    timed = _standing(study, mode).filter(participant__in=seconds, active_seconds__isnull=False)
    for participant, value in timed.order_by().values_list("participant", "active_seconds"):
        seconds[participant].append(float(value or 0.0))
    return {
        participant: statistics.median(times) if times else None for participant, times in seconds.items()
    }


def _standing(study: Study, mode: str) -> QuerySet[Answer]:
    """Answers that were neither taken back nor withdrawn, practice apart."""
    return Answer.objects.filter(
        question__study=study,
        question__origin=Question.Origin.STUDY,
        mode=mode,
        status__in=(Answer.Status.COUNTED, Answer.Status.SURPLUS),
    )


def _positive(study: Study) -> Q:
    """Answers that speak for the class, arm by arm, as arms may offer different values; or right answers."""
    if isinstance(protocol_of(study).questions, AssignmentQuestions):
        return Q(value=KeyTextTransform("right", "question__parameters"))
    setups = protocol_of(study).arm_setups()
    if len({setup.positive for setup in setups}) == 1:
        # Spares a join over every answer where all arms offer the same.
        return Q(value__in=setups[0].positive)
    found = Q()
    for setup in setups:
        found |= Q(question__arm__name=setup.name, value__in=setup.positive)
    return found


def _speaks(study: Study) -> bool:
    """Whether an answer can be positive or right at all: what is seen in a picture is neither."""
    return not isinstance(protocol_of(study).questions, AttributeQuestions)
