"""A study's life: draft, open, paused, closed. Everything here is audited."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from studyapp.models import Mode, Question, RecruitmentLink, Stimulus, Study
from studyapp.protocol.canonical import canonical_json, canonical_sha256
from studyapp.recruitment.link import create_link
from studyapp.services.audit import write_audit
from studyapp.services.criticism.boards import IS_BESIDE
from studyapp.services.participation.slots import ensure_slots
from studyapp.services.planning.example_pictures import VARIANT as EXAMPLE
from studyapp.services.plans import protocol_of
from studyapp.services.refusals import Refused
from studyapp.services.studies.amendments import amend_study
from studyapp.services.studies.creation import create_study, finish_build, has_pixels, start_build
from studyapp.services.studies.rehearsals import is_rehearsed
from studyapp.services.studies.reviews import approve_pending, review_stimulus

__all__ = [
    "Opened",
    "amend_study",
    "approve_pending",
    "close_study",
    "create_study",
    "finish_build",
    "obstacles_to_opening",
    "open_study",
    "pause_study",
    "resume_study",
    "review_stimulus",
    "shown_stimuli",
    "start_build",
    "study_named",
]


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened study and its open link; None where the protocol wants invitations only."""

    study: Study
    link: RecruitmentLink | None


def study_named(name: str) -> Study:
    """The study of that name; raises Refused naming those there are."""
    found = Study.objects.filter(name=name).select_related("dataset").first()
    if found is None:
        known = ", ".join(Study.objects.order_by("name").values_list("name", flat=True)) or "none yet"
        raise Refused(f"Study {name!r} does not exist (there are: {known}); mend the name.")
    return found


def shown_stimuli(study: Study) -> QuerySet[Stimulus]:
    """The stimuli that participants may see: those of imported questions are never shown."""
    asked = Question.objects.filter(study=study).exclude(origin=Question.Origin.IMPORTED)
    return Stimulus.objects.filter(study=study).filter(
        Q(pk__in=asked.values("stimulus")) | Q(variant=EXAMPLE) | IS_BESIDE
    )


def obstacles_to_opening(study: Study, *, unrehearsed: str = "") -> tuple[str, ...]:
    """Everything that keeps a draft from being opened, each with its remedy; empty when it may open."""
    found: list[str] = []
    protocol = protocol_of(study)
    if study.state != Study.State.DRAFT:
        found.append(f"It is {study.state}: only a draft can be opened.")
    if study.built_at is None:
        found.append("It is not built: let its build job finish, or run create_study again to go on with it.")
    shown = shown_stimuli(study)
    if not has_pixels(study.dataset):
        found.append(
            f"Dataset {study.dataset.name} lists names without pixels, so there is nothing to show; its "
            "answers can only be imported (import_answers)."
        )
    elif blank := shown.filter(file="").count():
        found.append(f"{blank:,} of its pictures are not rendered: run create_study again to go on with it.")
    pending = shown.filter(review=Stimulus.Review.PENDING).count()
    if protocol.review.required and pending:
        found.append(
            f"{pending:,} of {shown.count():,} stimuli are not reviewed: approve or hold back each on its "
            "stimuli page, or say required = false under [review]."
        )
    if protocol.rehearsal.required and not unrehearsed.strip() and not is_rehearsed(study):
        found.append(
            f"Its protocol wants a passed rehearsal, and none of it is recorded: rehearse {study.name}, "
            'or open it with --unrehearsed "reason" (the reason is kept in the audit trail).'
        )
    return tuple(found)


def open_study(*, study: Study, actor: str, unrehearsed: str = "") -> Opened:
    """Freeze the plan and let participants in; returns the open link where the protocol allows one.

    The hash of the canonical protocol is computed anew and frozen. Raises Refused with every obstacle.
    """
    with transaction.atomic():
        found = obstacles_to_opening(study, unrehearsed=unrehearsed)
        if found:
            raise Refused(f"Study {study.name} can not be opened. " + " ".join(found))
        protocol = protocol_of(study)
        canonical = canonical_json(protocol)
        digest = canonical_sha256(canonical)
        changed = Study.objects.filter(pk=study.pk, state=Study.State.DRAFT).update(
            state=Study.State.OPEN,
            opened_at=timezone.now(),
            protocol=json.loads(canonical),
            protocol_sha256=digest,
        )
        if not changed:
            raise Refused(f"Study {study.name} is no longer a draft: somebody else has just opened it.")
        ensure_slots(study=study, mode=Mode.REAL)
        detail = {"protocol_sha256": digest}
        if protocol.rehearsal.required and unrehearsed.strip():
            detail["unrehearsed"] = unrehearsed.strip()
        write_audit(study=study, actor=actor, verb="open", subject=study.name, detail=detail)
        study.refresh_from_db()
        link = create_link(study=study, mode=Mode.REAL) if protocol.recruitment.allow_open_link else None
    return Opened(study, link)


def pause_study(*, study: Study, actor: str, reason: str = "") -> Study:
    """Stop giving out questions for a while; whoever holds one may still answer it."""
    return _move(study, actor, "pause", (Study.State.OPEN,), Study.State.PAUSED, reason)


def resume_study(*, study: Study, actor: str, reason: str = "") -> Study:
    """Go on after a pause."""
    return _move(study, actor, "resume", (Study.State.PAUSED,), Study.State.OPEN, reason)


def close_study(*, study: Study, actor: str, reason: str = "") -> Study:
    """End the collection of answers for good."""
    return _move(study, actor, "close", (Study.State.OPEN, Study.State.PAUSED), Study.State.CLOSED, reason)


@transaction.atomic
def _move(
    study: Study, actor: str, verb: str, before: tuple[Study.State, ...], after: Study.State, reason: str
) -> Study:
    """Compare and swap the state, then say so in the audit trail; raises Refused from another state."""
    closed = {"closed_at": timezone.now()} if after == Study.State.CLOSED else {}
    if not Study.objects.filter(pk=study.pk, state__in=before).update(state=after, **closed):
        study.refresh_from_db()
        raise Refused(
            f"Study {study.name} is {study.state}; one can only {verb} a study that is "
            f"{' or '.join(state.value for state in before)}."
        )
    write_audit(
        study=study, actor=actor, verb=verb, subject=study.name, detail={"reason": reason} if reason else {}
    )
    study.refresh_from_db()
    return study
