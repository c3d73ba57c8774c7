"""Which arms a person may sit in now, and which a sitting draws from: order, exclusion, washout.

An arm is given out as `[participants] arm_order` says. What holds in every order: a person who has been
in one arm, or in another study of the family, waits out the washout before they are let into another.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from studyapp.models import Arm, Presentation, QuestionSlots, Sitting, Study
from studyapp.protocol.schema import Protocol
from studyapp.services.participation.barriers import Barrier, Refused
from studyapp.services.participation.candidates import free_for, out_on_leases, searches
from studyapp.services.participation.looks import resumable
from studyapp.services.plans import protocol_of


@dataclass(frozen=True, slots=True)
class Visitation:
    """For whom arms are looked for: `participant_id` is None for anybody new."""

    study: Study
    mode: str
    participant_id: int | None


@dataclass(frozen=True, slots=True)
class _Allowed:
    """Arms that order, exclusion and washout leave a person; `until` ends the washout that keeps others."""

    arms: tuple[Arm, ...]
    until: datetime | None = None


def arms_for(visitation: Visitation) -> list[Arm]:
    """Arms the person may start a sitting in now, with work left for them; raises Refused where none is.

    The refusal holds the time from which the washout no longer keeps them out, where it is that.
    """
    protocol = protocol_of(visitation.study)
    every = tuple(visitation.study.arms.order_by("position"))
    allowed = _allowed(visitation, protocol, every)
    left = [arm for arm in allowed.arms if _has_work(visitation, [arm.pk])]
    if left or _has_unanswered(visitation, allowed.arms):
        return left or list(allowed.arms)
    out = work_with_others(
        study=visitation.study,
        mode=visitation.mode,
        arm_ids=[arm.pk for arm in allowed.arms],
        participant_id=visitation.participant_id,
    )
    others = [arm.pk for arm in every if arm not in allowed.arms]
    if protocol.participants.arm_order == "in_order" and allowed.arms:
        if out:
            raise Refused(Barrier.BUSY)
        later = [arm.pk for arm in every if arm.position > allowed.arms[0].position]
        if later and _has_work(visitation, later):
            raise Refused(Barrier.LATER, _washout_end(visitation, protocol, later[0]))
        raise Refused(Barrier.FULL)
    if allowed.until is not None and _has_work(visitation, others):
        raise Refused(Barrier.WASHOUT, allowed.until)
    raise Refused(Barrier.BUSY if out else Barrier.FULL)


def arm_of_sitting(visitation: Visitation, arms: Sequence[Arm]) -> Arm | None:
    """The arm of a new sitting: of `arms` the one with the fewest sittings; a tie is drawn.

    None where the questions of one sitting come from every arm.
    """
    if protocol_of(visitation.study).participants.arm_order == "within":
        return None
    if len(arms) < 2:
        return arms[0] if arms else None
    used = dict(
        Sitting.objects.filter(study=visitation.study, mode=visitation.mode)
        .values_list("arm")
        .annotate(sittings=Count("pk"))
        .order_by()
    )
    fewest = min(used.get(arm.pk, 0) for arm in arms)
    return secrets.choice([arm for arm in arms if used.get(arm.pk, 0) == fewest])


def arms_open_to(sitting: Sitting) -> Sequence[int]:
    """Arms the sitting draws its next question from, the first choice first.

    Its own; where nothing keeps arms apart the others too, when its own has nothing left. Without an arm
    of its own, the arm that this person has seen least of, then the one whose next question is served
    least. None at all while a visit elsewhere keeps the person out: see `shut_out_until`.
    """
    protocol = protocol_of(sitting.study)
    rules = protocol.participants
    if shut_out_until(sitting) is not None:
        return []
    own = sitting.arm_id
    stays = rules.washout_days > 0 or rules.arm_order in ("between", "in_order")
    if own is not None and (stays or len(protocol.arms) < 2):
        return [own]
    arms = list(
        Arm.objects.filter(study_id=sitting.study_id).order_by("position").values_list("pk", flat=True)
    )
    if len(arms) > 1 and rules.arm_order == "within":
        return _least_served_first(sitting, arms)
    return sorted(arms, key=lambda arm: arm != own)


def shut_out_until(sitting: Sitting) -> datetime | None:
    """Until when a visit elsewhere keeps the person from going on with this sitting; None: it does not.

    A sitting may be taken up again days later. Whoever was in another arm or study of the family since
    must let the washout pass first, as everybody who comes anew.
    """
    protocol = protocol_of(sitting.study)
    if protocol.participants.washout_days <= 0:
        return None
    visitation = Visitation(sitting.study, sitting.mode, sitting.participant_id)
    ends = (_family_end(visitation, protocol), _washout_end(visitation, protocol, sitting.arm_id))
    return max((end for end in ends if end is not None), default=None)


def work_remains(*, study: Study, mode: str, arm_ids: Sequence[int], participant_id: int | None) -> bool:
    """Whether a question is free now that this person (None: anybody new) may answer."""
    arms = searches(study=study, mode=mode, arm_ids=arm_ids, participant_id=participant_id)
    return any(free_for(search) for search in arms)


def work_with_others(*, study: Study, mode: str, arm_ids: Sequence[int], participant_id: int | None) -> bool:
    """Whether questions that this person may answer are all out on leases, and may come back."""
    arms = searches(study=study, mode=mode, arm_ids=arm_ids, participant_id=participant_id)
    return any(out_on_leases(search) for search in arms)


def keeps_apart(protocol: Protocol) -> bool:
    """Whether nobody may go from one arm of the study to another, ever or before a washout is over."""
    rules = protocol.participants
    return len(protocol.arms) > 1 and (rules.arm_order == "between" or rules.washout_days > 0)


def first_incomplete(*, study: Study, mode: str, arms: Sequence[Arm]) -> Arm | None:
    """The first of `arms` that still waits for answers, also for those of people who are at it now."""
    for arm in arms:
        if QuestionSlots.objects.filter(study=study, mode=mode, arm=arm, open=True, gold=False).exists():
            return arm
    return None


def _allowed(visitation: Visitation, protocol: Protocol, every: tuple[Arm, ...]) -> _Allowed:
    rules = protocol.participants
    arms = every
    if rules.arm_order == "in_order":
        current = first_incomplete(study=visitation.study, mode=visitation.mode, arms=every)
        if current is None:
            return _Allowed(())
        arms = (current,)
    if visitation.participant_id is None:
        return _Allowed(arms)
    if rules.arm_order == "between":
        visited = set(_visits(visitation).values_list("arm_id", flat=True)) - {None}
        arms = tuple(arm for arm in arms if visited <= {arm.pk})
    if rules.washout_days <= 0:
        return _Allowed(arms)
    elsewhere = _family_end(visitation, protocol)
    if elsewhere is not None:
        raise Refused(Barrier.WASHOUT, elsewhere)
    ends = {arm.pk: _washout_end(visitation, protocol, arm.pk) for arm in arms}
    if rules.arm_order == "in_order" and (end := ends[arms[0].pk]) is not None:
        raise Refused(Barrier.WASHOUT, end)
    later = [end for end in ends.values() if end is not None]
    return _Allowed(tuple(arm for arm in arms if ends[arm.pk] is None), min(later, default=None))


def _visits(visitation: Visitation) -> QuerySet[Sitting]:
    return Sitting.objects.filter(
        participant=visitation.participant_id, mode=visitation.mode, study=visitation.study
    )


def _family_end(visitation: Visitation, protocol: Protocol) -> datetime | None:
    """When the washout after the last visit to another study of the family ends; None: it is over."""
    family = protocol.participants.family
    if not family:
        return None
    visits = Sitting.objects.filter(
        participant=visitation.participant_id,
        mode=visitation.mode,
        study__protocol__participants__family=family,
    ).exclude(study=visitation.study)
    return _end(_last_moment(visits), protocol)


def _washout_end(visitation: Visitation, protocol: Protocol, arm_id: int | None) -> datetime | None:
    """When the washout after the person's last visit to another arm than this ends; None: it is over."""
    if arm_id is None:
        return None
    return _end(_last_moment(_visits(visitation).exclude(arm=arm_id).exclude(arm=None)), protocol)


