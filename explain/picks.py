"""What a method of selection picks, and drawing it from images in their order of preference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Role = Literal["prototype", "criticism"]

_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True, slots=True)
class Pick:
    """One image that was picked; `rank` from 1 within its role, `flag` says how it falls short, if so."""

    key: int
    role: Role
    rank: int
    flag: str = ""
    witness: float | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """A draw without replacement from `pool` images that `among` describes; `drawn` in their order."""

    among: str
    pool: int
    drawn: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CategoryExamples:
    """What a method picked for one category. `gamma`: of the kernel, `objective`: J after every prototype."""

    picks: tuple[Pick, ...]
    shortages: tuple[str, ...] = ()
    draws: tuple[Draw, ...] = ()
    gamma: float | None = None
    objective: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """Images that are as good as each other but for `priority` (smaller first): a draw decides among equals.

    `described`: after "images". `flags`: how each falls short of the method, empty where they do not.
    """

    keys: tuple[int, ...]
    described: str
    flags: Mapping[int, str] = field(default_factory=dict)
    priority: Mapping[int, float] = field(default_factory=dict)


def take(
    role: Role,
    levels: Sequence[Level],
    count: int,
    *,
    wanted: tuple[str, str],
    rng: np.random.Generator,
    images: str,
) -> CategoryExamples:
    """The first `count` images of the levels in their order, drawn within a level.

    `wanted`: what several images of the first level do, and what one does: for the sentence on a shortage.
    """
    picks: list[Pick] = []
    draws: list[Draw] = []
    added: list[str] = []
    good = 0
    for level in levels:
        lacking = count - len(picks)
        if not lacking or not level.keys:
            continue
        order = [int(key) for key in rng.permutation(np.array(level.keys, dtype=np.int64))]
        order.sort(key=lambda key: level.priority.get(key, 0.0))
        chosen = tuple(order[:lacking])
        if len(order) > 1:
            draws.append(Draw(f"{role}: {images} {level.described}", len(order), chosen))
        flags = [level.flags.get(key, "") for key in chosen]
        picks += [
            Pick(key, role, len(picks) + rank, flag)
            for rank, (key, flag) in enumerate(zip(chosen, flags, strict=True), 1)
        ]
        if any(flags):
            added.append(f"{in_words(len(chosen))} {level.described}")
        else:
            good += len(chosen)
    shortages: tuple[str, ...] = ()
    if good < count:
        rest = f"; {', '.join(added)} added" if added else ""
        missing = "" if len(picks) == count else f"; {count - len(picks)} missing"
        shortages = (f"{_counted(good, images, wanted)}{rest}{missing}",)
    return CategoryExamples(tuple(picks), shortages, tuple(draws))


def joined(first: CategoryExamples, second: CategoryExamples) -> CategoryExamples:
    """Prototypes and criticisms that were taken apart, as one."""
    return CategoryExamples(
        first.picks + second.picks, first.shortages + second.shortages, first.draws + second.draws
    )


def _counted(count: int, images: str, wanted: tuple[str, str]) -> str:
    if count == 0:
        return f"no {images} {wanted[0]}"
    if count == 1:
        return f"only 1 {images.replace('images', 'image', 1)} {wanted[1]}"
    return f"only {count} {images} {wanted[0]}"


def in_words(count: int) -> str:
    """A number as a sentence has it: words up to ten."""
    return _WORDS[count] if count < len(_WORDS) else f"{count:,}"
