"""From 8-bit RGB crops to what one network expects: channel order, scale, mean and standard deviation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import torch

from inference.crops import Crop

ChannelOrder = Literal["rgb", "bgr", "grey"]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """input = (pixel * scale - mean) / std, per channel in the network's own order; pixel in 0..255."""

    crop: Crop
    channel_order: ChannelOrder = "rgb"
    scale: float = 1.0 / 255.0
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        if self.channel_order not in get_args(ChannelOrder):
            raise ValueError(
                f"Channel order {self.channel_order!r} is none of {', '.join(get_args(ChannelOrder))}."
            )
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise ValueError(
                f"Mean and std need {self.channels} value(s) for channel order {self.channel_order!r}, "
                f"not {len(self.mean)} and {len(self.std)}."
            )
        if any(value <= 0 for value in self.std) or self.scale <= 0:
            raise ValueError(f"Std {self.std} and scale {self.scale} must be positive.")

    @property
    def channels(self) -> int:
        """Number of input channels of the network."""
        return 1 if self.channel_order == "grey" else 3

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """8-bit RGB crops (n, side, side, 3) to float32 input (n, channels, side, side), channels last."""
        if self.channel_order == "grey":
            return self.normalise_unit(pixels.permute(0, 3, 1, 2).to(torch.float32), maximum=255.0)
        if self.channel_order == "bgr":
            pixels = pixels.flip(3)
        count, height, width, channels = pixels.shape
        # Whole rows with the channels' factors repeated along them: one pass over memory, in long vectors.
        rows = pixels.reshape(count, height, width * channels).to(torch.float32)
        factor, shift = (
            torch.tensor(values, dtype=torch.float32, device=pixels.device).repeat(width)
            for values in self._line(255.0)
        )
        torch.addcmul(shift, rows, factor, out=rows)
        return rows.view(count, height, width, channels).permute(0, 3, 1, 2)

    def normalise_unit(self, pixels: torch.Tensor, *, maximum: float = 1.0) -> torch.Tensor:
        """RGB pixels (n, 3, side, side) with values in [0, maximum] to network input; differentiable."""
        if self.channel_order == "bgr":
            pixels = pixels.flip(1)
        elif self.channel_order == "grey":
            # ITU-R 601-2, as Pillow's conversion to "L".
            weights = torch.tensor((0.299, 0.587, 0.114), dtype=pixels.dtype, device=pixels.device)
            pixels = (pixels * weights.view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
        factor, shift = (
            torch.tensor(values, dtype=pixels.dtype, device=pixels.device).view(1, self.channels, 1, 1)
            for values in self._line(maximum)
        )
        return torch.addcmul(shift, pixels, factor)

    def _line(self, maximum: float) -> tuple[list[float], list[float]]:
        """Factor and shift per channel for pixels in [0, maximum]."""
        factors = [self.scale * 255.0 / maximum / std for std in self.std]
        shifts = [-mean / std for mean, std in zip(self.mean, self.std, strict=True)]
        return factors, shifts

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives the same object back."""
        plain: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        plain["mean"], plain["std"] = list(self.mean), list(self.std)
        plain["crop"] = {field.name: getattr(self.crop, field.name) for field in fields(self.crop)}
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Preprocessing:
        """The inverse of `to_dict`; an unknown or missing key is named in the error."""
        known = {field.name for field in fields(cls)}
        if set(plain) != known:
            raise ValueError(
                f"A preprocessing has the keys {', '.join(sorted(known))}, not {', '.join(sorted(plain))}."
            )
        values = dict(plain)
        values["crop"] = Crop(**values["crop"])
        values["mean"], values["std"] = tuple(values["mean"]), tuple(values["std"])
        return cls(**values)


def imagenet(
    side: int = 224, resize: int = 256, interpolation: Literal["bilinear", "bicubic"] = "bilinear"
) -> Preprocessing:
    """torchvision's recipe: shorter side to `resize`, middle `side`, ImageNet's mean and std."""
    return Preprocessing(Crop(side=side, resize=resize, interpolation=interpolation))


def efficientnet_lite(side: int) -> Preprocessing:
    """EfficientNet-Lite: the middle side/(side + 32) of the shorter side, bicubic, (x - 127) / 128.

    Source: the constants of the published models' evaluation. ImageNet's mean and standard deviation run here
    too, and silently cost ten points of accuracy.
    """
    return Preprocessing(
        Crop(side=side, rule="crop_then_resize", margin=32, interpolation="bicubic"),
        scale=1.0,
        mean=(127.0, 127.0, 127.0),
        std=(128.0, 128.0, 128.0),
    )


def caffe_squeezenet() -> Preprocessing:
    """The SqueezeNet 1.1 of `ndf`, converted from Caffe: 227 pixels, BGR, minus 104, 117, 124.

    In RGB order the same weights fall from 62 % to 44 % on the same photographs.
    """
    return Preprocessing(
        Crop(side=227, resize=256, interpolation="bicubic"),
        channel_order="bgr",
        scale=1.0,
        mean=(104.0, 117.0, 124.0),
        std=(1.0, 1.0, 1.0),
    )


def digits() -> Preprocessing:
    """scikit-learn's 8x8 digits: one grey channel in [0, 1], the picture's own pixels."""
    return Preprocessing(
        Crop(side=8, rule="squash", interpolation="bilinear"),
        channel_order="grey",
        scale=1.0 / 255.0,
        mean=(0.0,),
        std=(1.0,),
    )
