"""The protocol of a stored study as frozen values."""

from __future__ import annotations

import json

from studyapp.models import Presentation, Sitting, Study
from studyapp.protocol.canonical import protocol_from_canonical
from studyapp.protocol.schema import ArmSetup, Protocol

_KEPT: dict[str, Protocol] = {}
_MOST_KEPT = 64
# The columns of a question that its page needs, as seen from a presentation.
READ_WITH_PRESENTATION = (
    *(field.name for field in Presentation._meta.concrete_fields),
    *(f"question__{name}" for name in ("key", "labels", "parameters", "image", "study")),
    *(f"question__arm__{name}" for name in ("name", "wording")),
    *(f"question__label__{name}" for name in ("name", "synonyms", "gloss")),
    *(f"question__stimulus__{name}" for name in ("key", "width", "height", "review")),
)
# All of a sitting and, of its study, what its pages need: never the protocol's text.
READ_WITH_SITTING = (
    *(field.name for field in Sitting._meta.concrete_fields),
    *(f"study__{name}" for name in ("name", "state", "built_at", "protocol_sha256", "dataset")),
)


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
    return (protocol_of(study).participants.family or f"study:{study.name}")[:100]
