"""Are the rows what the participants know they did? Exactly N, nothing lost, doubled or mixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet, Sum

from studyapp.management.rehearsal.diary import Diary
from studyapp.management.rehearsal.habits import Ending
from studyapp.management.rehearsal.report import Finding
from studyapp.models import (
    Answer,
    Mode,
    Participant,
    Presentation,
    QuestionSlots,
    RecruitmentLink,
    Sitting,
    Stimulus,
    Study,
)
from studyapp.services.participation.arms import keeps_apart
from studyapp.services.plans import protocol_of, setup_of

STANDING = (Answer.Status.COUNTED, Answer.Status.SURPLUS)
_SHOWN = 3


def check_rows(
    *, study: Study, link: RecruitmentLink, diaries: Sequence[Diary], before: RealRows
) -> tuple[Finding, ...]:
    """Every check of the rehearsal's rows; `diaries` are of the people who came by `link`."""
    return (
        check_filled(study),
        check_counters(study),
        check_answers(study, link, diaries),
        check_nobody_twice(study),
        check_sittings(link, diaries),
        check_modes(study, link, before),
        *((check_arms(study, diaries),) if keeps_apart(protocol_of(study)) else ()),
    )


def unfilled(study: Study) -> int:
    """Questions that could be filled and lack counted answers: not gold, not held back, not decided early."""
    slots = QuestionSlots.objects.filter(study=study, mode=Mode.REHEARSAL, gold=False, open=True)
    return (
        slots.exclude(question__stimulus__review=Stimulus.Review.HELD_BACK)
        .filter(counted__lt=F("required"))
        .count()
    )


def check_filled(study: Study) -> Finding:
    """Every question that could be filled has all its answers, and none has more."""
    counted = Counter(_counted(study).values_list("question_id", flat=True))
    slots = QuestionSlots.objects.filter(study=study, mode=Mode.REHEARSAL, gold=False)
    required = dict(slots.values_list("question_id", "required"))
    beyond = sum(counted[question] > number for question, number in required.items())
    lacking = unfilled(study)
    if not protocol_of(study).answers.stop_when_decided:
        shown = slots.exclude(question__stimulus__review=Stimulus.Review.HELD_BACK)
        lacking = sum(
            counted[question] < number for question, number in shown.values_list("question_id", "required")
        )
    return Finding(
        "every question that could be filled has exactly its answers",
        lacking == 0 and beyond == 0,
        f"{len(required)} questions, {lacking} lack answers, {beyond} have too many"
        + (": let more participants come (--participants auto)" if lacking else ""),
    )


def check_counters(study: Study) -> Finding:
    """The slots count what the rows say: counted, positive, and held by leases."""
    positive = {arm.pk: setup_of(protocol_of(study), arm.name).positive for arm in study.arms.all()}
    held = Counter(
        Presentation.objects.filter(
            question__study=study, mode=Mode.REHEARSAL, holds_slot=True, answered=False
        )
        .order_by()
        .values_list("question_id", flat=True)
    )
    values: dict[int, list[str]] = {}
    for question_id, value in _counted(study).values_list("question_id", "value"):
        values.setdefault(question_id, []).append(value)
    wrong: list[str] = []
    for slots in QuestionSlots.objects.filter(study=study, mode=Mode.REHEARSAL).select_related("question"):
        given = values.get(slots.question_id, [])
        agreeing = sum(value in positive[slots.arm_id] for value in given)
        rows = (len(given), agreeing, len(given) + held[slots.question_id])
        if rows != (slots.counted, slots.positive, slots.taken):
            wrong.append(
                f"question {slots.question.key}: {rows[0]} counted rows, {rows[1]} positive, {rows[2]} slots "
                f"held; its slots say {slots.counted}, {slots.positive}, {slots.taken}"
            )
    return Finding("the slots count what the rows say", not wrong, _some(wrong, "all equal"))


def check_answers(study: Study, link: RecruitmentLink, diaries: Sequence[Diary]) -> Finding:
    """Every answer that the server took is there with its value, and no other; undone ones are superseded."""
    taken: dict[str, str] = {}
    for diary in diaries:
        taken |= diary.standing
    rows = Answer.objects.filter(presentation__sitting__link=link)
    standing = rows.filter(status__in=STANDING).values_list("presentation__key", "value", "status")
    stored: dict[str, list[str]] = {}
    for key, value, _ in standing:
        stored.setdefault(key, []).append(value)
    lost = [key for key in taken if key not in stored]
    foreign = [key for key in stored if key not in taken]
    changed = [key for key, value in taken.items() if key in stored and stored[key] != [value]]
    superseded = rows.filter(status=Answer.Status.SUPERSEDED).count()
    undone = sum(diary.undone for diary in diaries)
    late = sum(diary.late for diary in diaries)
    surplus = sum(status == Answer.Status.SURPLUS for _, _, status in standing)
    return Finding(
        "every answer that the server took is stored once, as given",
        not lost and not foreign and not changed and superseded == undone and surplus <= late,
        f"{len(taken)} taken, {len(lost)} lost, {len(changed)} changed or doubled, {len(foreign)} "
        f"that nobody gave; {undone} undone, {superseded} superseded; {surplus} surplus, "
        f"{late} after their lease",
    )


