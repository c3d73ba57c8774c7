"""Changes of an opened study's plan: possible where they leave its questions alone, always visible."""

from __future__ import annotations

import json

from django.contrib.auth.models import User
from django.db import transaction

from studyapp.models import Amendment, QuestionSlots, Study
from studyapp.protocol.canonical import Change, canonical_json, canonical_sha256, difference
from studyapp.protocol.schema import Protocol
from studyapp.services.audit import write_audit
from studyapp.services.participation.slots import GOLD_REQUIRED, still_wanted
from studyapp.services.plans import protocol_of
from studyapp.services.refusals import Refused
from studyapp.services.studies.creation import refuse_level

# What the questions were made from, and what answers were given to: changing it makes another study.
_FIXED = (
    "name",
    "kind",
    "dataset",
    "classifiers",
    "questions.",
    "arm[",
    "answers.values",
    "answers.positive",
)
_WORDS_THAT_MAY_CHANGE = ("questions.instructions",)


@transaction.atomic
def amend_study(
    *, study: Study, protocol: Protocol, actor: str, reason: str, made_by: User | None = None
) -> Amendment:
    """Replace the plan of an opened study by `protocol`, keeping what changed, why and the new hash.

    More answers per question reopen questions that had enough. Raises Refused for a draft, without a
    reason or a change, for fewer answers per question, and for keys that the questions are made from.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)
    if study.state == Study.State.DRAFT:
        raise Refused(
            f"Study {study.name} is a draft, its plan is not frozen yet: create it anew "
            "from the changed protocol."
        )
    if not reason.strip():
        raise Refused("An amendment needs a reason: it is printed with every export.")
    before = protocol_of(study)
    changes = difference(before, protocol)
    if not changes:
        raise Refused(f"The protocol of study {study.name} is the same as before; there is nothing to amend.")
    _refuse_fixed(study, changes)
    refuse_level(protocol)
    if protocol.answers.required < before.answers.required:
        raise Refused(
            f"answers.required can not go down (from {before.answers.required} to "
            f"{protocol.answers.required}): answers that were counted would not be. Close the study instead."
        )
    canonical = canonical_json(protocol)
    digest = canonical_sha256(canonical)
    study.protocol, study.protocol_sha256 = json.loads(canonical), digest
    study.title = protocol.title[:200]
    study.save(update_fields=["protocol", "protocol_sha256", "title"])
    if protocol.answers != before.answers:
        _change_slots(study, protocol)
    amendment = Amendment.objects.create(
        study=study,
        made_by=made_by,
        changes=[[change.key, change.before, change.after] for change in changes],
        reason=reason.strip(),
        protocol_sha256=digest,
    )
    write_audit(
        study=study,
        actor=actor,
        verb="amend",
        subject=study.name,
        detail={
            "keys": [change.key for change in changes],
            "reason": reason.strip(),
            "protocol_sha256": digest,
        },
    )
    return amendment


def _refuse_fixed(study: Study, changes: tuple[Change, ...]) -> None:
    fixed = [
        change
        for change in changes
        if change.key.startswith(_FIXED) and change.key not in _WORDS_THAT_MAY_CHANGE
    ]
    if fixed:
        raise Refused(
            f"Study {study.name} is {study.state}; its questions are made from "
            f"{', '.join(change.key for change in fixed)}, which can not be amended. Make a study of its own."
        )


def _change_slots(study: Study, protocol: Protocol) -> None:
    """Give every question the new number of answers and judge anew which still want some."""
    slots = QuestionSlots.objects.select_for_update().filter(study=study)
    slots.exclude(required=GOLD_REQUIRED).update(required=protocol.answers.required)
    changed = []
    for row in slots.select_related("question__stimulus"):
        wanted = row.question.stimulus.review != "held_back" and still_wanted(row, protocol.answers)
        if wanted != row.open:
            row.open = wanted
            changed.append(row)
    QuestionSlots.objects.bulk_update(changed, ["open"], batch_size=500)
