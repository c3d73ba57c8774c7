"""Which question a participant gets next: least-served first, exactly N, one look (rules 1 and 9)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from studyapp.models import (
    Participant,
    Presentation,
    Question,
    QuestionSlots,
    Sitting,
    Stimulus,
    Study,
)
from studyapp.protocol.schema import Protocol
from studyapp.services.participation.arms import arms_open_to
from studyapp.services.participation.candidates import Candidate, Lock, Search, free_for, searches
from studyapp.services.participation.looks import look_to_store, resumable
from studyapp.services.participation.slots import give_back_ended_leases, take_slot
from studyapp.services.plans import READ_WITH_PRESENTATION, READ_WITH_SITTING, family_of, protocol_of

# Participants who are served at the same moment look this far down the order for the picture that
# their browser fetches ahead, so that they do not all expect the same one.
_LOOKAHEAD = 8
_UNFINISHED_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Expected:
    """The question that would come next if nobody else took it: a guess, not a lease."""

    question_key: str
    stimulus_key: str


def next_question(*, sitting: Sitting, expected: str = "") -> Presentation | None:
    """The question this sitting shows now; allocates one when none is held. None: nothing to show.

    A held lease is resumed, an ended one renewed while its question has a free slot. Otherwise the
    least-served question that the participant may see is taken, in the stored random order.
    `expected` is the key of a question whose picture the browser has fetched ahead: it is preferred
    among equally served ones. Everything a participant does is serialised on their own row, so two
    tabs get the same presentation.
    """
    now = timezone.now()
    give_back_ended_leases(now=now)
    with transaction.atomic():
        lock_participant(sitting.participant_id)
        fresh = Sitting.objects.select_related("study").only(*READ_WITH_SITTING).get(pk=sitting.pk)
        if fresh.state != Sitting.State.QUESTIONS:
            return None
        unanswered = Presentation.objects.filter(
            participant_id=fresh.participant_id, sitting__study_id=fresh.study_id, answered=False
        ).exists()
        held = held_presentation(sitting=fresh, now=now) if unanswered else None
        if held is not None:
            return held
        if not takes_answers(fresh.study, fresh.mode) or answered_in(fresh) >= fresh.questions_planned:
            return None
        renewed = _renew(fresh, now) if unanswered else None
        return renewed or _allocate(fresh, now, expected)


def held_presentation(*, sitting: Sitting, now: datetime) -> Presentation | None:
    """The unanswered presentation whose lease still runs: what a reload shows again."""
    return (
        _showable(sitting.presentations.filter(answered=False, holds_slot=True, lease_until__gt=now))
        .order_by("position")
        .first()
    )


def expected_next(*, sitting: Sitting) -> Expected | None:
    """Which question would probably come next, without taking anything: for fetching its picture."""
    for search in _searches(sitting):
        rows = free_for(search, limit=_LOOKAHEAD)
        if rows:
            level = [row.question_id for row in rows if row.taken == rows[0].taken]
            likely = Question.objects.filter(pk=level[sitting.pk % len(level)])
            shown = likely.exclude(stimulus__review=Stimulus.Review.HELD_BACK).order_by()
            keys = shown.values_list("key", "stimulus__key").first()
            return Expected(*keys) if keys else None
    return None


def answered_in(sitting: Sitting) -> int:
    """How many questions of the sitting have a standing answer."""
    return sitting.presentations.filter(answered=True).count()


def takes_answers(study: Study, mode: str) -> bool:
    """Whether new questions are given out: an open study, or a trial of one that is not closed."""
    if study.built_at is None:
        return False
    if mode == "real":
        return study.state == Study.State.OPEN
    return study.state != Study.State.CLOSED


def _searches(sitting: Sitting) -> Iterator[Search]:
    """Where the sitting's next question may come from, the first choice first."""
    return searches(
        study=sitting.study,
        mode=sitting.mode,
        arm_ids=arms_open_to(sitting),
        participant_id=sitting.participant_id,
    )


def lock_participant(participant_id: int) -> None:
    """Serialise what one person does; whoever locks more locks this first."""
    row = Participant.objects.select_for_update(no_key=True).filter(pk=participant_id)
    row.order_by().values_list("pk").get()


def _showable(presentations: QuerySet[Presentation]) -> QuerySet[Presentation]:
    shown = presentations.exclude(question__stimulus__review=Stimulus.Review.HELD_BACK)
    related = shown.select_related("question__stimulus", "question__label", "question__arm")
    return related.only(*READ_WITH_PRESENTATION)


