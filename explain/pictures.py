"""What people see of an explanation: the superpixels that speak for a class, heat, differences, paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from explain.explanations import check_class, heaviest_first, top_positive
from explain.lime import Predict
from explain.masking import GREY, hidden_picture
from explain.superpixels import check_pixels, check_segments

Rest = Literal["black", "grey", "mean"]

#: Okabe-Ito vermilion and blue, which people with any colour vision tell apart.
FOR_THE_CLASS = (213, 94, 0)
AGAINST_THE_CLASS = (0, 114, 178)

#: Opacity of the heaviest superpixel.
HEAT_OPACITY = 200

_ORDERS = 100


def shown_picture(
    pixels: NDArray[np.uint8],
    segments: NDArray[np.int32],
    weights: NDArray[np.float64],
    k: int = 8,
    rest: Rest = "black",
) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    """The image with attention: up to k superpixels of positive weight on a hidden rest, uint8 (h, w, 3).

    Also returns the superpixels shown, heaviest first. Where fewer than k are positive those are shown; where
    none is, nothing is shown and the tuple is empty.
    """
    _check_weights(weights, check_segments(segments, pixels))
    shown = top_positive(weights, k)
    return picture_of(pixels, segments, shown, rest), shown


def picture_of(
    pixels: NDArray[np.uint8],
    segments: NDArray[np.int32],
    shown: Sequence[int],
    rest: Rest = "black",
) -> NDArray[np.uint8]:
    """The picture with the superpixels `shown` on a hidden rest, uint8 (h, w, 3)."""
    superpixels = check_segments(segments, pixels)
    if rest not in get_args(Rest):
        raise ValueError(f"A rest of {rest!r} is none of {', '.join(get_args(Rest))}.")
    table = np.zeros(superpixels, dtype=bool)
    for index in shown:
        if not 0 <= index < superpixels:
            raise ValueError(
                f"Superpixel {index} is not among this picture's {superpixels}: segment it again."
            )
        table[index] = True
    return np.where(table[segments][..., None], pixels, hidden_picture(pixels, segments, rest))


@dataclass(frozen=True, slots=True)
class RandomSuperpixels:
    """Superpixels drawn without regard to any weight, in the order of their labels.

    `area`: pixels that they cover; `wanted`: pixels they were to cover.
    """

    superpixels: tuple[int, ...]
    area: int
    wanted: int


def random_superpixels(segments: NDArray[np.int32], area: int, rng: np.random.Generator) -> RandomSuperpixels:
    """A control for an explanation that covers `area` pixels: random superpixels of about the same area.

    Of 100 random orders the one that has a beginning closest to the area is taken (the first of equals). At
    least one superpixel is drawn, and one is always left out where there are two or more: the whole picture
    is no control.
    """
    superpixels = check_segments(segments)
    if not 1 <= area <= segments.size:
        raise ValueError(f"An area of {area} pixels in a picture of {segments.size}: give 1 to that.")
    sizes = np.bincount(segments.reshape(-1), minlength=superpixels)
    most = max(1, superpixels - 1)
    best: tuple[int, NDArray[np.intp]] | None = None
    for _ in range(_ORDERS):
        order = rng.permutation(superpixels)
        gaps = np.abs(np.cumsum(sizes[order])[:most] - area)
        count = int(gaps.argmin())
        if best is None or gaps[count] < best[0]:
            best = int(gaps[count]), order[: count + 1]
    assert best is not None
    drawn = np.sort(best[1])
    return RandomSuperpixels(tuple(int(index) for index in drawn), int(sizes[drawn].sum()), area)


def shown_area(segments: NDArray[np.int32], shown: Sequence[int]) -> int:
    """Pixels that the superpixels `shown` cover together."""
    return int(np.isin(segments, np.asarray(shown, dtype=segments.dtype)).sum())


def heat_overlay(segments: NDArray[np.int32], weights: NDArray[np.float64]) -> NDArray[np.uint8]:
    """All weights as a layer to lay over the picture, RGBA uint8 (h, w, 4).

    Vermilion speaks for the class, blue against it; opacity grows with the weight's size, the heaviest of
    the picture being most opaque.
    """
    _check_weights(weights, check_segments(segments))
    largest = float(np.abs(weights).max())
    share = np.abs(weights) / largest if largest > 0 else np.zeros_like(weights)
    table = np.empty((len(weights), 4), dtype=np.uint8)
    table[:, :3] = np.where(weights[:, None] > 0, FOR_THE_CLASS, AGAINST_THE_CLASS)
    table[:, 3] = np.rint(share * HEAT_OPACITY)
    return table[segments]


def difference_picture(
    clean: NDArray[np.uint8], adversarial: NDArray[np.uint8], factor: int | None = None
) -> tuple[NDArray[np.uint8], int]:
    """adversarial - clean times `factor` around mid grey, uint8 (h, w, 3), and the factor.

    Default: the largest whole factor that cuts nothing off; 1 where the pictures are equal.
    """
    check_pixels(clean)
    check_pixels(adversarial)
    if clean.shape != adversarial.shape:
        raise ValueError(
            f"A clean picture of {clean.shape} and an adversarial one of {adversarial.shape}: compare crops "
            "of one size."
        )
    difference = adversarial.astype(np.int32) - clean
    largest = int(np.abs(difference).max())
    if factor is None:
        factor = max(1, 127 // largest) if largest else 1
    elif factor < 1:
        raise ValueError(f"A difference amplified by {factor}: give at least 1.")
    return np.clip(GREY + factor * difference, 0, 255).astype(np.uint8), factor


@dataclass(frozen=True, slots=True, eq=False)
class ExplanationPath:
    """Superpixels added one by one, heaviest first (Stock and Cissé, Fig. 10b).

    `order`: the K superpixels. `frames`: uint8 (K, h, w, 3); frame k shows the first k. `probabilities`: (K,)
    of the class. `area`: under the curve of probability against k by trapezoids, divided by K - 1, so that
    it lies between the smallest and the largest probability.
    """

    order: tuple[int, ...]
    frames: NDArray[np.uint8] = field(repr=False)
    probabilities: NDArray[np.float32]
    area: float


def explanation_path(
    predict: Predict,
    pixels: NDArray[np.uint8],
    segments: NDArray[np.int32],
    weights: NDArray[np.float64],
    explained_class: int,
    most: int = 8,
    *,
    rest: Rest = "black",
    device: torch.device | str = "cpu",
) -> ExplanationPath:
    """Frames k = 1..K by descending weight and the class's probability in each; K is `most` at the largest.

    Superpixels of negative weight come last; a picture of fewer than `most` superpixels gives fewer frames.
    """
    superpixels = check_segments(segments, pixels)
    _check_weights(weights, superpixels)
    if most < 1:
        raise ValueError(f"A path of {most} frames: give at least 1.")
    order = [int(index) for index in heaviest_first(weights)[:most]]
    table = np.zeros((len(order), superpixels), dtype=bool)
    for frame, index in enumerate(order):
        table[frame:, index] = True
    hidden = hidden_picture(pixels, segments, rest)
    frames = np.where(table[:, segments][..., None], pixels, hidden)
    with torch.inference_mode():
        outputs = predict(torch.from_numpy(frames).to(device))
        check_class(explained_class, outputs.shape[1])
        curve = outputs[:, explained_class].float().cpu().numpy()
    if not bool(np.isfinite(curve).all()):
        raise ValueError(
            f"The network gives outputs that are not finite for class {explained_class}: check its weights."
        )
    area = float(np.trapezoid(curve) / (len(curve) - 1)) if len(curve) > 1 else float(curve[0])
    return ExplanationPath(tuple(order), frames, curve, area)


def _check_weights(weights: NDArray[np.float64], superpixels: int) -> None:
    if weights.shape != (superpixels,):
        raise ValueError(
            f"Weights of shape {weights.shape} for {superpixels} superpixels: give one weight for each."
        )
    if not bool(np.isfinite(weights).all()):
        raise ValueError("A weight is not finite: explain the picture again.")
