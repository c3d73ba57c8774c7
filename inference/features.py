"""Activations of a layer by name: what prototypes and criticisms are chosen by."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from inference.classifiers import Classifier
from inference.crop_cache import CropCache
from inference.exported import EXPORTED, FixedBatch
from inference.images import DecodedCrop, DecodeFailure, ImageItem
from inference.overlapped import run_overlapped
from inference.prepared import PreparedClassifier

PENULTIMATE = "penultimate"
OUTPUT = "output"

#: The folded network is used where its activations are this near to the loaded network's, relative to them.
FOLDING_TOLERANCE = 1e-4

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_PROBE_SEED = 20180913


class UnknownLayerError(ValueError):
    """A layer that the network lacks, or whose activations are no features; the text says what would do."""


class NotFiniteError(ValueError):
    """A picture whose activations are NaN or infinite; `key` is the caller's key of the picture."""

    def __init__(self, key: int | str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True)
class Layer:
    """A module of the network as it was loaded, and which side of it is read."""

    module: str
    side: Literal["input", "output"]

    def __str__(self) -> str:
        return f"{self.side} of {self.module}" if self.module else "output of the network"


@dataclass(frozen=True, slots=True)
class FeatureBatch:
    """Features of some pictures, in the order they were given.

    `keys`: n caller's keys. `features`: (n, d) float32. `failures`: pictures of this batch that could not be
    decoded.
    """

    keys: tuple[int | str, ...]
    features: NDArray[np.float32]
    failures: tuple[DecodeFailure, ...]


def layer_names(classifier: Classifier) -> tuple[str, ...]:
    """What `find_layer` takes: "penultimate", "output", and the network's own modules in their order."""
    if classifier.spec.architecture in EXPORTED:
        return (OUTPUT,)
    return (PENULTIMATE, OUTPUT, *(name for name, _ in _inside(classifier.network).named_modules() if name))


def find_layer(classifier: Classifier, name: str = PENULTIMATE) -> Layer:
    """The layer of that name, seen to give one row of features for one picture.

    "penultimate" is the input of the classifier layer: of the last linear or convolutional module that runs
    and has as many outputs as there are classes. "output" is the network's own output, the only one that
    TorchScript and torch.export files show. Raises UnknownLayerError with the nearest names.
    """
    if classifier.spec.architecture in EXPORTED and name != OUTPUT:
        raise UnknownLayerError(
            f"{classifier.spec.name} is a {classifier.spec.architecture} file, whose inner layers cannot be "
            f"read: use layer {OUTPUT!r} (its logits), or register the network by its architecture."
        )
    if name == PENULTIMATE:
        layer = Layer(_classifier_module(classifier), "input")
    elif name == OUTPUT:
        layer = Layer("", "output")
    elif name in layer_names(classifier):
        layer = Layer(name, "output")
    else:
        raise UnknownLayerError(
            f"{classifier.spec.name} has no layer {name!r}.{_nearest(name, layer_names(classifier))} "
            f"{PENULTIMATE!r} is the input of its last layer, {OUTPUT!r} its logits."
        )
    if layer.module:
        _check(classifier, layer, name)
    return layer


def features(
    source: Classifier | PreparedClassifier,
    items: Iterable[ImageItem],
    *,
    layer: Layer,
    batch_size: int = 32,
    workers: int | None = None,
    cache: CropCache | None = None,
) -> Iterator[FeatureBatch]:
    """Activations of `layer` (see `find_layer`) for pictures, in batches, in order, in float32.

    Spatial maps are averaged over their positions: (n, channels, height, width), (n, height, width, channels)
    as some transformers have it, and (n, tokens, channels) all become (n, channels). Give a prepared
    classifier to run its folded network where that gives the same activations (folding changes what stands
    between a convolution and its batch norm). Raises NotFiniteError with the picture. `workers` and what is
    read ahead: see `run_overlapped`.
    """
    prepared = _network_for(source, layer) if isinstance(source, PreparedClassifier) else _unprepared(source)
    recipe = prepared.classifier.preprocessing
    with tapped(prepared.network, layer) as tap:
        yield from run_overlapped(
            partial(_read, prepared, layer, tap),
            items,
            crop=recipe.crop,
            device=prepared.classifier.device,
            batch_size=batch_size,
            workers=workers,
            cache=cache,
        )


class Tap:
    """What a module got or gave, kept apart for every thread that runs the network."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._kept = threading.local()

    def keep(self, module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        value = inputs[0] if self._layer.side == "input" else output
        self._kept.values = [*getattr(self._kept, "values", []), value]

    def take(self) -> list[object]:
        """What this thread's forward passes have left there since it was last asked."""
        values: list[object] = getattr(self._kept, "values", [])
        self._kept.values = []
        return values


@contextmanager
def tapped(network: nn.Module, layer: Layer) -> Iterator[Tap]:
    """While inside, every forward pass of `network` leaves what `layer` got or gave in the tap."""
    tap = Tap(layer)
    if not layer.module:
        # TorchScript takes no hooks, and the network's own output needs none.
        yield tap
        return
    handle = _inside(network).get_submodule(layer.module).register_forward_hook(tap.keep)
    try:
        yield tap
    finally:
        handle.remove()