def _last_moment(visits: QuerySet[Sitting]) -> datetime | None:
    """The last time that a person was at something in these visits: consent, question or answer."""
    last = visits.aggregate(
        consent=Max("consented_at"),
        question=Max("presentations__allocated_at"),
        answer=Max("presentations__answers__answered_at"),
    )
    return max((moment for moment in last.values() if moment is not None), default=None)


def _end(last: datetime | None, protocol: Protocol) -> datetime | None:
    if last is None:
        return None
    end: datetime = last + timedelta(days=protocol.participants.washout_days)
    return end if end > timezone.now() else None


def _has_work(visitation: Visitation, arm_ids: Sequence[int]) -> bool:
    return work_remains(
        study=visitation.study,
        mode=visitation.mode,
        arm_ids=arm_ids,
        participant_id=visitation.participant_id,
    )


def _has_unanswered(visitation: Visitation, arms: Sequence[Arm]) -> bool:
    """Whether the person was given a question before that still takes their answer."""
    if visitation.participant_id is None:
        return False
    unanswered = Presentation.objects.filter(
        Q(holds_slot=True) | Q(question__slots__mode=visitation.mode, question__slots__open=True),
        participant=visitation.participant_id,
        sitting__study=visitation.study,
        mode=visitation.mode,
        answered=False,
        question__arm__in=arms,
    )
    return resumable(unanswered, visitation.study).exists()


def _least_served_first(sitting: Sitting, arms: Sequence[int]) -> list[int]:
    """Arms with a free question for the person, those they have seen least of first; then the others.

    Ties go to the arm whose next question has fewest answers, then round by round from an arm that
    differs from sitting to sitting.
    """
    seen = dict(
        Presentation.objects.filter(
            participant=sitting.participant_id, mode=sitting.mode, sitting__study=sitting.study_id
        )
        .values_list("question__arm")
        .annotate(many=Count("pk"))
        .order_by()
    )
    ranked = []
    every = searches(
        study=sitting.study, mode=sitting.mode, arm_ids=arms, participant_id=sitting.participant_id
    )
    for place, (arm, search) in enumerate(zip(arms, every, strict=True)):
        free = free_for(search)
        turn = (place - sitting.pk) % len(arms)
        ranked.append((not free, seen.get(arm, 0), free[0].taken if free else 0, turn, arm))
    return [arm for *_, arm in sorted(ranked)]