def check_nobody_twice(study: Study) -> Finding:
    """Nobody counts twice at a question and, with one look, nobody sees a source image twice."""
    doubled = (
        Answer.objects.filter(question__study=study, mode=Mode.REHEARSAL, status__in=STANDING)
        .order_by()
        .values("question_id", "participant_id")
        .annotate(times=Count("pk"))
        .filter(times__gt=1)
        .count()
    )
    looks = 0
    if protocol_of(study).participants.one_look:
        shown = Presentation.objects.filter(
            question__study=study, mode=Mode.REHEARSAL, question__slots__mode=Mode.REHEARSAL
        ).order_by()
        looks = (
            shown.values("participant_id", "question__slots__image_id")
            .annotate(times=Count("question_id", distinct=True))
            .filter(times__gt=1)
            .count()
        )
    return Finding(
        "nobody counts twice",
        doubled == 0 and looks == 0,
        f"{doubled} people with two answers to a question, {looks} with a second look at an image",
    )


def check_sittings(link: RecruitmentLink, diaries: Sequence[Diary]) -> Finding:
    """One sitting per consent, whatever was previewed or clicked twice; every code is the sitting's own."""
    stored = Sitting.objects.filter(link=link)
    entered = sum(bool(diary.address) for diary in diaries)
    codes = Counter(diary.code for diary in diaries if diary.code)
    kept = Counter(stored.exclude(completion_code="").values_list("completion_code", flat=True))
    unequal = sum((codes - kept).values()) + sum((kept - codes).values())
    return Finding(
        "one sitting for each consent, with the completion code that was shown",
        stored.count() == entered and unequal == 0 and max(codes.values(), default=1) == 1,
        f"{entered} consents, {stored.count()} sittings, {len(codes)} codes shown, {unequal} differ",
    )


def check_arms(study: Study, diaries: Sequence[Diary]) -> Finding:
    """Nobody was shown questions of two arms that exclude each other, also not who came again at once.

    A rehearsal is over long before any washout is.
    """
    shown = Presentation.objects.filter(question__study=study, mode=Mode.REHEARSAL).order_by()
    arms = shown.values("participant_id").annotate(arms=Count("question__arm", distinct=True))
    both = arms.filter(arms__gt=1).count()
    turned_away = sum(diary.ending is Ending.TURNED_AWAY for diary in diaries)
    return Finding(
        "nobody is in two arms that the protocol keeps apart",
        both == 0,
        f"{arms.count()} people, {both} in more than one arm; {turned_away} came again at once and were "
        "turned away",
    )


@dataclass(frozen=True, slots=True)
class RealRows:
    """How much of the study is real: its answers, the counts of its slots, its sittings."""

    answers: int
    counted: int
    taken: int
    sittings: int


def real_rows(study: Study) -> RealRows:
    """What must be the same before and after a rehearsal, unless real people are answering meanwhile."""
    sums = QuestionSlots.objects.filter(study=study, mode=Mode.REAL).aggregate(
        counted=Sum("counted"), taken=Sum("taken")
    )
    return RealRows(
        answers=Answer.objects.filter(question__study=study, mode=Mode.REAL).count(),
        counted=int(sums["counted"] or 0),
        taken=int(sums["taken"] or 0),
        sittings=Sitting.objects.filter(study=study, mode=Mode.REAL).count(),
    )


def check_modes(study: Study, link: RecruitmentLink, before: RealRows) -> Finding:
    """Nothing that simulated people did bears another mode, and what is real is as it was."""
    people = Participant.objects.filter(sittings__link=link)
    other = ~Q(mode=Mode.REHEARSAL)
    strayed = (
        Answer.objects.filter(other, participant__in=people).count()
        + Presentation.objects.filter(other, participant__in=people).count()
        + Sitting.objects.filter(other, participant__in=people).count()
    )
    after = real_rows(study)
    # Of an open study real people may answer while the rehearsal runs.
    same = study.state == Study.State.OPEN or after == before
    return Finding(
        "real answers are untouched",
        strayed == 0 and same,
        f"{strayed} rows of simulated people elsewhere; {before.answers} real answers before, "
        f"{after.answers} after",
    )


def check_pages(diaries: Sequence[Diary], pictures: Mapping[str, int]) -> Finding:
    """No page failed, none set a cookie, forged submissions were refused, every picture arrived."""
    problems = [problem for diary in diaries for problem in diary.problems]
    problems += [f"the picture {address} did not arrive" for address, size in pictures.items() if not size]
    return Finding(
        "every page did what it should",
        not problems,
        _some(problems, f"{len(pictures)} pictures arrived, nothing to complain about"),
    )


def _counted(study: Study) -> QuerySet[Answer]:
    """The rehearsal answers of the study that count, in no order."""
    rows = Answer.objects.filter(question__study=study, mode=Mode.REHEARSAL, status=Answer.Status.COUNTED)
    return rows.order_by()


def _some(texts: Sequence[str], none: str) -> str:
    """The first few of them and how many more there are."""
    if not texts:
        return none
    more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more
