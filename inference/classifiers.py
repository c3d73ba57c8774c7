"""A classifier by name: network in evaluation mode, preprocessing, class list and digest of its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from inference.architectures import (
    build_network,
    default_preprocessing,
    find_architecture,
    read_pretrained,
)
from inference.exported import FixedBatch, load_exported
from inference.imagenet import ClassName, imagenet_classes
from inference.preprocessing import Preprocessing
from inference.weights import WeightsError, file_digest, load_state, state_digest


@dataclass(frozen=True, slots=True)
class ClassifierSpec:
    """What is needed to load a classifier again, on any machine that has the same weights.

    `weights`: a file; without one the architecture's packaged or downloadable weights are used (`pretrained`
    names which of torchvision's, for example IMAGENET1K_V1). `classes`: how many the network must have.
    `class_names`: their display names in order; without them ImageNet's for 1,000 classes, else "0", "1", ...
    `preprocessing`: instead of the architecture's own. `trusted`: the file may run code (TorchScript and
    torch.export only). `fixed_batch`: the one batch size an exported network accepts.
    """

    name: str
    architecture: str
    weights: Path | None = None
    classes: int = 1000
    class_names: tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    pretrained: str = "DEFAULT"
    trusted: bool = False
    fixed_batch: int | None = None


@dataclass(frozen=True, slots=True)
class Classifier:
    """A loaded classifier. `network` takes `preprocessing`'s output and gives logits (n, classes)."""

    spec: ClassifierSpec
    network: nn.Module = field(repr=False)
    preprocessing: Preprocessing
    classes: tuple[ClassName, ...] = field(repr=False)
    weights_digest: str
    weights_source: str
    device: torch.device


def available_device() -> torch.device:
    """The accelerator of this machine if there is one (CUDA, then MPS), else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def load_classifier(spec: ClassifierSpec, device: torch.device | str | None = None) -> Classifier:
    """Build the network, put its weights in and check both on one blank picture.

    `device`: default is `available_device()`. Raises ValueError with the remedy: unknown architecture,
    weights that are missing, unsafe or made for another network, or a number of classes that does not match.
    """
    target = torch.device(device) if device is not None else available_device()
    architecture = find_architecture(spec.architecture)
    if architecture.family == "exported":
        if spec.weights is None:
            raise WeightsError(f"{spec.name}: a {spec.architecture} classifier needs a file.")
        network = load_exported(spec.weights, architecture=spec.architecture, trusted=spec.trusted)
        digest, source = file_digest(spec.weights), str(spec.weights)
    else:
        weights = read_pretrained(architecture, spec.weights, spec.pretrained)
        network = build_network(architecture, spec.classes)
        load_state(network, weights.state, source=weights.source)
        network = network.eval()
        digest = file_digest(weights.path) if weights.path else state_digest(weights.state)
        source = weights.source
    if spec.fixed_batch is not None:
        network = FixedBatch(network, spec.fixed_batch)
    recipe = spec.preprocessing or default_preprocessing(
        architecture, from_file=spec.weights is not None, pretrained=spec.pretrained
    )
    network = network.to(target)
    # One by one, because a TorchScript module refuses requires_grad_().
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    _check_output(spec, network, recipe, target)
    return Classifier(spec, network, recipe, class_names(spec), digest, source, target)


def class_names(spec: ClassifierSpec) -> tuple[ClassName, ...]:
    """The class list of a classifier, in the order of its outputs."""
    if spec.class_names is not None:
        if len(spec.class_names) != spec.classes:
            raise ValueError(
                f"{spec.name}: {len(spec.class_names)} class names for {spec.classes} classes; give one each."
            )
        return tuple(ClassName(index, name) for index, name in enumerate(spec.class_names))
    if spec.classes == len(imagenet_classes()):
        return imagenet_classes()
    return tuple(ClassName(index, str(index)) for index in range(spec.classes))


def _check_output(
    spec: ClassifierSpec, network: nn.Module, recipe: Preprocessing, device: torch.device
) -> None:
    side = recipe.crop.side
    blank = torch.zeros((1, side, side, 3), dtype=torch.uint8, device=device)
    with torch.inference_mode():
        try:
            logits = network(recipe.normalise(blank))
        except RuntimeError as error:
            raise WeightsError(
                f"{spec.name}: the network does not run on one {side} x {side} picture of {recipe.channels} "
                f"channel(s): {error}. Check the preprocessing, and give fixed_batch if the file was "
                "exported for one batch size."
            ) from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or logits.shape[0] != 1:
        raise WeightsError(f"{spec.name}: the network does not give one row of logits per picture.")
    if logits.shape[1] != spec.classes:
        raise WeightsError(
            f"{spec.name}: the network has {logits.shape[1]:,} classes, not {spec.classes:,}; give the "
            "number and the names of its own classes."
        )
