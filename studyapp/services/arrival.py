"""How a person becomes a participant with a sitting: pseudonym, rules of taking part, consent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max, Q
from django.utils import timezone

from studyapp.models import (
    Arm,
    Mode,
    Participant,
    ParticipantIdentity,
    Presentation,
    RecruitmentLink,
    Sitting,
    Study,
)
from studyapp.protocol.schema import Protocol
from studyapp.services.allocation import work_remains, work_with_others
from studyapp.services.plans import protocol_of
from studyapp.services.slots import ended_leases, ensure_slots, give_back_ended_leases, slots_missing

ANONYMOUS = "visit"
INVITATION = "invitation"


class Barrier(StrEnum):
    """Why somebody cannot take part (now)."""

    NOT_OPEN = "not_open"
    PAUSED = "paused"
    CLOSED = "closed"
    FULL = "full"
    BUSY = "busy"
    EXCLUDED = "excluded"
    WASHOUT = "washout"
    LIMIT = "limit"
    SPENT = "spent"
    WITHDRAWN = "withdrawn"


class Refused(Exception):
    """Taking part is not possible: `barrier` says why, `until` when it will be, where that is known."""

    def __init__(self, barrier: Barrier, until: datetime | None = None) -> None:
        super().__init__(barrier.value)
        self.barrier = barrier
        self.until = until


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is at the door: the panel and the id it gives the person, and its id of this submission."""

    panel: str
    person: str
    panel_sitting: str = ""


@dataclass(frozen=True, slots=True)
class Screen:
    """Size of the screen in CSS pixels and device pixels per CSS pixel; None where not told."""

    width: int | None = None
    height: int | None = None
    pixel_ratio: float | None = None


def pseudonym_of(*, panel: str, person: str) -> str:
    """Keyed hash (HMAC-SHA-256, hexadecimal) of the panel and its id of the person."""
    message = f"{panel}\0{person}".encode()
    return hmac.new(_key("pseudonym"), message, hashlib.sha256).hexdigest()


def sealed(person: str) -> bytes:
    """A panel's id of a person, encrypted for `ParticipantIdentity`."""
    return Fernet(_fernet_key()).encrypt(person.encode())


def person_of(identity: ParticipantIdentity) -> str:
    """The panel's id of a participant, decrypted."""
    return Fernet(_fernet_key()).decrypt(bytes(identity.ciphertext)).decode()


def study_barrier(*, study: Study, mode: str) -> Barrier | None:
    """What keeps everybody out, whoever they are: the state of the study."""
    if study.state == Study.State.CLOSED:
        return Barrier.CLOSED
    if study.built_at is None:
        return Barrier.NOT_OPEN
    if mode != Mode.REAL:
        return None
    if study.state == Study.State.DRAFT:
        return Barrier.NOT_OPEN
    return Barrier.PAUSED if study.state == Study.State.PAUSED else None


def consent(*, link: RecruitmentLink, visitor: Visitor, screen: Screen) -> Sitting:
    """Start a sitting, or return the person's unfinished one; spends an invitation.

    Everything that a second click, a second tab or a retry could double is decided under a lock on
    the participant's row. Raises Refused.
    """
    barrier = study_barrier(study=link.study, mode=link.mode)
    if barrier is not None:
        raise Refused(barrier)
    if slots_missing(study=link.study, mode=link.mode):
        ensure_slots(study=link.study, mode=link.mode)
    give_back_ended_leases(now=timezone.now())
    with transaction.atomic():
        participant = _participant(visitor)
        Participant.objects.select_for_update(no_key=True).get(pk=participant.pk)
        unfinished = _unfinished(participant, link)
        if unfinished is not None:
            return unfinished
        protocol = protocol_of(link.study)
        planned = _questions_left(participant, link, protocol)
        arms = _arms_for(participant, link, protocol)
        _spend(link)
        arm = _least_used(arms, link)
        return Sitting.objects.create(
            study=link.study,
            participant=participant,
            link=link,
            arm=arm,
            mode=link.mode,
            panel_sitting=visitor.panel_sitting[:100],
            positive_first=_side(link, protocol),
            questions_planned=planned,
            screen_width=screen.width,
            screen_height=screen.height,
            pixel_ratio=screen.pixel_ratio,
        )


