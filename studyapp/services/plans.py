"""The protocol of a stored study as frozen values."""

from __future__ import annotations

import json

from studyapp.models import Study
from studyapp.protocol.canonical import protocol_from_canonical
from studyapp.protocol.schema import ArmSetup, Protocol

_KEPT: dict[str, Protocol] = {}
_MOST_KEPT = 64
# The large columns of a study that participant pages never need, as seen from a sitting.
UNREAD = ("study__protocol", "study__protocol_text")


def protocol_of(study: Study) -> Protocol:
    """The study's protocol, assembled from its stored canonical form.

    Every participant page needs it, so the assembled value is kept per digest: an amendment changes
    the digest and thereby what is found. The stored form is only read when the digest is new.
    """
    kept = _KEPT.get(study.protocol_sha256)
    if kept is None:
        stored = study.protocol
        kept = protocol_from_canonical(stored if isinstance(stored, str) else json.dumps(stored))
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        _KEPT[study.protocol_sha256] = kept
    return kept


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
