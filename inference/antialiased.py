"""Networks that blur before they skip pixels, from the package `antialiased-cnns`.

Source: Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019. The weights are the
researcher's own files (the package's site has them as `resnet50_lpf4-….pth.tar`); the package's licence is
CC BY-NC-SA 4.0, so it is installed only where it is wanted.
"""

from __future__ import annotations

import importlib
from typing import Any

from torch import nn

from inference.weights import WeightsError

PACKAGE = "antialiased-cnns==0.3"
PREFIX = "antialiased_"
#: Sides of the blur; 4 is the package's own and needs no ending.
FILTERS = (2, 3, 4, 5)

_NETWORKS = (
    *("alexnet", "mobilenet_v2"),
    *("densenet121", "densenet161", "densenet169", "densenet201"),
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2", "wide_resnet101_2"),
    *("vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"),
)

_BUILT = {
    f"{PREFIX}{network}" + ("" if side == 4 else f"_lpf{side}"): (network, side)
    for network in _NETWORKS
    for side in FILTERS
}

#: Such as "antialiased_resnet50" (blur of 4 x 4) and "antialiased_resnet50_lpf3" (3 x 3).
ANTIALIASED = tuple(_BUILT)


def build_antialiased(name: str, classes: int) -> nn.Module:
    """The network of that name without weights. Raises WeightsError where the package is not installed."""
    network, side = _BUILT[name]
    try:
        package: Any = importlib.import_module("antialiased_cnns")
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"The architecture {name} comes with a package that is not installed: pip install {PACKAGE} "
            "(its licence, CC BY-NC-SA 4.0, excludes commercial use)."
        ) from error
    made = getattr(package, network)(pretrained=False, filter_size=side, num_classes=classes)
    if not isinstance(made, nn.Module):
        raise TypeError(f"{network} of antialiased_cnns is no network.")
    return made
