"""How a person becomes a participant with a sitting: pseudonym, rules of taking part, consent."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
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
from studyapp.services.participation.arms import Visitation, arm_of_sitting, arms_for, shut_out_until
from studyapp.services.participation.barriers import Barrier, Refused
from studyapp.services.participation.slots import (
    ended_leases,
    ensure_slots,
    give_back_ended_leases,
    slots_missing,
)
from studyapp.services.plans import protocol_of

ANONYMOUS = "visit"
INVITATION = "invitation"


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
    """Start a sitting, or return the person's unfinished one; the first one spends an invitation.

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
        visitation = Visitation(link.study, link.mode, participant.pk)
        arms = _arms_by(link, visitation, protocol, arms_for(visitation))
        _spend(link)
        return Sitting.objects.create(
            study=link.study,
            participant=participant,
            link=link,
            arm=arm_of_sitting(visitation, arms),
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
        visitation = Visitation(link.study, link.mode, participant.pk if participant else None)
        # Their slots are given back by the POST: a GET only sees that it will find them free.
        if ended_leases(now=timezone.now()).filter(sitting__study=link.study, mode=link.mode).exists():
            arms = list(link.study.arms.all())
        else:
            arms = arms_for(visitation)
        _arms_by(link, visitation, protocol, arms)
    except Refused as refused:
        return refused
    return None


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
    """The sitting to go on with; raises Refused while a visit elsewhere keeps the person out of it."""
    ended = (Sitting.State.FINISHED, Sitting.State.SCREENED_OUT, Sitting.State.WITHDRAWN)
    sittings = Sitting.objects.filter(participant=participant, study=link.study, mode=link.mode)
    found = sittings.exclude(state__in=ended).select_related("study").order_by("-pk").first()
    if found is not None and (until := shut_out_until(found)) is not None:
        raise Refused(Barrier.WASHOUT, until)
    return found


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


def _arms_by(link: RecruitmentLink, visitation: Visitation, protocol: Protocol, arms: list[Arm]) -> list[Arm]:
    """Of `arms` those that this way in leads to; raises Refused where there is none.

    A spent invitation leads nobody else in. Its own person it takes once into every arm, where they are asked
    to come back for another: when it opens, or when the washout is over.
    """
    if not link.single_use or link.spent_at is None:
        return arms
    rules = protocol.participants
    visited = set(
        Sitting.objects.filter(link=link, participant=visitation.participant_id).values_list(
            "arm_id", flat=True
        )
    )
    comes_back = bool(visited) and (rules.arm_order == "in_order" or rules.washout_days > 0)
    left = [arm for arm in arms if arm.pk not in visited] if comes_back else []
    if not left:
        raise Refused(Barrier.SPENT)
    return left


def _spend(link: RecruitmentLink) -> None:
    """Spend a single-use invitation at its first consent, by one conditional update.

    Raises Refused where somebody else has spent it meanwhile.
    """
    if not link.single_use or link.spent_at is not None:
        return
    unspent = RecruitmentLink.objects.filter(pk=link.pk, spent_at=None)
    if unspent.update(spent_at=timezone.now()) != 1:
        raise Refused(Barrier.SPENT)


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