def _renew(sitting: Sitting, now: datetime) -> Presentation | None:
    """Take up again a question that the participant was given, did not answer, and whose lease ended."""
    unanswered = Presentation.objects.filter(
        Q(sitting=sitting) | Q(sitting__state__in=(Sitting.State.FINISHED, Sitting.State.SCREENED_OUT)),
        participant_id=sitting.participant_id,
        sitting__study_id=sitting.study_id,
        mode=sitting.mode,
        answered=False,
    )
    unfinished = _showable(resumable(unanswered, sitting.study)).order_by("-sitting_id", "position")
    arms = set(arms_open_to(sitting))
    for presentation in unfinished[:_UNFINISHED_AT_ONCE]:
        if presentation.question.arm_id not in arms:
            continue
        # A slot that nobody claimed since is still ours; one that was given back must be taken anew.
        if not _extend(presentation, now) and not take_slot(
            question_id=presentation.question_id, mode=sitting.mode
        ):
            continue
        if presentation.sitting_id != sitting.pk:
            presentation.sitting = sitting
            presentation.position = _next_position(sitting)
        presentation.holds_slot = True
        presentation.lease_until = now + lease_of(protocol_of(sitting.study))
        presentation.save(update_fields=["sitting", "position", "holds_slot", "lease_until"])
        return presentation
    return None


def _extend(presentation: Presentation, now: datetime) -> bool:
    """Prolong a lease that still holds its slot; False when somebody gave the slot back meanwhile."""
    until = now + lease_of(protocol_of(presentation.sitting.study))
    still = Presentation.objects.filter(pk=presentation.pk, holds_slot=True, answered=False)
    return still.update(lease_until=until) == 1


def _allocate(sitting: Sitting, now: datetime, expected: str) -> Presentation | None:
    protocol = protocol_of(sitting.study)
    kinds = (True, False) if _gold_is_due(sitting, protocol) else (False,)
    arms = list(_searches(sitting))
    for gold in kinds:
        for search in arms:
            taken = _take_one(replace(search, gold=gold), "" if gold else expected)
            if taken is not None:
                return _present(sitting, taken, protocol, now)
    return None


def _take_one(search: Search, expected: str) -> Candidate | None:
    """Take a slot of the first question; rows that others are taking are passed over, not waited for.

    Only when nothing else is left are those waited for, so that nobody is told "no more" because of a
    lock while work remains.
    """
    if expected:
        rows = free_for(search, limit=_LOOKAHEAD)
        pk = Question.objects.filter(key=expected).order_by().values_list("pk", flat=True).first()
        for row in rows:
            if row.question_id == pk and row.taken == rows[0].taken and _taken(row, search):
                return row
    for lock in (Lock.SKIP, Lock.WAIT):
        while found := free_for(search, lock=lock):
            if _taken(found[0], search):
                return found[0]
    return None


def _taken(row: Candidate, search: Search) -> bool:
    """Take a slot of this row, unless its stimulus is held back: then the row is closed instead.

    Looked up for the one candidate only: as a condition of the search, PostgreSQL reads every stimulus.
    """
    held_back = Question.objects.filter(pk=row.question_id, stimulus__review=Stimulus.Review.HELD_BACK)
    if held_back.exists():
        QuestionSlots.objects.filter(pk=row.slots_id).update(open=False)
        return False
    return take_slot(question_id=row.question_id, mode=search.mode)


def _present(sitting: Sitting, slots: Candidate, protocol: Protocol, now: datetime) -> Presentation:
    created = Presentation.objects.create(
        sitting=sitting,
        question_id=slots.question_id,
        participant_id=sitting.participant_id,
        look_id=look_to_store(
            study=sitting.study, participant_id=sitting.participant_id, image_id=slots.image_id
        ),
        family=family_of(sitting.study),
        mode=sitting.mode,
        position=_next_position(sitting),
        allocated_at=now,
        lease_until=now + lease_of(protocol),
    )
    created.sitting = sitting
    return created


def _gold_is_due(sitting: Sitting, protocol: Protocol) -> bool:
    """Draw whether the next question is a gold one; the presentation itself is the stored draw.

    Drawn one by one (gold left / questions left), every set of places is equally likely.
    """
    share = getattr(protocol.questions, "gold_share", 0.0)
    if not share:
        return False
    wanted = round(share * sitting.questions_planned)
    given = sitting.presentations.count()
    golden = sitting.presentations.filter(question__slots__gold=True, question__slots__mode=sitting.mode)
    left = max(sitting.questions_planned - given, 1)
    return secrets.randbelow(left) < wanted - golden.count()


def _next_position(sitting: Sitting) -> int:
    last = sitting.presentations.aggregate(last=Max("position"))["last"]
    return int(last or 0) + 1


def lease_of(protocol: Protocol) -> timedelta:
    """For how long a question served to a participant is kept for them."""
    return timedelta(minutes=protocol.participants.lease_minutes)
