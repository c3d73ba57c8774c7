"""Why somebody cannot take part in a study, or not now."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum


class Barrier(StrEnum):
    """Why somebody cannot take part (now)."""

    NOT_OPEN = "not_open"
    PAUSED = "paused"
    CLOSED = "closed"
    FULL = "full"
    BUSY = "busy"
    LATER = "later"
    EXCLUDED = "excluded"
    WASHOUT = "washout"
    LIMIT = "limit"
    SPENT = "spent"
    WITHDRAWN = "withdrawn"


class Refused(Exception):
    """Taking part is not possible: `barrier` says why, `until` when it will be, where that is known."""

    def __init__(self, barrier: Barrier, until: datetime | None = None) -> None:
        super().__init__(barrier.value)
        self.barrier = barrier
        self.until = until
