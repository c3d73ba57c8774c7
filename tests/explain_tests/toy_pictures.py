"""Small pictures cut into known superpixels, and predictors whose explanation can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Predict = Callable[[torch.Tensor], torch.Tensor]


def blocks(down: int = 2, across: int = 3, side: int = 4) -> NDArray[np.int32]:
    """Rectangular superpixels, numbered row by row, each `side` x `side` pixels."""
    labels = np.arange(down * across, dtype=np.int32).reshape(down, across)
    return labels.repeat(side, axis=0).repeat(side, axis=1)


def noise(segments: NDArray[np.int32], seed: int = 0) -> NDArray[np.uint8]:
    """A picture of random colours, none of them black."""
    rng = np.random.default_rng(seed)
    return rng.integers(1, 256, (*segments.shape, 3), dtype=np.uint8)


def patches(side: int = 64, seed: int = 0) -> NDArray[np.uint8]:
    """A picture in which quickshift finds several superpixels: soft patches of colour."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 4, 3)).repeat(side // 4, axis=0).repeat(side // 4, axis=1)
    return np.clip(coarse + rng.integers(-8, 9, coarse.shape), 0, 255).astype(np.uint8)


def linear_in_superpixels(
    pixels: NDArray[np.uint8], segments: NDArray[np.int32], coefficients: NDArray[np.float64], bias: float
) -> Predict:
    """Outputs (bias + coefficients @ shown, and its negative) for pictures that hide in black.

    A superpixel counts as shown by the red of its first pixel, which must not be 0.
    """
    first = [int(np.flatnonzero(segments.reshape(-1) == index)[0]) for index in range(len(coefficients))]
    red = pixels.reshape(-1, 3)[first, 0].astype(np.float64)
    scale = torch.from_numpy(coefficients / red)

    def predict(pictures: torch.Tensor) -> torch.Tensor:
        seen = pictures.reshape(len(pictures), -1, 3)[:, first, 0].double()
        value = seen @ scale + bias
        return torch.stack([value, -value], dim=1).float()

    return predict


def small_network(classes: int = 4, seed: int = 0) -> nn.Module:
    """A convolutional network with a layer that works in place, as many published ones have."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(6, 8, 3, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, classes),
    )
    return network.eval().requires_grad_(False)


def probabilities_of(network: nn.Module, sharpness: float = 400.0) -> Predict:
    """uint8 pictures (n, h, w, 3) to probabilities: alike for a grey picture, spread by `sharpness`."""

    def predict(pictures: torch.Tensor) -> torch.Tensor:
        grey = torch.full((1, 3, 32, 32), 0.5, device=pictures.device)
        logits: torch.Tensor = network(pictures.permute(0, 3, 1, 2).float() / 255) - network(grey)
        return (sharpness * logits).softmax(dim=1)

    return predict
