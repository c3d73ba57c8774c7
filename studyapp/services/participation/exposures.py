"""What a page measured while it showed a picture for a limited time, kept with the answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from studyapp.models import Answer, Exposure

_LONGEST_MS = 3_600_000.0
_MOST_FRAMES = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Shown:
    """As a page sends it; None where it could not measure. A page may send anything."""

    milliseconds: float | None
    frames: float | None
    refresh_ms: float | None
    hidden: bool
    again: bool


def keep_exposure(*, answer: Answer, shown: Shown) -> None:
    """Keep it beside a fresh answer, inside the caller's transaction; impossible numbers are left out."""
    Exposure.objects.create(
        answer=answer,
        shown_ms=_possible(shown.milliseconds, _LONGEST_MS),
        frames=None if (frames := _possible(shown.frames, _MOST_FRAMES)) is None else int(frames),
        refresh_ms=_possible(shown.refresh_ms, _LONGEST_MS),
        hidden=shown.hidden,
        again=shown.again,
    )


def _possible(value: float | None, most: float) -> float | None:
    return value if value is not None and math.isfinite(value) and 0 <= value <= most else None
