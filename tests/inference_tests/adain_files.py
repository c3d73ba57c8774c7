"""Small random weights of an AdaIN encoder and decoder under the published names."""

from __future__ import annotations

from pathlib import Path

import torch

from inference.perturbations.stylise import DECODER, ENCODER

#: Published channels -> ours.
_NARROW = {3: 3, 64: 12, 128: 12, 256: 12, 512: 16}


def write_adain(folder: Path, *, behind: bool = False, deepest: int = 16) -> tuple[Path, Path]:
    """`vgg_normalised.pth` and `decoder.pth`; `behind` adds a layer after relu4_1."""
    narrow = _NARROW | {512: deepest}
    generator = torch.Generator().manual_seed(9)
    paths = []
    for name, layers in (("vgg_normalised", ENCODER), ("decoder", DECODER)):
        state = {}
        for number, (inputs, outputs, side) in layers.items():
            shape = (narrow[outputs], narrow[inputs], side, side)
            # Kaiming's scale for layers that a rectifier follows, so that the signal lives to the end.
            scale = (2 / (shape[1] * side * side)) ** 0.5
            state[f"{number}.weight"] = torch.randn(shape, generator=generator) * scale
            state[f"{number}.bias"] = torch.rand(shape[0], generator=generator) * 0.3
        if behind and name == "vgg_normalised":
            state |= {"32.weight": torch.zeros(16, 16, 3, 3), "32.bias": torch.zeros(16)}
        path = folder / f"{name}.pth"
        torch.save(state, path)
        paths.append(path)
    return paths[0], paths[1]
