"""The protocol of a stored study as frozen values."""

from __future__ import annotations

import json
from functools import lru_cache

from studyapp.models import Study
from studyapp.protocol.canonical import protocol_from_canonical
from studyapp.protocol.schema import ArmSetup, Protocol


def protocol_of(study: Study) -> Protocol:
    """The study's protocol, assembled from its stored canonical form.

    Every participant page needs it, so the assembled value is kept per text: an amendment
    changes the text and thereby what is found.
    """
    stored = study.protocol
    return _assembled(stored if isinstance(stored, str) else json.dumps(stored, sort_keys=True))


def setup_of(protocol: Protocol, arm: str) -> ArmSetup:
    """How the arm of that name asks; raises LookupError when the protocol has no such arm."""
    for setup in protocol.arm_setups():
        if setup.name == arm:
            return setup
    known = ", ".join(setup.name for setup in protocol.arm_setups())
    raise LookupError(f"study {protocol.name}: no arm {arm!r} in its protocol, which has {known}")


def family_of(study: Study) -> str:
    """The name within which one look and the washout hold: the family, or the study by itself."""
    return protocol_of(study).participants.family or f"study:{study.name}"[:100]


@lru_cache(maxsize=64)
def _assembled(text: str) -> Protocol:
    return protocol_from_canonical(text)
