"""Pictures moved by one pixel or scaled by one, and pairs of random crops: small transformations.

Sources: Azulay and Weiss, "Why do deep convolutional networks generalize so poorly to small image
transformations?" (JMLR 2019), with the pairs of their published code; the consistency of Zhang, "Making
convolutional networks shift-invariant again" (ICML 2019).

Every picture is read as a square of 256/224 of the classifier's side; its middle is the original.

- Consistency: `passes` pairs of crops at places drawn for each picture.
- Protocol `embed`: the original shrunk to a share of the frame's side, before a background. Protocol `crop`:
  a middle square of a share of the larger square's side, brought to the frame's side and a margin.
- At every size the picture stands at `pairs` + 1 places on a diagonal, one pixel apart, and then at as many
  sizes, one pixel apart; neighbours are the pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from inference.backgrounds import Background, framed
from inference.crops import Crop, Interpolation
from inference.preprocessing import Preprocessing
from inference.resampling import resized

Protocol = Literal["embed", "crop"]

#: The larger square's side over the original's.
WIDER = 256 / 224
#: Places of crops are drawn as numbers below this, for every side of a picture alike.
DRAWN_BELOW = 1 << 16


def wider_crop(crop: Crop) -> Crop:
    """What is read instead of a classifier's own crop: a square of 256/224 of its side."""
    side = round(crop.side * WIDER)
    if crop.rule == "squash":
        return replace(crop, side=side)
    return replace(crop, side=side, rule="resize_then_crop", resize=side)


def zero_colour(recipe: Preprocessing) -> tuple[int, int, int]:
    """The 8-bit RGB colour that is nearest to zero after a classifier's normalisation."""
    levels = [min(255, max(0, round(mean / recipe.scale))) for mean in recipe.mean]
    if recipe.channel_order == "grey":
        return levels[0], levels[0], levels[0]
    red, green, blue = reversed(levels) if recipe.channel_order == "bgr" else levels
    return red, green, blue


@dataclass(frozen=True, slots=True, eq=False)
class SmallTransformations:
    """The series of one frame's `side`, for `inference.probing`; give it pictures of `wider_crop`.

    `sizes`: shares in ]0, 1]. `places`: for each picture 4 numbers per pass, below DRAWN_BELOW: top and left
    of the first crop and of the second. Raises ValueError where a size leaves no room for the pairs.
    """

    side: int
    protocol: Protocol
    sizes: tuple[float, ...]
    background: Background
    interpolation: Interpolation = "bicubic"
    pairs: int = 8
    passes: int = 5
    places: Mapping[int | str, NDArray[np.int64]] | None = None

    def __post_init__(self) -> None:
        for size in self.sizes:
            refuse_size(self.protocol, size, self.side, self.pairs)

    @property
    def settings(self) -> int:
        """How many changed pictures there are of each."""
        return 2 * self.passes + 2 * len(self.sizes) * (self.pairs + 1)

    @property
    def references(self) -> tuple[int, ...]:
        """For a pair's second picture its first, else the original."""
        found: list[int] = []
        for _ in range(self.passes):
            found += [0, len(found) + 1]
        for _ in range(2 * len(self.sizes)):
            found.append(0)
            found += [len(found) + step for step in range(self.pairs)]
        return tuple(found)

    def original(self, pixels: torch.Tensor) -> torch.Tensor:
        """The middle of the larger square."""
        return _middle(pixels, self.side)

    def changed(self, pixels: torch.Tensor, keys: Sequence[int | str]) -> Iterator[torch.Tensor]:
        """Crops of every pass; then for every size the places and the sizes, one pixel apart."""
        yield from self._crops(pixels, keys)
        for size in self.sizes:
            if self.protocol == "embed":
                yield from self._embedded(_middle(pixels, self.side), round(size * self.side))
            else:
                yield from self._cropped(_middle(pixels, max(1, round(size * pixels.shape[1]))))

    def _crops(self, pixels: torch.Tensor, keys: Sequence[int | str]) -> Iterator[torch.Tensor]:
        if not self.passes:
            return
        if self.places is None:
            raise ValueError("Pairs of crops need `places`, drawn for each picture.")
        # As in the source's code: places from 0 to the margin, the last of them left out.
        margin = pixels.shape[1] - self.side
        drawn = np.stack([self.places[key] for key in keys]) * margin // DRAWN_BELOW
        windows = pixels.unfold(1, self.side, 1).unfold(2, self.side, 1)
        every = torch.arange(len(keys), device=pixels.device)
        for crop in range(2 * self.passes):
            tops, lefts = (torch.from_numpy(drawn[:, 2 * crop + axis]).to(pixels.device) for axis in range(2))
            yield windows[every, tops, lefts].permute(0, 2, 3, 1)

    def _embedded(self, pixels: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
        first = (self.side - size - 1) // 2 - self.pairs // 2
        picture = resized(pixels, size, self.interpolation)
        frame = framed(picture, self.side + self.pairs, first + self.pairs, self.background)
        for step in range(self.pairs, -1, -1):
            yield frame[:, step : step + self.side, step : step + self.side]
        for step in range(self.pairs + 1):
            other = size - self.pairs // 2 + step
            picture = resized(pixels, other, self.interpolation)
            yield framed(picture, self.side, (self.side - other) // 2, self.background)

    def _cropped(self, pixels: torch.Tensor) -> Iterator[torch.Tensor]:
        shown = resized(pixels, self.side + self.pairs + 2, self.interpolation)
        for step in range(self.pairs + 1):
            yield shown[:, step : step + self.side, step : step + self.side]
        for step in range(self.pairs + 1):
            window = _middle(shown, self.side - self.pairs // 2 + step)
            yield resized(window, self.side, self.interpolation)


def refuse_size(protocol: Protocol, size: float, side: int, pairs: int) -> None:
    """Raise ValueError where a picture of this size has no room for the pairs in a frame of `side` pixels."""
    if not 0 < size <= 1:
        raise ValueError(f"Size {size:g}: give a share above 0 and up to 1.")
    if pairs < 1:
        raise ValueError(f"{pairs} pairs: give at least 1.")
    if protocol == "crop":
        if side - pairs // 2 < 1:
            raise ValueError(f"{pairs} pairs are too many for a frame of {side} pixels: give fewer.")
        return
    pixels = round(size * side)
    least, most = pairs // 2 + 1, side - pairs - 1
    if not least <= pixels <= most:
        raise ValueError(
            f"Size {size:g} is {pixels} pixels of a frame of {side}; {pairs} pairs one pixel apart need "
            f"{least} to {most}: give another size, or fewer pairs."
        )


def _middle(pixels: torch.Tensor, side: int) -> torch.Tensor:
    top = (pixels.shape[1] - side) // 2
    return pixels[:, top : top + side, top : top + side]
