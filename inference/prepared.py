"""A classifier made ready to run fast at one precision; the classifier itself stays as it was loaded."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import nn

from inference.classifiers import Classifier
from inference.exported import EXPORTED
from inference.folding import fold, fuse_activations

Precision = Literal["float32", "bfloat16", "amp"]

#: A folded network whose probabilities on the probe differ by more than this is not used.
FOLDING_TOLERANCE = 1e-4

_PROBE_SEED = 20180913


@dataclass(frozen=True, slots=True)
class PreparedClassifier:
    """`network` is optimised for prediction; take `classifier.network` for gradients and activations.

    `folded` is False where the network could not be rewritten and runs as it was loaded.
    """

    classifier: Classifier
    network: nn.Module = field(repr=False)
    precision: Precision
    folded: bool

    def logits(self, pixels: torch.Tensor) -> torch.Tensor:
        """8-bit RGB crops (n, side, side, 3) on any device to float32 logits (n, classes)."""
        device = self.classifier.device
        with torch.inference_mode(), numerics(device, self.precision):
            inputs = self.classifier.preprocessing.normalise(pixels.to(device, non_blocking=True))
            if self.precision == "bfloat16":
                inputs = inputs.to(torch.bfloat16)
            outputs: torch.Tensor = self.network(inputs)
            return outputs.float()


def prepare(classifier: Classifier, precision: Precision = "float32") -> PreparedClassifier:
    """Fold what can be folded and convert to the precision asked for.

    "float32" gives the reference result (probabilities within 1e-4 of the network as loaded, TF32 off);
    "bfloat16" is faster and differs in the third digit; "amp" is automatic mixed precision on CUDA.
    Raises ValueError for a precision that the device, the processor or an exported file does not have.
    """
    if precision not in get_args(Precision):
        raise ValueError(f"Precision {precision!r} is none of {', '.join(get_args(Precision))}.")
    device = classifier.device
    if precision == "amp" and device.type != "cuda":
        raise ValueError(
            f"Automatic mixed precision (amp) is for CUDA devices, not {device.type}: use float32."
        )
    exported = classifier.spec.architecture in EXPORTED
    if exported and precision != "float32":
        raise ValueError(
            f"{classifier.spec.name} is a {classifier.spec.architecture} file, which runs in the precision "
            "it was exported with: use float32."
        )
    if exported:
        return PreparedClassifier(classifier, classifier.network, precision, folded=False)
    network = folded_network(classifier)
    folded = network is not None
    if network is None:
        network = _channels_last(copy.deepcopy(classifier.network), device)
    if precision != "bfloat16":
        return PreparedClassifier(classifier, network, precision, folded)
    return _computable(PreparedClassifier(classifier, network.to(torch.bfloat16), precision, folded))


def _computable(prepared: PreparedClassifier) -> PreparedClassifier:
    """The same, once a picture has gone through: some CPUs have no bfloat16 convolutions.

    Raises: ValueError where none goes through. PyTorch's way round it is slower than float32.
    """
    classifier = prepared.classifier
    side = classifier.preprocessing.crop.side
    try:
        prepared.logits(torch.zeros((1, side, side, 3), dtype=torch.uint8))
    except RuntimeError as problem:
        raise ValueError(
            f"{classifier.spec.name} can not be computed in bfloat16 on this {classifier.device.type} "
            f"({str(problem).splitlines()[0]}): use float32."
        ) from problem
    return prepared


def folded_network(classifier: Classifier, *, differentiable: bool = False) -> nn.Module | None:
    """The folded network if it says the same of random pixels as the network that it comes from, else None.

    `differentiable`: gradients pass through it (oneDNN's fused activations on the CPU let none through).
    """
    recipe, device = classifier.preprocessing, classifier.device
    folded = fold(classifier.network)
    if folded is None:
        return None
    folded = _channels_last(folded, device)
    if device.type == "cpu" and not differentiable:
        folded = fuse_activations(folded)
    side = recipe.crop.side
    generator = torch.Generator().manual_seed(_PROBE_SEED)
    probe = torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8, generator=generator)
    with torch.inference_mode(), numerics(device, "float32"):
        inputs = recipe.normalise(probe.to(device))
        expected = classifier.network(inputs).softmax(dim=1)
        difference = (folded(inputs).softmax(dim=1) - expected).abs().max().item()
    return folded if difference <= FOLDING_TOLERANCE else None


def _channels_last(network: nn.Module, device: torch.device) -> nn.Module:
    if device.type in ("cpu", "cuda"):
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


@contextmanager
def numerics(device: torch.device, precision: Precision) -> Iterator[None]:
    """While inside, a CUDA device computes at `precision` and never in TF32."""
    if device.type != "cuda":
        yield
    elif precision == "amp":
        with torch.autocast("cuda"):
            yield
    else:
        # PyTorch lets cuDNN round float32 convolutions to TF32 unless told not to.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
