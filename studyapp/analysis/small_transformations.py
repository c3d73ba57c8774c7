"""How predictions follow small transformations: one pixel along the diagonal, one pixel of size, other crops.

Sources: P(top-1 change) and mean absolute change of Azulay and Weiss (JMLR 2019), over pairs of pictures one
pixel apart; consistency of Zhang (ICML 2019), the share of equal top-1 between two random crops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.intervals import Interval, clustered_wilson, mean_interval

Axis = Literal["translation", "scale"]
AXES: tuple[Axis, ...] = ("translation", "scale")


@dataclass(frozen=True, slots=True)
class Chain:
    """Pictures one pixel apart: columns `first` to `first + pairs`; neighbours are the pairs."""

    axis: Axis
    size: float
    first: int


@dataclass(frozen=True, slots=True)
class TransformPlan:
    """Which column holds which picture: the original, two crops of every pass, every size's chains."""

    sizes: tuple[float, ...]
    pairs: int
    passes: int

    @property
    def columns(self) -> int:
        """How many pictures there are of each image, the original among them."""
        return 1 + 2 * self.passes + 2 * len(self.sizes) * (self.pairs + 1)

    @property
    def crops(self) -> tuple[tuple[int, int], ...]:
        """The two columns of every pass."""
        return tuple((1 + 2 * number, 2 + 2 * number) for number in range(self.passes))

    @property
    def chains(self) -> tuple[Chain, ...]:
        """Every size's translation and scale, in the order of the columns."""
        length = self.pairs + 1
        start = 1 + 2 * self.passes
        return tuple(
            Chain(axis, size, start + (2 * place + offset) * length)
            for place, size in enumerate(self.sizes)
            for offset, axis in enumerate(AXES)
        )


@dataclass(frozen=True, slots=True, eq=False)
class TransformResponses:
    """One classifier on n images and all columns of a plan.

    `top1` [n, columns] class indices, `top1_probability` theirs, `followed_probability` [n, columns] that of
    the class that the pair's first picture got; `label` [n] the dataset's (-1: unknown to the classifier).
    """

    classifier: str
    plan: TransformPlan
    label: IntArray
    top1: IntArray
    top1_probability: FloatArray
    followed_probability: FloatArray

    def __post_init__(self) -> None:
        wanted = (len(self.label), self.plan.columns)
        for name in ("top1", "top1_probability", "followed_probability"):
            if getattr(self, name).shape != wanted:
                raise ValueError(
                    f"{self.classifier}: {name} has the shape {getattr(self, name).shape}, not {wanted}"
                )


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over images of what their pairs say, and its interval; None of no images."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class SizeStability:
    """All pairs at one size: `change` P(top-1 change), `absolute` the mean absolute change of the first
    picture's top-1 probability, `accuracy` the share of first pictures whose top-1 is the label."""

    axis: Axis
    size: float
    pairs: int
    change: Estimate
    absolute: Estimate
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class TransformStability:
    """One classifier: its top-1 on the originals, consistency in all and by pass, and every size."""

    classifier: str
    images: int
    top1_original: Estimate
    consistency: Estimate
    passes: tuple[float, ...]
    sizes: tuple[SizeStability, ...]


def transform_stability(responses: TransformResponses) -> TransformStability:
    """Every metric of one classifier. Pairs of one image are not independent: intervals are over images."""
    plan, top1 = responses.plan, responses.top1
    agree = (
        np.stack([top1[:, one] == top1[:, other] for one, other in plan.crops], axis=1)
        if plan.passes
        else None
    )
    right = top1 == responses.label[:, None]
    return TransformStability(
        classifier=responses.classifier,
        images=len(responses.label),
        top1_original=_share(right[:, :1]),
        consistency=_share(agree) if agree is not None else Estimate(None, None),
        passes=tuple(agree.mean(axis=0).tolist()) if agree is not None and len(agree) else (),
        sizes=tuple(_at(responses, chain, right) for chain in plan.chains),
    )


def changes(responses: TransformResponses, chain: Chain) -> BoolArray:
    """[n, pairs]: whether the second picture's top-1 is another than the first's."""
    top1 = responses.top1[:, chain.first : chain.first + responses.plan.pairs + 1]
    changed: BoolArray = top1[:, 1:] != top1[:, :-1]
    return changed


def _at(responses: TransformResponses, chain: Chain, right: BoolArray) -> SizeStability:
    pairs = responses.plan.pairs
    firsts = slice(chain.first, chain.first + pairs)
    seconds = slice(chain.first + 1, chain.first + pairs + 1)
    absolute = np.abs(responses.top1_probability[:, firsts] - responses.followed_probability[:, seconds])
    per_image = absolute.mean(axis=1)
    return SizeStability(
        axis=chain.axis,
        size=chain.size,
        pairs=absolute.size,
        change=_share(changes(responses, chain)),
        absolute=Estimate(float(per_image.mean()), mean_interval(per_image))
        if len(per_image)
        else Estimate(None, None),
        accuracy=_share(right[:, firsts]),
    )


def _share(hits: BoolArray) -> Estimate:
    if not hits.size:
        return Estimate(None, None)
    per_image = hits.mean(axis=1)
    return Estimate(float(per_image.mean()), clustered_wilson(per_image))
