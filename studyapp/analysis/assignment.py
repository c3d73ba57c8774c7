"""Prototype assignment (science.md, section 4): how often people find the group of the target.

One row per answer. Tables stand twice: over all answers, and over those within the time that the protocol
declares; nothing is left out at collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.intervals import Rate, wilson_rate


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """The answers of an assignment study, A of them.

    `condition`, `participant`, `category_set`, `category` [A] are indices: of `conditions`, of the people, of
    the sets of categories that were shown together, and of the target's category. `right` [A]: the target's
    group was chosen. `seconds` [A]: time of the answer, NaN where it is not known. `position` [A]: place of
    the trial among the person's own, from 1. `groups`: how many there were to choose from.
    """

    condition: IntArray
    participant: IntArray
    category_set: IntArray
    category: IntArray
    right: BoolArray
    seconds: FloatArray
    position: IntArray
    conditions: tuple[str, ...]
    groups: int

    def __post_init__(self) -> None:
        rows = len(self.right)
        for name in ("condition", "participant", "category_set", "category", "seconds", "position"):
            if len(getattr(self, name)) != rows:
                raise ValueError(
                    f"trials: column {name} has {len(getattr(self, name))} rows, column right has {rows}"
                )
        if rows and not 0 <= int(self.condition.min()) <= int(self.condition.max()) < len(self.conditions):
            raise ValueError(
                f"trials: conditions are numbered {int(self.condition.min())} to "
                f"{int(self.condition.max())}, and {len(self.conditions)} are named"
            )
        if self.groups < 2:
            raise ValueError(f"groups = {self.groups}: there must be two groups to choose from")

    @property
    def chance(self) -> float:
        """Success rate of somebody who guesses."""
        return 1 / self.groups

    def where(self, keep: BoolArray) -> Trials:
        """The rows where `keep` [A] is true, with the same conditions."""
        names = ("condition", "participant", "category_set", "category", "right", "seconds", "position")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Answers of at least `low` and at most `high` seconds; a time that is not known is never judged."""

    low: float
    high: float

    def within(self, seconds: FloatArray) -> BoolArray:
        """[A] which answers the window keeps."""
        # Comparisons with NaN are false, so what is not known stays.
        return np.asarray(~((seconds < self.low) | (seconds > self.high)), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class ConditionSuccess:
    """A row of the paper's Table 3: success within the window and over all answers, Wilson's intervals."""

    condition: str
    within: Rate
    everything: Rate


@dataclass(frozen=True, slots=True)
class Success:
    """Success of one part of the answers: a category, a participant, a stretch of time."""

    part: int
    rate: Rate


@dataclass(frozen=True, slots=True)
class Stretch:
    """Success at the positions `first` to `last` of people's own trials."""

    first: int
    last: int
    rate: Rate


@dataclass(frozen=True, slots=True)
class TimeBin:
    """Answers of at least `low` and less than `high` seconds (None: no end); `kept` are in the window."""

    low: float
    high: float | None
    answers: int
    kept: int


def condition_success(trials: Trials, window: TimeWindow) -> tuple[ConditionSuccess, ...]:
    """Table 3, in the order of the conditions."""
    kept = window.within(trials.seconds)
    found = []
    for code, name in enumerate(trials.conditions):
        mine = trials.condition == code
        found.append(
            ConditionSuccess(
                name, within=_rate(trials.right[mine & kept]), everything=_rate(trials.right[mine])
            )
        )
    return tuple(found)


def success_by(trials: Trials, part: IntArray) -> tuple[Success, ...]:
    """Success of every part [A] that has answers, such as `trials.category` or `trials.participant`."""
    return tuple(Success(int(code), _rate(trials.right[part == code])) for code in np.unique(part))


def success_over_time(trials: Trials, *, stretches: int = 5) -> tuple[Stretch, ...]:
    """Success over the time on task: positions cut into stretches of about as many answers each."""
    places, inverse, answers = np.unique(trials.position, return_inverse=True, return_counts=True)
    # A position belongs to the stretch that the middle one of its answers falls into.
    middle = np.cumsum(answers) - answers / 2
    stretch = np.floor(middle * stretches / max(len(trials.right), 1)).astype(np.int64)
    found = []
    for each in np.unique(stretch):
        mine = stretch == each
        found.append(
            Stretch(int(places[mine].min()), int(places[mine].max()), _rate(trials.right[mine[inverse]]))
        )
    return tuple(found)


def time_histogram(
    trials: Trials, window: TimeWindow, *, width: float = 10.0, last: float = 240.0
) -> tuple[TimeBin, ...]:
    """Answers by their time, in bins of `width` seconds up to `last` and one beyond."""
    known = np.isfinite(trials.seconds)
    seconds = trials.seconds[known]
    kept = window.within(seconds)
    edges = np.arange(0, last + width, width)
    place = np.minimum(np.floor(seconds / width).astype(np.int64), len(edges) - 1)
    answers = np.bincount(place, minlength=len(edges))
    inside = np.bincount(place[kept], minlength=len(edges))
    return tuple(
        TimeBin(
            low=float(low),
            high=None if i == len(edges) - 1 else float(low + width),
            answers=int(answers[i]),
            kept=int(inside[i]),
        )
        for i, low in enumerate(edges)
    )


def conditions_of(
    pairs: Sequence[tuple[str, str]] | None, conditions: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    """The planned pairs as indices of the conditions; all pairs where none is planned."""
    if pairs is None:
        return tuple((a, b) for a in range(len(conditions)) for b in range(a + 1, len(conditions)))
    return tuple((conditions.index(first), conditions.index(second)) for first, second in pairs)


def _rate(right: BoolArray) -> Rate:
    return wilson_rate(int(right.sum()), len(right))
