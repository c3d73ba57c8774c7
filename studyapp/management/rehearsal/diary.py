"""What a simulated participant knows of the visit, and what all of them share."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from studyapp.management.rehearsal.habits import Ending, Habit
from studyapp.management.rehearsal.truth import Truth


@dataclass(slots=True)
class Diary:
    """Every answer that the server took, and what went wrong.

    `standing`: the value of each presentation's answer that was not undone. `code`: the completion code.
    `address`: the sitting's own address.
    """

    person: int
    standing: dict[str, str] = field(default_factory=dict)
    undone: int = 0
    code: str = ""
    address: str = ""
    ending: Ending = Ending.STOPPED
    habits: Counter[Habit] = field(default_factory=Counter)
    returns: int = 0
    late: bool = False
    problems: list[str] = field(default_factory=list)

    def complain(self, text: str) -> None:
        """Note something that should not have happened."""
        self.problems.append(f"person {self.person}: {text}")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all participants of a rehearsal share.

    `pictures`: bytes of every picture fetched so far by its address, 0 where it did not arrive.
    `presentations`: keys that pages have shown, so that somebody can try another person's.
    """

    server: str
    join: str
    plan: Truth
    stop: threading.Event
    answered: Callable[[], None]
    pictures: dict[str, int] = field(default_factory=dict)
    presentations: list[str] = field(default_factory=list)
