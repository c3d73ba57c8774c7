"""How stable predictions are when colours change.

Source: Mertens et al., "Colour-dependent prediction stability" (ICANN 2023). d is a rotation of the hue in
degrees (0 is the original), g a gain of the saturation (1 is the original), c_i(s) the top-1 of image i under
setting s, c_i0 that of the original, y_i its label. Settings never include the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray

Axis = Literal["hue", "saturation"]
RankBase = Literal[0, 1]

NEAR_DEGREES = 30.0
NEAR_GAINS = (0.5, 1.5)


@dataclass(frozen=True, slots=True)
class Setting:
    """One change: `axis` hue in degrees, or saturation as a gain."""

    axis: Axis
    amount: float

    @property
    def near(self) -> bool:
        """Whether it is one of the small changes: |d| <= 30 on the circle, or g in ]0.5, 1.5[."""
        if self.axis == "hue":
            return abs((self.amount + 180.0) % 360.0 - 180.0) <= NEAR_DEGREES
        return NEAR_GAINS[0] < self.amount < NEAR_GAINS[1]


@dataclass(frozen=True, slots=True, eq=False)
class ColourResponses:
    """One classifier on n images and S settings.

    `original` [n] and `changed` [n, S] are top-1 class indices, `label` [n] the dataset's (-1: unknown to
    the classifier), `original_rank` [n, S] the 1-based rank of the original's class under each setting,
    `classes` how many the classifier has.
    """

    classifier: str
    settings: tuple[Setting, ...]
    label: IntArray
    original: IntArray
    changed: IntArray
    original_rank: IntArray
    classes: int

    def __post_init__(self) -> None:
        images, settings = len(self.original), len(self.settings)
        for name in ("changed", "original_rank"):
            shape = getattr(self, name).shape
            if shape != (images, settings):
                raise ValueError(
                    f"{self.classifier}: {name} has the shape {shape} for {images} images and {settings} "
                    "settings"
                )


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean over settings (or ranks) and the population standard deviation; None of nothing."""

    mean: float | None
    deviation: float | None
    count: int


@dataclass(frozen=True, slots=True)
class SetStability:
    """The metrics over one set of settings.

    `equal`: share of images whose top-1 stays; `top1`: share whose top-1 is the label; `equal_right` (OL+)
    and `equal_wrong` (OL-): `equal` over images that the classifier first got right, wrong.
    `original_position` (O.P.): rank of the original's class where the prediction changed.
    """

    name: str
    settings: int
    equal: Spread
    top1: Spread
    equal_right: Spread
    equal_wrong: Spread
    original_position: Spread


@dataclass(frozen=True, slots=True, eq=False)
class ColourStability:
    """One classifier's metrics, its top-1 on the originals, the curves and the histogram of ranks.

    `curve` [S]: share of images whose top-1 stays under each setting. `rank_counts`: how many changed
    predictions have the original's class at rank 2, 3, ..., 10 and beyond (the last).
    """

    classifier: str
    images: int
    classes: int
    top1_original: float | None
    sets: tuple[SetStability, ...]
    settings: tuple[Setting, ...]
    curve: FloatArray
    rank_counts: IntArray


def colour_stability(
    responses: ColourResponses, *, op_base: RankBase = 1, op_over: Literal["changed", "all"] = "changed"
) -> ColourStability:
    """Every metric of one classifier.

    `op_base`: what the top rank counts as; `op_over`: whether O.P. runs over changed predictions (then it is
    at least 2, 1-based) or over all. The source leaves both open.
    """
    stays: BoolArray = responses.changed == responses.original[:, None]
    right: BoolArray = responses.original == responses.label
    hits: BoolArray = responses.changed == responses.label[:, None]
    ranks = responses.original_rank - (1 - op_base)
    counted = ~stays if op_over == "changed" else np.ones_like(stays)

    def over(name: str, chosen: Sequence[int]) -> SetStability:
        columns = np.array(chosen, dtype=np.int64)
        kept = stays[:, columns]
        return SetStability(
            name=name,
            settings=len(columns),
            equal=_over_settings(kept),
            top1=_over_settings(hits[:, columns]),
            equal_right=_over_settings(kept[right]),
            equal_wrong=_over_settings(kept[~right]),
            original_position=_spread(ranks[:, columns][counted[:, columns]].astype(np.float64)),
        )

    return ColourStability(
        classifier=responses.classifier,
        images=len(responses.original),
        classes=responses.classes,
        top1_original=float(right.mean()) if len(right) else None,
        sets=tuple(over(name, places) for name, places in _sets_of(responses.settings).items()),
        settings=responses.settings,
        curve=stays.mean(axis=0) if len(stays) else np.full(len(responses.settings), np.nan),
        rank_counts=_rank_counts(responses.original_rank[~stays]),
    )


def _sets_of(settings: Sequence[Setting]) -> dict[str, list[int]]:
    """Where the settings of each set of the source stand."""
    sets: dict[str, list[int]] = {"d all": [], "d near": [], "g all": [], "g near": []}
    for place, setting in enumerate(settings):
        letter = "d" if setting.axis == "hue" else "g"
        sets[f"{letter} all"].append(place)
        if setting.near:
            sets[f"{letter} near"].append(place)
    return sets


def _over_settings(hit: BoolArray) -> Spread:
    """Mean and deviation over the settings of the share over images."""
    if not hit.size:
        return Spread(None, None, 0)
    return _spread(hit.mean(axis=0))


def _spread(values: FloatArray) -> Spread:
    if not len(values):
        return Spread(None, None, 0)
    return Spread(float(values.mean()), float(values.std()), len(values))


def _rank_counts(ranks: IntArray) -> IntArray:
    """Ranks 2 to 10, and beyond."""
    return np.bincount(np.clip(ranks, 2, 11).astype(np.int64) - 2, minlength=10).astype(np.int64)
