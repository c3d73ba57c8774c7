"""What the arms of every kind of study have."""

from __future__ import annotations

from dataclasses import dataclass, field

from studyapp.protocol.keys import about
from studyapp.protocol.pictures import ClassHelp


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmBase:
    """Keys of `[[arm]]` that every kind has; what an arm leaves out is as in `[questions]`."""

    name: str = field(metadata=about("Name of the arm in tables and exports."))
    wording: str | None = field(default=None, metadata=about("`wording` of this arm."))
    class_help: ClassHelp | None = field(default=None, metadata=about("`class_help` of this arm."))
