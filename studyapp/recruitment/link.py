"""Recruitment by link: open links, single-use invitations, and who stands at the door."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from studyapp.models import Mode, RecruitmentLink, Study
from studyapp.protocol.canonical import protocol_from_canonical


class LinkRefused(Exception):
    """A link that the study's protocol does not allow."""


@dataclass(frozen=True, slots=True)
class PanelParameters:
    """Which query parameters of an address carry a panel's ids of the person and of the submission."""

    panel: str
    person: str
    sitting: str = ""


#: Characters of a person's id that are kept.
LONGEST_ID = 200

# The first mapping whose person parameter is in the address is taken; a later panel is one line here.
PANELS: tuple[PanelParameters, ...] = (
    PanelParameters("prolific", "PROLIFIC_PID", "SESSION_ID"),
    PanelParameters("link", "participant", "sitting"),
)


@dataclass(frozen=True, slots=True)
class PanelIds:
    """What an address says about the person: the panel, its id of them, its id of the submission."""

    panel: str
    person: str
    sitting: str


def create_link(
    *, study: Study, mode: str, single_use: bool = False, note: str = "", panel: str = "link"
) -> RecruitmentLink:
    """Make a way into the study in `mode`; raises LinkRefused where the protocol wants invitations only."""
    if mode not in Mode.values:
        raise LinkRefused(f"mode {mode!r} does not exist; give one of {', '.join(Mode.values)}")
    if mode == Mode.REAL and not single_use and not _allows_open_link(study):
        raise LinkRefused(
            f"study {study.name}: its protocol says allow_open_link = false; make single-use invitations "
            "(create_link --invitations N)"
        )
    return RecruitmentLink.objects.create(
        study=study, mode=mode, single_use=single_use, note=note, panel=panel
    )


def create_invitations(*, study: Study, mode: str, count: int, note: str = "") -> list[RecruitmentLink]:
    """`count` single-use invitations, each spent by one person's consent."""
    if count < 1:
        raise LinkRefused(f"invitations: {count}; give a number from 1 on")
    return RecruitmentLink.objects.bulk_create(
        RecruitmentLink(study=study, mode=mode, single_use=True, note=note) for _ in range(count)
    )


def read_people(text: str) -> list[str]:
    """Ids of people, one a line; raises LinkRefused for none, one too long, or one that is there twice."""
    people = [line.strip() for line in text.splitlines() if line.strip()]
    if not people:
        raise LinkRefused("no line has an id; give one a line")
    for line, person in enumerate(people, 1):
        if len(person) > LONGEST_ID:
            raise LinkRefused(f"id {line} has {len(person)} characters; give at most {LONGEST_ID}")
        if person in people[: line - 1]:
            raise LinkRefused(f"id {person!r} is there twice; invite everybody once")
    return people


def link_url(link: RecruitmentLink, *, person: str = "") -> str:
    """The address to hand out: `https://host/join/<token>/`, with the id by which a person is known again."""
    known = f"?{urlencode({'participant': person})}" if person else ""
    return str(settings.BASE_URL) + reverse("participant:join", args=[link.token]) + known


def panel_ids(parameters: Mapping[str, str]) -> PanelIds | None:
    """The ids in an address's query; None where no panel's parameter is there or it is empty.

    A placeholder that a panel did not fill in (`{{%PROLIFIC_PID%}}`) is no id.
    """
    for known in PANELS:
        person = _given(parameters, known.person)
        if person and not person.startswith("{{"):
            return PanelIds(known.panel, person[:LONGEST_ID], _given(parameters, known.sitting)[:100])
    return None


def _given(parameters: Mapping[str, str], name: str) -> str:
    return parameters.get(name, "").strip()


def fresh_visit() -> str:
    """A name for a visitor without an id, so that a second click on one page is the same person."""
    return secrets.token_urlsafe(18)


def _allows_open_link(study: Study) -> bool:
    return protocol_from_canonical(json.dumps(study.protocol)).recruitment.allow_open_link
