"""Which part of a picture is looked at, and at what size: pure geometry and resampling on 8-bit pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CropRule = Literal["resize_then_crop", "crop_then_resize", "squash"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "box", "lanczos"]
Pixels = NDArray[np.uint8]

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of `side` pixels taken from the middle of a picture.

    `resize_then_crop`: the shorter side is resized to `resize` pixels, then the middle is cut out (ImageNet's
    usual 256 and 224). `crop_then_resize`: the middle square of side/(side + margin) of the shorter side is
    cut out, then resized (EfficientNet's rule; margin 32). `squash`: the whole picture, its shape not kept.

    `enlarge` is the interpolation for pictures whose shorter side is below `side`; "nearest" shows each of
    their pixels as a sharp square and keeps the whole shorter side in view instead of cutting its border off.
    """

    side: int
    rule: CropRule = "resize_then_crop"
    resize: int = 256
    margin: int = 32
    interpolation: Interpolation = "bicubic"
    enlarge: Interpolation | None = None

    def __post_init__(self) -> None:
        if self.side < 1:
            raise ValueError(f"A crop's side is {self.side}; give at least one pixel.")
        if self.rule not in get_args(CropRule):
            raise ValueError(f"Crop rule {self.rule!r} is none of {', '.join(get_args(CropRule))}.")
        for name in (self.interpolation, self.enlarge):
            if name is not None and name not in _RESAMPLING:
                raise ValueError(f"Interpolation {name!r} is none of {', '.join(_RESAMPLING)}.")
        if self.rule == "resize_then_crop" and self.resize < self.side:
            raise ValueError(
                f"A crop of {self.side} does not fit in a picture whose shorter side is resized to "
                f"{self.resize}; give a resize of at least {self.side}."
            )

    @property
    def key(self) -> str:
        """A short text that differs whenever the pixels may differ: part of a cached crop's name."""
        parts = [self.rule, str(self.side)]
        if self.rule == "resize_then_crop":
            parts.append(f"r{self.resize}")
        if self.rule == "crop_then_resize":
            parts.append(f"m{self.margin}")
        parts.append(self.interpolation)
        if self.enlarge is not None:
            parts.append(f"enlarge-{self.enlarge}")
        return "-".join(parts)


#: What a person sees unless the study says otherwise.
DISPLAY = Crop(side=224)


def crop_pixels(image: Image.Image, crop: Crop) -> Pixels:
    """The 8-bit RGB pixels of one crop, shape (side, side, 3).

    `image` is a decoded RGB picture. Sizes and offsets are rounded as torchvision's Resize and CenterCrop
    round them, so that a network sees the pixels its own recipe prescribes.
    """
    width, height = image.size
    if crop.enlarge == "nearest" and min(width, height) < crop.side:
        shown = _middle(_resize_shorter(image, crop.side, Image.Resampling.NEAREST), crop.side)
    else:
        small = crop.enlarge is not None and min(width, height) < crop.side
        resampling = _RESAMPLING[crop.enlarge if small and crop.enlarge else crop.interpolation]
        if crop.rule == "resize_then_crop":
            shown = _middle(_resize_shorter(image, crop.resize, resampling), crop.side)
        elif crop.rule == "crop_then_resize":
            window = max(1, int(min(width, height) * crop.side / (crop.side + crop.margin)))
            shown = _middle(image, window).resize((crop.side, crop.side), resampling)
        else:
            shown = image.resize((crop.side, crop.side), resampling)
    return np.asarray(shown, dtype=np.uint8)


def display_crop(
    image: Image.Image,
    side: int = 224,
    resize: int = 256,
    interpolation: Interpolation = "bicubic",
    enlarge: Interpolation | None = None,
) -> Pixels:
    """Exactly the pixels a person is shown: 8 bits, shape (side, side, 3); `DISPLAY` with other values."""
    return crop_pixels(image, Crop(side=side, resize=resize, interpolation=interpolation, enlarge=enlarge))


def _resize_shorter(image: Image.Image, shorter: int, resampling: Image.Resampling) -> Image.Image:
    width, height = image.size
    if width <= height:
        size = (shorter, int(shorter * height / width))
    else:
        size = (int(shorter * width / height), shorter)
    return image if size == image.size else image.resize(size, resampling)


def _middle(image: Image.Image, side: int) -> Image.Image:
    width, height = image.size
    left = round((width - side) / 2)
    top = round((height - side) / 2)
    return image.crop((left, top, left + side, top + side))
