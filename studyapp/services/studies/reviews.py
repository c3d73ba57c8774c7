"""The researcher's look at every stimulus before participants see it."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from studyapp.models import QuestionSlots, Stimulus, Study
from studyapp.services.audit import write_audit
from studyapp.services.criticism.held_back import (
    held_back_beside,
    reason_beside,
    targets_to_free,
    targets_to_hold_back,
)
from studyapp.services.participation.slots import still_wanted
from studyapp.services.plans import protocol_of
from studyapp.services.refusals import Refused


@transaction.atomic
def review_stimulus(*, stimulus: Stimulus, actor: str, approve: bool, reason: str = "") -> Stimulus:
    """Approve a stimulus, or hold it back with a reason: its questions are then given to nobody.

    A picture that stands in groups takes the targets beside it along. The decision can be changed
    later; each is kept in the audit trail. Raises Refused for holding back without a reason.
    """
    if not approve and not reason.strip():
        raise Refused("A stimulus is held back with a reason: say why, for whoever reads the audit trail.")
    if approve and (held := held_back_beside(stimulus)):
        raise Refused(
            f"{len(held)} pictures beside it are held back ({held[0].image.name} first): approve those, "
            "or leave this one held back."
        )
    before = stimulus.review
    after = Stimulus.Review.APPROVED if approve else Stimulus.Review.HELD_BACK
    detail: dict[str, object] = {"decision": after.value, "before": before, "reason": reason.strip()}
    Stimulus.objects.filter(pk=stimulus.pk).update(review=after, review_reason=reason.strip()[:300])
    stimulus.refresh_from_db()
    if before != after and Stimulus.Review.HELD_BACK in (before, after):
        _open_slots(stimulus, wanted=approve)
        targets = targets_to_free(stimulus) if approve else targets_to_hold_back(stimulus)
        why = "" if approve else reason_beside(reason.strip())
        for target in targets:
            Stimulus.objects.filter(pk=target.pk).update(review=after, review_reason=why)
            _open_slots(target, wanted=approve)
        if targets:
            detail["targets"] = [target.key for target in targets]
    write_audit(
        study=stimulus.study,
        actor=actor,
        verb="review",
        subject=stimulus.key,
        detail=detail,
    )
    return stimulus


@transaction.atomic
def approve_pending(*, study: Study, actor: str, reason: str = "") -> int:
    """Approve every stimulus nobody has decided about; returns how many. One audit line for all."""
    approved = Stimulus.objects.filter(study=study, review=Stimulus.Review.PENDING).update(
        review=Stimulus.Review.APPROVED, review_reason=reason.strip()[:300]
    )
    audit_approval(study=study, actor=actor, approved=approved, detail={"reason": reason.strip()})
    return approved


def audit_approval(*, study: Study, actor: str, approved: int, detail: Mapping[str, object]) -> None:
    """One line of the audit trail for many stimuli approved at once, with `detail`; none for none."""
    if approved:
        write_audit(
            study=study,
            actor=actor,
            verb="review",
            subject=f"{approved:,} stimuli",
            detail={"decision": Stimulus.Review.APPROVED.value, "stimuli": approved, **detail},
        )


def _open_slots(stimulus: Stimulus, *, wanted: bool) -> None:
    """Shut the slots of a held-back stimulus's questions, or open those that still want answers."""
    rule = protocol_of(stimulus.study).answers
    for slots in QuestionSlots.objects.select_for_update().filter(question__stimulus=stimulus):
        slots.open = wanted and still_wanted(slots, rule)
        slots.save(update_fields=["open"])
