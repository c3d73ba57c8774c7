"""Pictures in the style of others: adaptive instance normalisation (AdaIN) between encoder and decoder.

Source: Huang and Belongie, "Arbitrary style transfer in real-time with adaptive instance normalization" (ICCV
2017); the layers are those of the pytorch-AdaIN project, so that its published weights fit by name. Stylised
ImageNet (Geirhos et al., ICLR 2019) was made with them at alpha 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from inference.classifiers import available_device
from inference.prepared import numerics
from inference.resampling import area_resized
from inference.weights import WeightsError, file_digest, load_state, read_state

#: The encoder's convolutions up to relu4_1, by their number among its layers: (inputs, outputs, kernel side).
ENCODER = {
    0: (3, 3, 1),
    2: (3, 64, 3),
    5: (64, 64, 3),
    9: (64, 128, 3),
    12: (128, 128, 3),
    16: (128, 256, 3),
    19: (256, 256, 3),
    22: (256, 256, 3),
    25: (256, 256, 3),
    29: (256, 512, 3),
}
#: The decoder's.
DECODER = {
    1: (512, 256, 3),
    5: (256, 256, 3),
    8: (256, 256, 3),
    11: (256, 256, 3),
    14: (256, 128, 3),
    18: (128, 128, 3),
    21: (128, 64, 3),
    25: (64, 64, 3),
    28: (64, 3, 3),
}
_POOLED_AFTER = (5, 12, 25)
_ENLARGED_AFTER = (1, 14, 21)
#: Added to the variance, as the published code does.
EPSILON = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Stylist:
    """Encoder and decoder on one device, and the digests of the files that they came from."""

    encoder: nn.Module = field(repr=False)
    decoder: nn.Module = field(repr=False)
    encoder_digest: str
    decoder_digest: str
    device: torch.device

    def stylised(
        self, content: torch.Tensor, style: torch.Tensor, *, alpha: float = 1.0, size: int | None = None
    ) -> torch.Tensor:
        """Pictures (n, side, side, 3) in the styles of others of that shape; 8-bit RGB in and out.

        `alpha` from 0 (the content as the decoder renders it) to 1 (all style). `size`: the side afterwards,
        by the mean over areas.
        """
        with torch.inference_mode(), numerics(self.device, "float32"):
            found = self.encoder(_planes(content, self.device))
            mixed = found
            if alpha:
                target = adain(found, self.encoder(_planes(style, self.device)))
                mixed = alpha * target + (1 - alpha) * found
            pictures: torch.Tensor = self.decoder(mixed) * 255.0
            pictures = area_resized(pictures.clamp_(0.0, 255.0), size or content.shape[1])
            return pictures.add_(0.5).clamp_(0.0, 255.0).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def adain(content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    """t = sd(style) * (content - mean(content)) / sd(content) + mean(style), per channel of (n, c, h, w)."""
    content_mean, content_deviation = _statistics(content)
    style_mean, style_deviation = _statistics(style)
    return style_deviation * (content - content_mean) / content_deviation + style_mean


def load_stylist(encoder: Path, decoder: Path, device: torch.device | str | None = None) -> Stylist:
    """Read both files; of the encoder's only the layers up to relu4_1 are used.

    How many channels each layer has is read from the files. `device`: default is `available_device()`.
    Raises WeightsError for a file that is missing, could run code, or lacks a layer, and where the two do not
    belong together.
    """
    encoding, decoding = _wanted(read_state(encoder), ENCODER), _wanted(read_state(decoder), DECODER)
    encoder_network = build_encoder(_channels(encoding, ENCODER, encoder))
    decoder_network = build_decoder(_channels(decoding, DECODER, decoder))
    load_state(encoder_network, encoding, source=str(encoder))
    load_state(decoder_network, decoding, source=str(decoder))
    gives, takes = encoding["29.weight"].shape[0], decoding["1.weight"].shape[1]
    if gives != takes:
        raise WeightsError(f"{decoder} takes {takes} channels and {encoder} gives {gives}: they are no pair.")
    target = torch.device(device) if device is not None else available_device()
    return Stylist(
        encoder=_ready(encoder_network, target),
        decoder=_ready(decoder_network, target),
        encoder_digest=file_digest(encoder),
        decoder_digest=file_digest(decoder),
        device=target,
    )


def build_encoder(channels: Mapping[int, tuple[int, int]]) -> nn.Sequential:
    """VGG-19 up to relu4_1 with reflected borders; `channels`: inputs and outputs of every convolution."""
    layers: list[nn.Module] = []
    for number, (inputs, outputs) in channels.items():
        if number == 0:
            layers.append(nn.Conv2d(inputs, outputs, 1))
            continue
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3), nn.ReLU()]
        if number in _POOLED_AFTER:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
    return nn.Sequential(*layers)


def build_decoder(channels: Mapping[int, tuple[int, int]]) -> nn.Sequential:
    """The encoder backwards: nearest neighbours where it pools, nothing after the last convolution."""
    layers: list[nn.Module] = []
    last = max(channels)
    for number, (inputs, outputs) in channels.items():
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3)]
        if number != last:
            layers.append(nn.ReLU())
        if number in _ENLARGED_AFTER:
            layers.append(nn.UpsamplingNearest2d(scale_factor=2))
    return nn.Sequential(*layers)


def expected_shapes(layers: Mapping[int, tuple[int, int, int]]) -> str:
    """The names and shapes of a file's weights, as published, in words."""
    names = [
        f"{number}.weight ({outputs}, {inputs}, {kernel}, {kernel})"
        for number, (inputs, outputs, kernel) in layers.items()
    ]
    return f"{', '.join(names)}, each with its .bias"


def _wanted(
    state: Mapping[str, torch.Tensor], layers: Mapping[int, tuple[int, int, int]]
) -> dict[str, torch.Tensor]:
    """Layers behind the last one are not used; anything else that is too much is named on loading."""
    last = max(layers)
    return {
        name: value
        for name, value in state.items()
        if not (name.split(".")[0].isdecimal() and int(name.split(".")[0]) > last)
    }


def _channels(
    state: Mapping[str, torch.Tensor], layers: Mapping[int, tuple[int, int, int]], path: Path
) -> dict[int, tuple[int, int]]:
    found = {}
    for number in layers:
        weight = state.get(f"{number}.weight")
        if weight is None or weight.ndim != 4:
            raise WeightsError(
                f"{path} has no convolution {number}.weight; it needs {expected_shapes(layers)}."
            )
        found[number] = (int(weight.shape[1]), int(weight.shape[0]))
    return found


def _statistics(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation over all places, (n, c, 1, 1)."""
    variance, mean = torch.var_mean(features, dim=(2, 3), keepdim=True)
    return mean, (variance + EPSILON).sqrt()


def _planes(pixels: torch.Tensor, device: torch.device) -> torch.Tensor:
    return pixels.to(device).permute(0, 3, 1, 2).to(torch.float32) / 255.0


def _ready(network: nn.Module, device: torch.device) -> nn.Module:
    return network.eval().requires_grad_(False).to(device)