def _check(classifier: Classifier, layer: Layer, name: str) -> None:
    """Refuse a layer that does not give one row of features for one picture."""
    with tapped(classifier.network, layer) as tap:
        _unprepared(classifier).logits(_probe(classifier))
        calls = tap.take()
    if len(calls) != 1:
        raise UnknownLayerError(
            f"Layer {name!r} of {classifier.spec.name} runs {len(calls)} times for a picture, so it has no "
            "single activation: name one that runs once, such as the block around it."
        )
    _pooled(calls[0], layer)


def _read(
    prepared: PreparedClassifier, layer: Layer, tap: Tap, results: list[DecodedCrop | DecodeFailure]
) -> FeatureBatch:
    crops = [result for result in results if isinstance(result, DecodedCrop)]
    failures = tuple(result for result in results if isinstance(result, DecodeFailure))
    if not crops:
        return FeatureBatch((), np.empty((0, 0), np.float32), failures)
    pixels = torch.from_numpy(np.stack([crop.pixels for crop in crops]))
    if prepared.classifier.device.type == "cuda":
        pixels = pixels.pin_memory()
    pooled = _activations(prepared, layer, tap, pixels)
    finite = torch.isfinite(pooled).all(dim=1)
    if not bool(finite.all()):
        key = crops[int((~finite).nonzero()[0])].key
        raise NotFiniteError(
            key,
            f"The {layer} of {prepared.classifier.spec.name} is not finite for picture {key}: check the "
            "picture, the weights and the preprocessing.",
        )
    return FeatureBatch(tuple(crop.key for crop in crops), pooled.cpu().numpy(), failures)


def _activations(prepared: PreparedClassifier, layer: Layer, tap: Tap, pixels: torch.Tensor) -> torch.Tensor:
    logits = prepared.logits(pixels)
    if not layer.module:
        return logits
    # A network of a fixed batch size runs several times and pads its last part.
    return torch.cat([_pooled(value, layer) for value in tap.take()])[: len(pixels)]


def _pooled(value: object, layer: Layer) -> torch.Tensor:
    """One row of float32 per picture; a layer that gives something else is refused."""
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        raise UnknownLayerError(
            f"The {layer} is {type(value).__name__}, not one tensor of activations: name another layer."
        )
    values = value.float()
    if values.ndim == 2:
        return values
    if values.ndim == 3:
        return values.mean(dim=1)
    if values.ndim == 4:
        # Crops are square and so are maps: the two equal sides are the positions.
        last = values.shape[1] == values.shape[2] != values.shape[3]
        return values.mean(dim=(1, 2) if last else (2, 3))
    raise UnknownLayerError(
        f"The {layer} has shape {tuple(values.shape)}, which is neither rows, tokens nor maps: name another "
        "layer."
    )


def _network_for(prepared: PreparedClassifier, layer: Layer) -> PreparedClassifier:
    """The prepared network if its activations there are those of the network as loaded, else the latter."""
    original = _unprepared(prepared.classifier)
    names = {name for name, _ in _inside(prepared.network).named_modules()}
    if prepared.precision != "float32" or layer.module not in names:
        return original
    if not layer.module:
        return prepared
    found = []
    for candidate in (original, prepared):
        with tapped(candidate.network, layer) as tap:
            candidate.logits(_probe(candidate.classifier))
            values = tap.take()
            if len(values) != 1:
                return original
            found.append(_pooled(values[0], layer))
    expected, folded = found
    if expected.shape != folded.shape:
        return original
    difference = (folded - expected).norm() / expected.norm().clamp_min(torch.finfo(torch.float32).tiny)
    return prepared if difference.item() <= FOLDING_TOLERANCE else original


def _unprepared(classifier: Classifier) -> PreparedClassifier:
    return PreparedClassifier(classifier, classifier.network, "float32", folded=False)


def _classifier_module(classifier: Classifier) -> str:
    """The name of the last linear or convolutional module that runs and has an output for every class."""
    network = _inside(classifier.network)
    outputs = {
        name: module.out_features if isinstance(module, nn.Linear) else module.out_channels
        for name, module in network.named_modules()
        if name and isinstance(module, (nn.Linear, *_CONVOLUTIONS))
    }
    order: list[str] = []

    def note(name: str, module: nn.Module, inputs: object, output: object) -> None:
        order.append(name)

    handles = [network.get_submodule(name).register_forward_hook(partial(note, name)) for name in outputs]
    try:
        _unprepared(classifier).logits(_probe(classifier))
    finally:
        for handle in handles:
            handle.remove()
    fitting = [name for name in order if outputs[name] == len(classifier.classes)]
    if not fitting:
        raise UnknownLayerError(
            f"{classifier.spec.name} has no linear or convolutional layer with {len(classifier.classes):,} "
            f"outputs, so its {PENULTIMATE} layer is unknown: name a layer."
        )
    return fitting[-1]


def _inside(network: nn.Module) -> nn.Module:
    return network.network if isinstance(network, FixedBatch) else network


def _probe(classifier: Classifier) -> torch.Tensor:
    """One picture of random pixels, so that a layer that runs twice is seen to."""
    side = classifier.preprocessing.crop.side
    generator = torch.Generator().manual_seed(_PROBE_SEED)
    return torch.randint(0, 256, (1, side, side, 3), dtype=torch.uint8, generator=generator)


def _nearest(name: str, known: Iterable[str]) -> str:
    by_lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)
    return f" Nearest: {', '.join(by_lower[each] for each in close)}." if close else ""
