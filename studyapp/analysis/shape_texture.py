"""Shape or texture: what observers say of pictures with the shape of one thing and the texture of another.

Source: Geirhos et al., "ImageNet-trained CNNs are biased towards texture" (ICLR 2019). People and networks
share one row: an observer's choice among the same categories for one picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from studyapp.analysis.arrays import FloatArray, IntArray
from studyapp.analysis.intervals import Rate, wilson_rate

Aggregation = Literal["mean", "sum", "max"]

NO_RESPONSE = -1

_STIMULUS = re.compile(r"(?:.*[_/])?(([a-z]+)\d+-([a-z]+)\d+)\.[A-Za-z]+")


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """One observer's choices: `shape`, `texture` and `response` [n] are indices into `categories`.

    `response` is NO_RESPONSE where none was given.
    """

    observer: str
    categories: tuple[str, ...]
    shape: IntArray
    texture: IntArray
    response: IntArray


@dataclass(frozen=True, slots=True)
class ShapeRow:
    """Decisions over some pictures: how many were for the shape, for the texture, for neither.

    `shape_fraction` is shape / (shape + texture), without a share where nothing was decided; `accuracy` is
    (shape + texture) / pictures.
    """

    category: str
    shape: int
    texture: int
    other: int
    shape_fraction: Rate
    accuracy: Rate


@dataclass(frozen=True, slots=True)
class ShapeBias:
    """One observer: pooled over all pictures, and for each category of shape, in order."""

    observer: str
    pooled: ShapeRow
    by_category: tuple[ShapeRow, ...]
    left_out: int


def cue_of(name: str) -> tuple[str, str]:
    """(shape, texture) from a stimulus's name such as "…airplane1-bicycle2.png".

    Raises ValueError for another pattern.
    """
    found = _matched(name)
    return found.group(2), found.group(3)


def stimulus_of(name: str) -> str:
    """What the picture is called whatever stands before it: "…airplane1-bicycle2.png" is airplane1-bicycle2.

    Raises ValueError for another pattern.
    """
    return _matched(name).group(1)


def _matched(name: str) -> re.Match[str]:
    found = _STIMULUS.fullmatch(name)
    if found is None:
        raise ValueError(
            f"{name} does not name a shape and a texture: call stimuli like cat7-elephant1.png (shape first)."
        )
    return found


def shape_bias(choices: Choices) -> ShapeBias:
    """Fractions pooled and per shape category; pictures whose texture is of the same thing are left out."""
    conflict = choices.shape != choices.texture
    shape, texture, response = (
        column[conflict] for column in (choices.shape, choices.texture, choices.response)
    )
    rows = tuple(
        _row(name, shape[shape == index], texture[shape == index], response[shape == index])
        for index, name in enumerate(choices.categories)
    )
    return ShapeBias(
        observer=choices.observer,
        pooled=_row("all", shape, texture, response),
        by_category=rows,
        left_out=int((~conflict).sum()),
    )


def grouped(probabilities: FloatArray, groups: Sequence[Sequence[int]], aggregation: Aggregation) -> IntArray:
    """The category [n] that a network chooses, from its probabilities [n, classes].

    `groups`: the class indices of each category. A category's value is the mean (or sum, or maximum) over its
    classes; of equal ones the first wins.
    """
    columns = []
    for group in groups:
        own = probabilities[:, list(group)]
        columns.append(
            own.mean(axis=1)
            if aggregation == "mean"
            else own.sum(axis=1)
            if aggregation == "sum"
            else own.max(axis=1)
        )
    values: FloatArray = np.stack(columns, axis=1)
    chosen: IntArray = values.argmax(axis=1)
    return chosen


def check_groups(groups: Mapping[str, Sequence[int]], classes: int) -> None:
    """Raise ValueError where a category has no class, one out of range, or one that another has, too."""
    owner: dict[int, str] = {}
    for name, indices in groups.items():
        if not indices:
            raise ValueError(f"Category {name} has no class; name at least one class index.")
        for index in indices:
            if not 0 <= index < classes:
                raise ValueError(
                    f"Category {name}: class {index} is not among the {classes:,} classes "
                    f"(0-{classes - 1:,})."
                )
            if index in owner:
                raise ValueError(
                    f"Class {index} is in {owner[index]} and in {name}; put it into one of them."
                )
            owner[index] = name


def _row(name: str, shape: IntArray, texture: IntArray, response: IntArray) -> ShapeRow:
    for_shape = int((response == shape).sum())
    for_texture = int((response == texture).sum())
    decided, pictures = for_shape + for_texture, len(response)
    return ShapeRow(
        category=name,
        shape=for_shape,
        texture=for_texture,
        other=pictures - decided,
        shape_fraction=wilson_rate(for_shape, decided),
        accuracy=wilson_rate(decided, pictures),
    )
