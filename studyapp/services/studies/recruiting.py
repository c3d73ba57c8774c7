"""Ways into a study as a researcher makes them: each leaves a line in the audit trail."""

from __future__ import annotations

from django.db import transaction

from studyapp.models import Mode, RecruitmentLink, Study
from studyapp.recruitment.link import create_invitations, create_link
from studyapp.services.audit import write_audit

MOST_INVITATIONS = 10_000
# A link of the researcher's own, not to be handed out: found again by its note.
OWN_PREVIEW = "the researchers' own preview"


class TooMany(ValueError):
    """More invitations at once than anybody can have meant."""


@transaction.atomic
def add_open_link(*, study: Study, actor: str, mode: str, note: str = "") -> RecruitmentLink:
    """Make an open link; raises LinkRefused where the protocol wants invitations only."""
    link = create_link(study=study, mode=mode, note=note)
    write_audit(study=study, actor=actor, verb="link", subject=f"{mode} link", detail={"note": note})
    return link


@transaction.atomic
def invite(*, study: Study, actor: str, mode: str, count: int, note: str = "") -> list[RecruitmentLink]:
    """Make `count` single-use invitations; raises LinkRefused below one and TooMany above 10,000."""
    if count > MOST_INVITATIONS:
        raise TooMany(f"{count:,} invitations at once; give at most {MOST_INVITATIONS:,} and repeat")
    links = create_invitations(study=study, mode=mode, count=count, note=note)
    write_audit(
        study=study,
        actor=actor,
        verb="invite",
        subject=f"{count} {mode} invitations",
        detail={"count": count, "note": note},
    )
    return links


@transaction.atomic
def own_preview(*, study: Study) -> RecruitmentLink:
    """The link by which researchers look at the study as participants see it; made at the first time."""
    # Locked, so that two clicks do not make two.
    Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    found = study.links.filter(mode=Mode.PREVIEW, single_use=False, note=OWN_PREVIEW).first()
    return found or create_link(study=study, mode=Mode.PREVIEW, note=OWN_PREVIEW)
