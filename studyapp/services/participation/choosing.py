"""What a participant may choose: one of an arm's values, or several where the kind of study allows it."""

from __future__ import annotations

from studyapp.protocol.criticism import CANNOT_TELL, NONE_OF_THEM
from studyapp.protocol.schema import ArmSetup

BETWEEN = ","
# Chosen alone: nothing else can be true beside them.
ALONE = (NONE_OF_THEM, CANNOT_TELL)


class NotOfferedError(ValueError):
    """A choice that the page does not offer, or values that exclude each other."""


def accepted_value(setup: ArmSetup, sent: str) -> str:
    """The answer as it is stored, several values in the protocol's order; raises NotOfferedError."""
    if not setup.several:
        if sent not in setup.values:
            raise NotOfferedError(f"{sent!r} is not offered; the answers are {', '.join(setup.values)}")
        return sent
    chosen = set(sent.split(BETWEEN))
    unknown = sorted(chosen - set(setup.values))
    if unknown:
        raise NotOfferedError(f"{unknown[0]!r} is not offered; choose among {', '.join(setup.values)}")
    if len(chosen) > 1 and chosen & set(ALONE):
        raise NotOfferedError(f"{sent!r}: {' and '.join(ALONE)} can only be chosen alone")
    return BETWEEN.join(value for value in setup.values if value in chosen)


def chosen_values(stored: str) -> tuple[str, ...]:
    """The values of a stored answer to a question that allows several."""
    return tuple(stored.split(BETWEEN))