def door_barrier(*, link: RecruitmentLink, visitor: Visitor) -> Refused | None:
    """What `consent` would refuse, found without changing anything: for the page before the consent."""
    barrier = study_barrier(study=link.study, mode=link.mode)
    if barrier is not None:
        return Refused(barrier)
    if slots_missing(study=link.study, mode=link.mode):
        return None
    pseudonym = pseudonym_of(panel=visitor.panel, person=visitor.person)
    participant = Participant.objects.filter(pseudonym=pseudonym).first()
    protocol = protocol_of(link.study)
    try:
        if participant is not None:
            if _unfinished(participant, link) is not None:
                return None
            _questions_left(participant, link, protocol)
        # Their slots are given back by the POST: a GET only sees that it will find them free.
        if not ended_leases(now=timezone.now()).filter(sitting__study=link.study, mode=link.mode).exists():
            _arms_for(participant, link, protocol)
    except Refused as refused:
        return refused
    return Refused(Barrier.SPENT) if link.single_use and link.spent_at is not None else None


def _participant(visitor: Visitor) -> Participant:
    """The participant of a visitor; their panel id is stored encrypted, apart from everything else."""
    participant, new = Participant.objects.get_or_create(
        pseudonym=pseudonym_of(panel=visitor.panel, person=visitor.person)
    )
    if new and visitor.panel not in (ANONYMOUS, INVITATION):
        ParticipantIdentity.objects.create(
            participant=participant,
            panel=visitor.panel,
            ciphertext=sealed(visitor.person),
        )
    return participant


def _unfinished(participant: Participant, link: RecruitmentLink) -> Sitting | None:
    ended = (Sitting.State.FINISHED, Sitting.State.SCREENED_OUT, Sitting.State.WITHDRAWN)
    sittings = Sitting.objects.filter(participant=participant, study=link.study, mode=link.mode)
    return sittings.exclude(state__in=ended).order_by("-pk").first()


def _questions_left(participant: Participant, link: RecruitmentLink, protocol: Protocol) -> int:
    """Questions of this sitting, within what one person may answer; raises Refused."""
    rules = protocol.participants
    own = Sitting.objects.filter(participant=participant, mode=link.mode)
    if own.filter(study__name__in=rules.exclude_studies).exists():
        raise Refused(Barrier.EXCLUDED)
    here = own.filter(study=link.study)
    if here.filter(state=Sitting.State.SCREENED_OUT).exists():
        raise Refused(Barrier.EXCLUDED)
    if here.filter(state=Sitting.State.WITHDRAWN).exists():
        raise Refused(Barrier.WITHDRAWN)
    if rules.max_questions is None:
        return rules.questions_per_sitting
    answered = Presentation.objects.filter(
        participant=participant, sitting__study=link.study, mode=link.mode, answered=True
    ).count()
    if answered >= rules.max_questions:
        raise Refused(Barrier.LIMIT)
    return min(rules.questions_per_sitting, rules.max_questions - answered)


def _arms_for(participant: Participant | None, link: RecruitmentLink, protocol: Protocol) -> list[Arm]:
    """Arms the person may sit in now, with work left; raises Refused with the time the washout ends."""
    arms = list(link.study.arms.order_by("position"))
    until: datetime | None = None
    if participant is not None and protocol.participants.washout_days > 0:
        arms, until = _after_washout(participant, link, protocol, arms)
    pk = participant.pk if participant else None
    left = [
        arm
        for arm in arms
        if work_remains(study=link.study, mode=link.mode, arm_ids=[arm.pk], participant_id=pk)
    ]
    if left or (participant is not None and _has_unanswered(participant, link, arms)):
        return left or arms
    if until is not None:
        raise Refused(Barrier.WASHOUT, until)
    every = [arm.pk for arm in arms]
    out = work_with_others(study=link.study, mode=link.mode, arm_ids=every, participant_id=pk)
    raise Refused(Barrier.BUSY if out else Barrier.FULL)


