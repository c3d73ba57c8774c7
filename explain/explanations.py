"""What every method of this package returns: one weight per superpixel of a picture, for one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

#: The picture is one superpixel, so its weight says nothing about places.
ONE_SUPERPIXEL = "one_superpixel"
#: The class had the same output for every masked picture: all weights are 0 and there is no fit.
CONSTANT_OUTPUT = "constant_output"

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SuperpixelExplanation:
    """How much each superpixel speaks for `explained_class`.

    `weights`: float64 (d,), in the order of the segment labels; positive speaks for the class.
    `probability`, `probabilities` (classes,): the network's outputs for the whole picture. `intercept`, `fit`
    (weighted R² of the surrogate): LIME's, None elsewhere; `fit` is None too where there is nothing to
    explain. `mask_seed`, `masks_digest` (SHA-256 of the packed masks): LIME's. `flags`: what a reviewer has
    to know, of ONE_SUPERPIXEL and CONSTANT_OUTPUT. `parameters`: the method's, defaults filled in.
    `details`: further figures of the method by name.
    """

    method: str
    explained_class: int
    weights: NDArray[np.float64]
    probabilities: NDArray[np.float32] = field(repr=False)
    intercept: float | None = None
    fit: float | None = None
    mask_seed: int | None = None
    masks_digest: str | None = None
    flags: tuple[str, ...] = ()
    parameters: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    details: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def probability(self) -> float:
        """The explained class's output for the whole picture."""
        return float(self.probabilities[self.explained_class])

    @property
    def superpixels(self) -> int:
        """Superpixels in the picture, d."""
        return len(self.weights)

    @property
    def positive(self) -> int:
        """Superpixels of positive weight."""
        return int((self.weights > 0).sum())

    def top(self, k: int) -> tuple[int, ...]:
        """Up to k superpixels of positive weight, heaviest first; there may be fewer."""
        return top_positive(self.weights, k)


def heaviest_first(weights: NDArray[np.float64]) -> NDArray[np.intp]:
    """All superpixels by descending weight; equal weights in the order of their labels."""
    return np.argsort(-weights, kind="stable")


def top_positive(weights: NDArray[np.float64], k: int) -> tuple[int, ...]:
    """Up to k superpixels of positive weight, heaviest first, equal weights in the order of their labels."""
    if k < 1:
        raise ValueError(f"{k} superpixels to show: give at least 1.")
    return tuple(int(index) for index in heaviest_first(weights)[:k] if weights[index] > 0)


def check_class(explained_class: int, classes: int) -> None:
    """Raise ValueError unless the network has this class."""
    if not 0 <= explained_class < classes:
        raise ValueError(
            f"Class {explained_class} is not among the network's {classes} classes (0-{classes - 1}): "
            "explain one of those."
        )
