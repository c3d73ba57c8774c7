"""Every place of a patch over a background, and every window of a larger picture, as 8-bit pictures.

Source: the interactive browser of shift sensitivity by Lee, Yang and Wang; a patch of 100 x 100 over a
background of 224 x 224 has 125 x 125 places at stride 1, a window of 224 in a picture of 356 has 133 x 133.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True, slots=True)
class Places:
    """The top left corners of a grid: `rows` x `columns` of them, `stride` pixels apart, row by row."""

    rows: int
    columns: int
    stride: int = 1

    def __len__(self) -> int:
        return self.rows * self.columns

    def corner(self, number: int) -> tuple[int, int]:
        """(top, left) in pixels of place `number`."""
        return number // self.columns * self.stride, number % self.columns * self.stride

    def anchors(self) -> dict[str, int]:
        """The numbers of the four corners and the centre (side // 2)."""
        last_row, last_column = self.rows - 1, self.columns - 1
        return {
            "top left": 0,
            "top right": last_column,
            "centre": self.rows // 2 * self.columns + self.columns // 2,
            "bottom left": last_row * self.columns,
            "bottom right": last_row * self.columns + last_column,
        }


@dataclass(frozen=True, slots=True, eq=False)
class PatchShift:
    """A patch at every place of a background.

    `background`: 8-bit RGB (height, width, 3); `patch`: 8-bit RGBA (height, width, 4), no larger. What is
    rendered equals Pillow's `background.paste(patch, corner, patch)` in every pixel.
    """

    background: torch.Tensor
    patch: torch.Tensor
    stride: int = 1
    places: Places = field(init=False)

    def __post_init__(self) -> None:
        _refuse_form("background", self.background, 3)
        _refuse_form("patch", self.patch, 4)
        object.__setattr__(self, "places", _places("patch", self.patch, self.background, self.stride))

    def pictures(self, numbers: torch.Tensor) -> torch.Tensor:
        """The pictures of some places: (n, height, width, 3) 8-bit RGB on the background's device."""
        device = self.background.device
        height, width = self.patch.shape[:2]
        tops = (numbers // self.places.columns * self.stride).to(device)
        lefts = (numbers % self.places.columns * self.stride).to(device)
        rows = tops.view(-1, 1, 1) + torch.arange(height, device=device).view(1, -1, 1)
        columns = lefts.view(-1, 1, 1) + torch.arange(width, device=device).view(1, 1, -1)
        alpha = self.patch[..., 3:].to(device, torch.int32)
        mixed = self.background[rows, columns].to(torch.int32) * (255 - alpha)
        mixed += self.patch[..., :3].to(device, torch.int32) * alpha + 128
        # Pillow's division by 255 in integers.
        mixed = (mixed + (mixed >> 8)) >> 8
        pictures = self.background.unsqueeze(0).repeat(len(numbers), 1, 1, 1)
        which = torch.arange(len(numbers), device=device).view(-1, 1, 1)
        pictures[which, rows, columns] = mixed.to(torch.uint8)
        return pictures


@dataclass(frozen=True, slots=True, eq=False)
class CropShift:
    """A window of `side` pixels at every place of a larger picture, 8-bit RGB (height, width, 3)."""

    picture: torch.Tensor
    side: int = 224
    stride: int = 1
    places: Places = field(init=False)

    def __post_init__(self) -> None:
        _refuse_form("picture", self.picture, 3)
        window = self.picture.new_empty((self.side, self.side, 3))
        object.__setattr__(self, "places", _places("window", window, self.picture, self.stride))

    def pictures(self, numbers: torch.Tensor) -> torch.Tensor:
        """The pictures of some places: (n, side, side, 3) 8-bit RGB on the picture's device."""
        windows = self.picture.unfold(0, self.side, self.stride).unfold(1, self.side, self.stride)
        rows, columns = numbers // self.places.columns, numbers % self.places.columns
        device = self.picture.device
        return windows[rows.to(device), columns.to(device)].permute(0, 2, 3, 1).contiguous()


ShiftSet = PatchShift | CropShift


def in_batches(shift: ShiftSet, batch_size: int) -> Iterator[torch.Tensor]:
    """The pictures of every place in order, `batch_size` at a time."""
    for start in range(0, len(shift.places), batch_size):
        yield shift.pictures(torch.arange(start, min(start + batch_size, len(shift.places))))


def read_patch(image: Image.Image, side: int | None = None) -> torch.Tensor:
    """A patch as 8-bit RGBA (height, width, 4), its longer side resized to `side` pixels where that is given.

    Raises ValueError for a picture without an alpha channel.
    """
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        raise ValueError(
            f"The patch has no alpha channel (its mode is {image.mode}): save it as a PNG whose surroundings "
            "are transparent."
        )
    picture = image.convert("RGBA")
    if side is not None and max(picture.size) != side:
        scale = side / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(picture))


def read_background(image: Image.Image, side: int | None = None) -> torch.Tensor:
    """A picture as 8-bit RGB (height, width, 3), transparency on white.

    With `side` its shorter side is resized to that and the middle `side` x `side` pixels are kept.
    """
    picture = image.convert("RGBA") if image.mode in ("LA", "PA", "P") else image
    if picture.mode == "RGBA":
        white = Image.new("RGB", picture.size, (255, 255, 255))
        white.paste(picture, (0, 0), picture)
        picture = white
    picture = picture.convert("RGB")
    if side is not None and picture.size != (side, side):
        scale = side / min(picture.size)
        size = (max(side, round(picture.width * scale)), max(side, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        left, top = (size[0] - side) // 2, (size[1] - side) // 2
        picture = picture.crop((left, top, left + side, top + side))
    return torch.from_numpy(np.array(picture))


def plain_background(side: int, colour: tuple[int, int, int] = (0, 0, 0)) -> torch.Tensor:
    """A background of one colour, 8-bit RGB (side, side, 3)."""
    pixels: NDArray[np.uint8] = np.full((side, side, 3), colour, dtype=np.uint8)
    return torch.from_numpy(pixels)


def _refuse_form(name: str, pixels: torch.Tensor, channels: int) -> None:
    if pixels.dtype != torch.uint8 or pixels.ndim != 3 or pixels.shape[2] != channels:
        raise ValueError(
            f"The {name} has the shape {tuple(pixels.shape)} and type {pixels.dtype}; give 8-bit pixels "
            f"(height, width, {channels})."
        )


def _places(name: str, inner: torch.Tensor, outer: torch.Tensor, stride: int) -> Places:
    if stride < 1:
        raise ValueError(f"A stride of {stride} leads nowhere; give at least 1.")
    height, width = (outer.shape[axis] - inner.shape[axis] for axis in (0, 1))
    if height < 0 or width < 0:
        raise ValueError(
            f"The {name} of {inner.shape[1]} x {inner.shape[0]} pixels does not fit into "
            f"{outer.shape[1]} x {outer.shape[0]}: make it smaller, or what it moves over larger."
        )
    return Places(height // stride + 1, width // stride + 1, stride)
