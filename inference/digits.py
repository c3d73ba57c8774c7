"""Small networks for scikit-learn's 8x8 handwritten digits, trained on the spot."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

DigitsArchitecture = Literal["digits_cnn", "digits_linear"]

CLASSES = 10
_SIDE = 8


def build_digits(architecture: DigitsArchitecture, classes: int = CLASSES) -> nn.Module:
    """An untrained network for input of shape (n, 1, 8, 8) in [0, 1]."""
    if architecture == "digits_cnn":
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 4, classes),
        )
    if architecture == "digits_linear":
        return nn.Sequential(nn.Flatten(), nn.Linear(_SIDE * _SIDE, classes))
    raise ValueError(f"{architecture!r} is none of {', '.join(get_args(DigitsArchitecture))}.")


def train_digits(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    seed: int,
    epochs: int,
    architecture: DigitsArchitecture = "digits_cnn",
    batch_size: int = 64,
    learning_rate: float = 0.01,
) -> dict[str, torch.Tensor]:
    """Train on 8-bit grey pictures (n, 8, 8) and labels (n,); the same seed gives the same weights.

    SGD with momentum 0.9 and cross-entropy; the global random state is left as it was. Twenty epochs over
    1,000 pictures take about two seconds on one core.
    """
    if images.ndim != 3 or images.shape[1:] != (_SIDE, _SIDE) or len(images) != len(labels):
        raise ValueError(
            f"Digits are {_SIDE} x {_SIDE} grey pictures with one label each, not {images.shape} and "
            f"{labels.shape}."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_digits(architecture)
        order = torch.Generator().manual_seed(seed)
        optimiser = torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9)
        inputs = torch.from_numpy(images.astype(np.float32) / 255.0).unsqueeze(1)
        targets = torch.from_numpy(labels.astype(np.int64))
        network.train()
        for _ in range(epochs):
            for batch in torch.split(torch.randperm(len(inputs), generator=order), batch_size):
                if len(batch) < 2:
                    # Batch norm has no variance over a single picture.
                    continue
                optimiser.zero_grad()
                torch.autograd.backward(functional.cross_entropy(network(inputs[batch]), targets[batch]))
                optimiser.step()
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
