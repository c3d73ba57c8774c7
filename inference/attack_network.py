"""A classifier made ready to be attacked: float32, differentiable, and checked to be so."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn

from inference.classifiers import Classifier
from inference.exported import EXPORTED, FixedBatch
from inference.prepared import folded_network, numerics

#: Pictures in one pass forward and back: enough to fill the device, and their activations fit its memory.
BATCH = {"cpu": 16, "cuda": 128, "mps": 32}

_PROBE_SEED = 20180913


@dataclass(frozen=True, slots=True)
class AttackedClassifier:
    """A classifier whose gradients reach the pixels. `network` is its own, or a folded copy (`folded`)."""

    classifier: Classifier
    network: nn.Module = field(repr=False)
    folded: bool
    batch_size: int

    def logits(self, pictures: torch.Tensor) -> torch.Tensor:
        """RGB pictures (n, 3, side, side) with values in [0, 1] to logits (n, classes); differentiable."""
        with numerics(self.classifier.device, "float32"):
            outputs: torch.Tensor = self.network(self.classifier.preprocessing.normalise_unit(pictures))
            return outputs

    def gradient(self, loss: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
        """Gradient of a loss with respect to the pictures that its logits came from."""
        with numerics(self.classifier.device, "float32"):
            (gradient,) = torch.autograd.grad(loss, pictures)
            return gradient


def prepare_attack(
    classifier: Classifier, *, exact: bool = False, batch_size: int | None = None
) -> AttackedClassifier:
    """Fold what can be folded, and see that gradients come back.

    `exact`: attack the network as it was loaded, for comparisons bit by bit; folding changes the sign of a
    few gradients in 100,000. `batch_size`: default is what suits the device. Raises ValueError with the
    remedy where no gradients reach the pixels.
    """
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"Batch size {batch_size}: give at least 1.")
    chosen = batch_size or BATCH[classifier.device.type]
    folded = None
    if not exact and classifier.spec.architecture not in EXPORTED:
        if not isinstance(classifier.network, FixedBatch):
            folded = folded_network(classifier, differentiable=True)
        for parameter in folded.parameters() if folded is not None else ():
            parameter.requires_grad_(False)
    network = classifier.network if folded is None else folded
    prepared = AttackedClassifier(classifier, network, folded is not None, chosen)
    _check_gradients(prepared)
    return prepared


def _check_gradients(prepared: AttackedClassifier) -> None:
    """Weighted logits of random pixels, not their loss, which vanishes where a network is very sure."""
    classifier = prepared.classifier
    side = classifier.preprocessing.crop.side
    generator = torch.Generator().manual_seed(_PROBE_SEED)
    probe = torch.rand((2, 3, side, side), generator=generator).to(classifier.device).requires_grad_(True)
    weights = torch.randn((2, classifier.spec.classes), generator=generator).to(classifier.device)
    try:
        with torch.enable_grad():
            logits = prepared.logits(probe)
            if not logits.requires_grad:
                raise RuntimeError("its outputs are cut off from its inputs")
            gradient = prepared.gradient((logits * weights).sum(), probe)
        if not bool(gradient.any()):
            raise RuntimeError("they are zero for every pixel")
    except RuntimeError as error:
        what = str(error).strip().splitlines()[-1]
        raise ValueError(
            f"Classifier {classifier.spec.name} ({classifier.spec.architecture}) gives no gradients with "
            f"respect to the pixels: {what}. An attack needs them: register the network from its "
            "architecture and weights (a state dictionary), without no_grad, quantisation or rounding in it."
        ) from error