def _after_washout(
    participant: Participant, link: RecruitmentLink, protocol: Protocol, arms: Sequence[Arm]
) -> tuple[list[Arm], datetime | None]:
    """Arms that the washout leaves open, and when the others open.

    A visit to one arm keeps the person out of the others; a visit to another study of the family
    keeps them out altogether.
    """
    days = timedelta(days=protocol.participants.washout_days)
    recent = Sitting.objects.filter(
        participant=participant, mode=link.mode, consented_at__gt=timezone.now() - days
    )
    family = protocol.participants.family
    if family:
        elsewhere = recent.exclude(study=link.study).filter(study__protocol__participants__family=family)
        last = elsewhere.aggregate(last=Max("consented_at"))["last"]
        if last is not None:
            raise Refused(Barrier.WASHOUT, last + days)
    visits = recent.filter(study=link.study)
    visited = set(visits.values_list("arm_id", flat=True))
    if not visited:
        return list(arms), None
    last = visits.aggregate(last=Max("consented_at"))["last"]
    # Two different arms within the washout exclude each other's return as well: then none is open.
    return [arm for arm in arms if visited == {arm.pk}], last + days if len(arms) > 1 else None


def _has_unanswered(participant: Participant, link: RecruitmentLink, arms: Sequence[Arm]) -> bool:
    """Whether the person was given a question before that still takes their answer."""
    return Presentation.objects.filter(
        Q(holds_slot=True) | Q(question__slots__mode=link.mode, question__slots__open=True),
        participant=participant,
        sitting__study=link.study,
        mode=link.mode,
        answered=False,
        question__arm__in=arms,
    ).exists()


def _spend(link: RecruitmentLink) -> None:
    """Spend a single-use invitation by one conditional update; raises Refused when it is spent."""
    if not link.single_use:
        return
    unspent = RecruitmentLink.objects.filter(pk=link.pk, spent_at=None)
    if unspent.update(spent_at=timezone.now()) != 1:
        raise Refused(Barrier.SPENT)


def _least_used(arms: Sequence[Arm], link: RecruitmentLink) -> Arm | None:
    """The arm with the fewest sittings of this mode; a tie is drawn, and the sitting stores the draw."""
    if len(arms) < 2:
        return arms[0] if arms else None
    used = dict(
        Sitting.objects.filter(study=link.study, mode=link.mode)
        .values_list("arm")
        .annotate(sittings=Count("pk"))
        .order_by()
    )
    fewest = min(used.get(arm.pk, 0) for arm in arms)
    return secrets.choice([arm for arm in arms if used.get(arm.pk, 0) == fewest])


def _side(link: RecruitmentLink, protocol: Protocol) -> bool:
    """Whether the positive answer comes first: the side with fewer sittings, a tie is drawn."""
    if not protocol.answers.counterbalance_sides:
        return True
    sides = Sitting.objects.filter(study=link.study, mode=link.mode).aggregate(
        first=Count("pk", filter=Q(positive_first=True)), last=Count("pk", filter=Q(positive_first=False))
    )
    if sides["first"] == sides["last"]:
        return bool(secrets.randbits(1))
    return bool(sides["first"] < sides["last"])


def _key(purpose: str) -> bytes:
    """A key of its own for each purpose, derived from the installation's secret."""
    return hashlib.sha256(f"second look {purpose}\0{settings.SECRET_KEY}".encode()).digest()


def _fernet_key() -> bytes:
    return base64.urlsafe_b64encode(_key("identity"))
