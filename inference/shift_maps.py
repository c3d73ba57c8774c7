"""What a network says of a picture at every place of a shift: probabilities, and likeness to anchors.

Source: the interactive browser of shift sensitivity by Lee, Yang and Wang: the probability of a class, and
the cosine of a layer's activation with that of an anchor (the four corners, the centre).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from inference.features import Layer, tapped
from inference.overlapped import in_streams
from inference.perturbations.shift import ShiftSet
from inference.prepared import PreparedClassifier


@dataclass(frozen=True, slots=True, eq=False)
class ShiftPart:
    """The answers at some places, `numbers` (n,): `probability` (n,) of the class asked about, `top1` (n,).

    `cosine`: per anchor (n,), of the layer's activation with the anchor's.
    """

    numbers: NDArray[np.int64]
    probability: NDArray[np.float32]
    top1: NDArray[np.int32]
    cosine: Mapping[str, NDArray[np.float32]]


def shift_answers(
    prepared: PreparedClassifier,
    shift: ShiftSet,
    *,
    target: int,
    layer: Layer | None = None,
    batch_size: int | None = None,
    numbers: range | None = None,
) -> Iterator[ShiftPart]:
    """The answers at every place (or at those of `numbers`), in order, a batch at a time.

    `target`: the class whose probability is mapped. `layer`: where activations are compared (flattened as
    they are, spatial maps too), on the network as it was loaded; without one there are no cosines. The
    anchors are those of the whole set. Raises ValueError for a class that is not there.
    """
    classifier = prepared.classifier
    if not 0 <= target < len(classifier.classes):
        raise ValueError(
            f"Class {target} is not among the {len(classifier.classes):,} classes of {classifier.spec.name} "
            f"(0-{len(classifier.classes) - 1:,})."
        )
    on_cpu = classifier.device.type == "cpu"
    size = batch_size or (32 if on_cpu else 256)
    # Folding moves what stands between layers, so activations are read from the network as it was loaded.
    network = (
        prepared if layer is None else PreparedClassifier(classifier, classifier.network, "float32", False)
    )
    asked = range(len(shift.places)) if numbers is None else numbers
    batches = (torch.tensor(asked[start : start + size]) for start in range(0, len(asked), size))
    if layer is None:
        answer = partial(_answers, network, shift, target)
        yield from in_streams(answer, batches) if on_cpu else map(answer, batches)
        return
    with tapped(classifier.network, layer) as tap:

        def activations(numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            logits = network.logits(shift.pictures(numbers))
            values = [value for value in tap.take() if isinstance(value, torch.Tensor)]
            read = torch.cat(values) if values else logits
            return logits, torch.nn.functional.normalize(read[: len(numbers)].float().flatten(1), dim=1)

        places = shift.places.anchors()
        anchors = dict(zip(places, activations(torch.tensor(list(places.values())))[1], strict=True))

        def compared(numbers: torch.Tensor) -> ShiftPart:
            logits, read = activations(numbers)
            # The same picture's cosine with itself is 1 but for rounding.
            cosine = {name: (read @ anchor).clamp(-1.0, 1.0) for name, anchor in anchors.items()}
            return _part(numbers, logits, target, cosine)

        yield from in_streams(compared, batches) if on_cpu else map(compared, batches)


def _answers(prepared: PreparedClassifier, shift: ShiftSet, target: int, numbers: torch.Tensor) -> ShiftPart:
    return _part(numbers, prepared.logits(shift.pictures(numbers)), target, {})


def _part(
    numbers: torch.Tensor, logits: torch.Tensor, target: int, cosine: Mapping[str, torch.Tensor]
) -> ShiftPart:
    if not bool(torch.isfinite(logits).all()):
        raise ValueError(
            f"The network's outputs are not finite at some of the places {int(numbers[0])} to "
            f"{int(numbers[-1])}: check its weights and its preprocessing."
        )
    return ShiftPart(
        numbers=numbers.numpy(),
        probability=logits.softmax(dim=1)[:, target].cpu().numpy(),
        top1=logits.argmax(dim=1).to(torch.int32).cpu().numpy(),
        cosine={name: values.cpu().numpy() for name, values in cosine.items()},
    )
