"""Drawing the trials of an assignment study: a set of categories and a target that no group shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

# (target image id, ids of shown images) -> whether the target is a near-duplicate of one of them.
NearDuplicate = Callable[[int, Sequence[int]], bool]


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial of every arm: `categories` by id, the target's first, and the target image's id."""

    categories: tuple[int, ...]
    target: int

    @property
    def right(self) -> int:
        """The target's category."""
        return self.categories[0]


@dataclass(slots=True)
class TrialDraw:
    """Draws trials one by one; no image is a target twice, and every category is target equally often.

    `candidates`: image ids that may be a target, by category. `shown`: the images that any arm shows of a
    category. `nearest`: for each category the others, the most similar first, where distractors are to be
    similar; None draws them at random.
    """

    candidates: Mapping[int, Sequence[int]]
    shown: Mapping[int, Sequence[int]]
    groups: int
    near_duplicate: NearDuplicate
    nearest: Mapping[int, Sequence[int]] | None
    rng: np.random.Generator
    _left: dict[int, list[int]] = field(default_factory=dict)
    _turns: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put every category's candidates into a random order."""
        for category in sorted(self.candidates):
            rows = self.candidates[category]
            self._left[category] = [rows[int(place)] for place in self.rng.permutation(len(rows))]
            self._turns[category] = 0

    def draw(self, count: int, among: Sequence[int]) -> list[Trial]:
        """Up to `count` trials over these categories: fewer where no target is left."""
        found: list[Trial] = []
        while len(found) < count:
            trial = self._next(among)
            if trial is None:
                break
            found.append(trial)
        return found

    def _next(self, among: Sequence[int]) -> Trial | None:
        """A trial of a category that was target least often so far; one without targets drops out."""
        ready = [category for category in sorted(among) if self._left[category]]
        turns = {category: (self._turns[category], self.rng.random()) for category in ready}
        for category in sorted(ready, key=turns.__getitem__):
            chosen = (category, *self._distractors(category, among))
            target = self._target(category, chosen)
            if target is not None:
                self._turns[category] += 1
                return Trial(chosen, target)
        return None

    def _distractors(self, category: int, among: Sequence[int]) -> list[int]:
        others = [each for each in sorted(among) if each != category]
        wanted = self.groups - 1
        if self.nearest is not None:
            allowed = set(others)
            return [each for each in self.nearest[category] if each in allowed][:wanted]
        return [others[int(place)] for place in self.rng.permutation(len(others))[:wanted]]

    def _target(self, category: int, chosen: Sequence[int]) -> int | None:
        """The next image of the category that is like nothing shown; one like its own group is dropped."""
        own = list(self.shown[category])
        others = [image for each in chosen[1:] for image in self.shown[each]]
        left = self._left[category]
        place = 0
        while place < len(left):
            if self.near_duplicate(left[place], own):
                left.pop(place)
            elif self.near_duplicate(left[place], others):
                place += 1
            else:
                return left.pop(place)
        return None


def shuffled(items: Sequence[int], rng: np.random.Generator) -> tuple[int, ...]:
    """The items in a random order."""
    return tuple(items[int(place)] for place in rng.permutation(len(items)))
