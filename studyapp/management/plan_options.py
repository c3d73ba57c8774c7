"""Options that are the keys of a protocol's table: their spelling, and the limits that the protocol sets."""

from __future__ import annotations

from studyapp.protocol.keys import KeySpec
from studyapp.services.refusals import Refused


def option_of(key: KeySpec) -> str:
    """The option that says what the key says: `kernel_width` is --kernel-width."""
    return f"--{key.name.replace('_', '-')}"


def refuse_out_of_range(key: KeySpec, value: object) -> None:
    """Raise Refused for a number that a protocol could not say either."""
    complaint = key.limits.complaint(value) if isinstance(value, int | float) else None
    if complaint is not None:
        raise Refused(f"{option_of(key)} {value} is out of range: give {complaint}.")
