"""The draw that the bootstrap of a study starts from: made once, stored, only read afterwards."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from studyapp.models import Draw, Study

PURPOSE = "bootstrap"


@dataclass(frozen=True, slots=True)
class BootstrapSeed:
    """The seed, and whether it is a stored draw or, for want of one, taken from the protocol's digest."""

    value: int
    stored: bool


def ensure_bootstrap_draw(*, study: Study) -> Draw:
    """Draw the study's bootstrap seed unless it has one; safe to repeat. Called when a study is built."""
    draw, _ = Draw.objects.get_or_create(
        study=study, purpose=PURPOSE, defaults={"seed": secrets.randbits(62)}
    )
    return draw


def bootstrap_seed(study: Study) -> BootstrapSeed:
    """The stored seed; without one, the first 60 bits of the protocol's SHA-256 (reading changes nothing)."""
    seed = Draw.objects.filter(study=study, purpose=PURPOSE).values_list("seed", flat=True).first()
    if seed is not None:
        return BootstrapSeed(seed, stored=True)
    return BootstrapSeed(int(study.protocol_sha256[:15] or "0", 16), stored=False)
