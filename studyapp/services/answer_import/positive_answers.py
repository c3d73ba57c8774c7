"""Which values of an imported file are positive: as the protocol says, or as the import adds to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from studyapp.models import Amendment, QuestionSlots, Study
from studyapp.protocol.canonical import canonical_json, canonical_sha256, difference
from studyapp.protocol.schema import Protocol
from studyapp.services.audit import write_audit
from studyapp.services.plans import protocol_of, setup_of
from studyapp.services.refusals import Refused


def say_positive(
    *, study: Study, arm: str, values: Sequence[str], positive: Sequence[str], actor: str, path: Path
) -> Protocol:
    """The study's protocol, with `positive` in place of its positive answers where it is given.

    A draft's plan is changed; an open study's change becomes an amendment, so that every export shows
    it. Raises Refused where no value of the file is one the study knows.
    """
    protocol = protocol_of(study)
    setup = setup_of(protocol, arm)
    found = ", ".join(repr(value) for value in values)
    if not positive:
        if values and not set(values) & {*setup.positive, *setup.values}:
            raise Refused(
                f"{path.name}: its answers ({found}) are none of the study's ({', '.join(setup.values)}); "
                f"say which of them are positive, such as --positive {values[0]}."
            )
        return protocol
    stray = [value for value in positive if value not in (*values, *setup.values)]
    if stray:
        raise Refused(f"--positive {stray[0]!r} is no answer in {path.name} ({found}); mend it.")
    if set(positive) == set(setup.positive):
        return protocol
    if setup.form == "two_alternative":
        raise Refused(
            "--positive: the answers of a two-alternative question have fixed meanings; leave it out."
        )
    offered = tuple(dict.fromkeys((*protocol.answers.values, *positive, *values)))
    changed = replace(
        protocol, answers=replace(protocol.answers, values=offered, positive=tuple(dict.fromkeys(positive)))
    )
    _refuse_mixture(study, protocol, changed)
    canonical = canonical_json(changed)
    digest = canonical_sha256(canonical)
    if study.state != Study.State.DRAFT:
        Amendment.objects.create(
            study=study,
            changes=[[change.key, change.before, change.after] for change in difference(protocol, changed)],
            reason=f"Of the answers in {path.name}, these count as positive: {', '.join(positive)}.",
            protocol_sha256=digest,
        )
    study.protocol, study.protocol_sha256 = json.loads(canonical), digest
    study.save(update_fields=["protocol", "protocol_sha256"])
    for row in study.arms.filter(name=arm):
        row.parameters = {**row.parameters, "values": list(offered), "positive": list(positive)}
        row.save(update_fields=["parameters"])
    write_audit(
        study=study,
        actor=actor,
        verb="amend",
        subject=f"positive answers: {', '.join(positive)}",
        detail={"file": path.name, "protocol_sha256": digest},
    )
    return changed


def _refuse_mixture(study: Study, before: Protocol, after: Protocol) -> None:
    """Answers already counted under another meaning of positive can not be mixed with new ones."""
    if set(after.answers.positive) >= set(after.answers.values):
        raise Refused("--positive: every answer would be positive, so nobody could disagree; name fewer.")
    if QuestionSlots.objects.filter(study=study, counted__gt=0).exists():
        raise Refused(
            f"Study {study.name} has answers counted with positive = {', '.join(before.answers.positive)}; "
            "import these into a study of their own."
        )
