"""Toy classifiers with written-in weights, so that every expected value can be worked out by hand."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import nn

from inference.classifiers import Classifier, ClassifierSpec
from inference.crops import Crop
from inference.imagenet import ClassName
from inference.preprocessing import Preprocessing

SIDE = 4


def brightness_network() -> nn.Module:
    """Three logits from the mean of each colour channel: red, green, blue."""
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    convolution = network[0]
    assert isinstance(convolution, nn.Conv2d)
    assert convolution.bias is not None
    convolution.weight.data = torch.eye(3).view(3, 3, 1, 1)
    convolution.bias.data.zero_()
    return network.eval().requires_grad_(False)


def brightness_classifier(network: nn.Module | None = None) -> Classifier:
    """Says which colour is strongest; its logits are the mean colours in [0, 1]."""
    recipe = Preprocessing(Crop(side=SIDE, resize=SIDE), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    names = tuple(ClassName(index, name) for index, name in enumerate(("red", "green", "blue")))
    return Classifier(
        spec=ClassifierSpec("toy", "toy", classes=3),
        network=network or brightness_network(),
        preprocessing=recipe,
        classes=names,
        weights_digest="0" * 64,
        weights_source="written in",
        device=torch.device("cpu"),
    )


def picture(red: int, green: int, blue: int) -> bytes:
    """A PNG of one colour."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((6, 5, 3), (red, green, blue), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
