"""What people do to a study besides answering it."""

from __future__ import annotations

from enum import StrEnum


class Habit(StrEnum):
    """A disturbance of one answer; each is followed by ordinary behaviour."""

    RELOAD = "reloads the page"
    DOUBLE_POST = "sends the form twice"
    DOUBLE_CLICK = "clicks twice at the same moment"
    TWO_TABS = "answers differently in a second tab"
    LOST_REPLY = "loses the connection before the reply"
    UNDO = "undoes the answer"
    FORGE = "sends an answer that is not offered, or to another person's question"


class Ending(StrEnum):
    """How a visit ended."""

    FINISHED = "finished with a completion code"
    WITHOUT_ANSWER = "ended with a completion code before the first question"
    LEFT = "left in the middle of a question"
    REFUSED = "found nothing left to answer"
    TURNED_AWAY = "came again at once and was turned away"
    STOPPED = "was stopped with the rehearsal"
    TROUBLE = "met a page that should not be"


HABITS = tuple(Habit)
_EVERY = 5
_LEAVES, _RETURNS, _COMES_AGAIN, _CROWD = 1, 2, 3, 8


def habit_at(*, person: int, answered: int) -> Habit | None:
    """The disturbance of this answer: every fifth has one, all kinds in turn."""
    if (person + answered) % _EVERY:
        return None
    return HABITS[((person + answered) // _EVERY + person) % len(HABITS)]


def comes_back(person: int) -> bool:
    """Whether this person closes the page in the middle of a question and comes back at once."""
    return person % _CROWD == _RETURNS


def leaves(person: int) -> bool:
    """Whether this person leaves in the middle of a question until after the lease has ended."""
    return person % _CROWD == _LEAVES


def comes_again(person: int) -> bool:
    """Whether this person, having finished, tries at once to take part once more."""
    return person % _CROWD == _COMES_AGAIN


def consents_twice(person: int) -> bool:
    """Whether this person presses the consent button twice."""
    return person % _CROWD == 0
