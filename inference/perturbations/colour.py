"""Hue rotations and saturation gains of 8-bit pictures, batched on their device.

Source: Mertens et al., "Colour-dependent prediction stability" (ICANN 2023); the hexagonal HSV model.
A picture of size (height, width, 3) is read as HSV once; every setting then costs one way back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

Axis = Literal["hue", "saturation"]

#: Where red, green and blue stand on the hexagon, in sixths of a turn.
_CORNERS = (0.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class ColourSetting:
    """One change of colour. `axis` hue: `amount` degrees (0 is the original); saturation: a gain (1 is)."""

    axis: Axis
    amount: float

    def __post_init__(self) -> None:
        if self.axis == "hue" and not -360 <= self.amount <= 360:
            raise ValueError(f"Hue rotation {self.amount:g}: give degrees from -360 to 360.")
        if self.axis == "saturation" and not 0 <= self.amount <= 100:
            raise ValueError(f"Saturation gain {self.amount:g}: give a factor from 0 to 100.")

    @property
    def is_identity(self) -> bool:
        """Whether the picture stays as it is."""
        return self.amount % 360 == 0 if self.axis == "hue" else self.amount == 1


def poster_grid() -> tuple[ColourSetting, ...]:
    """d = 10 to 350 degrees by 10, then g = 0 to 2 by 0.1 without 1: what the poster's means run over."""
    hues = tuple(ColourSetting("hue", float(degrees)) for degrees in range(10, 360, 10))
    gains = tuple(ColourSetting("saturation", tenths / 10) for tenths in range(21) if tenths != 10)
    return hues + gains


@dataclass(frozen=True, slots=True, eq=False)
class Hsv:
    """Pictures in HSV, every plane repeated for the three channels: float32 (n, height, width * 3).

    `hue` is in sixths of a turn and counted from each channel's own corner of the hexagon; `saturation` is in
    [0, 1], `value` and `chroma` (value * saturation) in [0, 255].
    """

    hue: torch.Tensor
    saturation: torch.Tensor
    value: torch.Tensor
    chroma: torch.Tensor


def to_hsv(pixels: torch.Tensor) -> Hsv:
    """8-bit RGB pictures (n, height, width, 3) as HSV; greys have hue and saturation 0."""
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
        raise ValueError(
            f"Pictures of shape {tuple(pixels.shape)} and type {pixels.dtype} are not 8-bit RGB "
            "(n, height, width, 3)."
        )
    red, green, blue = pixels.to(torch.float32).unbind(3)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    # Where there is no chroma every numerator is 0 as well.
    over = chroma.clamp(min=1.0)
    hue = torch.where(
        value == red,
        (green - blue) / over,
        torch.where(value == green, 2.0 + (blue - red) / over, 4.0 + (red - green) / over),
    )
    corners = torch.tensor(_CORNERS, dtype=torch.float32, device=pixels.device)
    return Hsv(
        hue=torch.remainder(hue.unsqueeze(3) - corners, 6.0).flatten(2),
        saturation=_for_channels(chroma / value.clamp(min=1.0)),
        value=_for_channels(value),
        chroma=_for_channels(chroma),
    )


def recoloured(hsv: Hsv, setting: ColourSetting) -> torch.Tensor:
    """The pictures with one setting, as 8-bit RGB (n, height, width, 3); the identity gives the same pixels.

    Saturation becomes min(1, gain * S), in float HSV.
    """
    if setting.axis == "hue":
        lack, chroma = _lack(hsv.hue, setting.amount), hsv.chroma
    else:
        lack = _lack(hsv.hue, 0.0)
        chroma = (hsv.saturation * setting.amount).clamp_(max=1.0).mul_(hsv.value)
    # A channel is the value less the chroma as far as the hue lies from the channel's corner. Cutting off
    # after adding a half rounds half up; in place, because the passes over memory are what this costs.
    channels = lack.mul_(chroma).neg_().add_(hsv.value).add_(0.5).to(torch.uint8)
    return channels.view(channels.shape[0], channels.shape[1], -1, 3)


def _lack(hue: torch.Tensor, degrees: float) -> torch.Tensor:
    """How much of the chroma each channel lacks, in [0, 1], when the hue is turned by `degrees`.

    With the circular distance of the hue from the channel's corner in sixths: 0 up to 1, 1 from 2 on.
    """
    # |x - turn| < 6, so its distance on the circle is 3 - ||x - turn| - 3|.
    distance = (hue - (-degrees / 60.0) % 6.0).abs_().sub_(3.0).abs_()
    return distance.neg_().add_(2.0).clamp_(0.0, 1.0)


def _for_channels(plane: torch.Tensor) -> torch.Tensor:
    """(n, height, width) repeated for three channels: (n, height, width * 3)."""
    return plane.unsqueeze(3).expand(*plane.shape, 3).flatten(2)


def colour_series(
    pixels: torch.Tensor, settings: Sequence[ColourSetting]
) -> Iterator[tuple[ColourSetting, torch.Tensor]]:
    """Every setting of a batch of pictures, in order: (setting, 8-bit RGB (n, height, width, 3))."""
    hsv = to_hsv(pixels)
    for setting in settings:
        yield setting, pixels if setting.is_identity else recoloured(hsv, setting)


@dataclass(frozen=True, slots=True)
class ColourSeries:
    """Every setting of a grid, as a series for `inference.probing`."""

    grid: tuple[ColourSetting, ...]

    @property
    def settings(self) -> int:
        """How many settings there are."""
        return len(self.grid)

    @property
    def references(self) -> tuple[int, ...]:
        """Every setting is compared with the original."""
        return (0,) * len(self.grid)

    def original(self, pixels: torch.Tensor) -> torch.Tensor:
        """The pictures as they are."""
        return pixels

    def changed(self, pixels: torch.Tensor, keys: Sequence[int | str]) -> Iterator[torch.Tensor]:
        """The pictures with each setting in turn, whatever their keys."""
        for _, picture in colour_series(pixels, self.grid):
            yield picture
