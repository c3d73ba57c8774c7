"""Which of a few categories a network chooses, where each is made of several of its classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from inference.crop_cache import CropCache
from inference.images import DecodedCrop, DecodeFailure, ImageItem
from inference.overlapped import run_overlapped
from inference.prepared import PreparedClassifier

Aggregation = Literal["mean", "sum", "max"]


@dataclass(frozen=True, slots=True, eq=False)
class ChosenBatch:
    """The readable pictures of a batch in the order given, what each classifier chooses, and the rest.

    `chosen`: for each classifier (n,) places in the categories.
    """

    keys: tuple[int | str, ...]
    chosen: tuple[NDArray[np.int64], ...]
    failures: tuple[DecodeFailure, ...]


def category_values(
    probabilities: torch.Tensor, groups: Sequence[Sequence[int]], aggregation: Aggregation
) -> torch.Tensor:
    """(n, categories) from softmax probabilities (n, classes), on their device.

    A category's value is the mean (or sum, or maximum) over its classes (Geirhos et al., 2019: the mean).
    """
    columns = []
    for group in groups:
        own = probabilities[:, torch.tensor(group, device=probabilities.device)]
        if aggregation == "mean":
            columns.append(own.mean(dim=1))
        elif aggregation == "sum":
            columns.append(own.sum(dim=1))
        else:
            columns.append(own.amax(dim=1))
    return torch.stack(columns, dim=1)


def choose_categories(
    classifiers: Sequence[PreparedClassifier],
    items: Iterable[ImageItem],
    groups: Sequence[Sequence[int]],
    aggregation: Aggregation,
    *,
    batch_size: int = 32,
    workers: int | None = None,
    cache: CropCache | None = None,
) -> Iterator[ChosenBatch]:
    """The category that each classifier finds the most probable; of equal ones the first.

    The classifiers share one crop and one device: pictures are decoded once for all of them. `groups` are the
    class indices of each category. Raises ValueError where the crops differ or outputs are not finite.
    """
    first = classifiers[0].classifier
    for other in classifiers[1:]:
        if other.classifier.preprocessing.crop != first.preprocessing.crop:
            raise ValueError(f"{other.classifier.spec.name} looks at another crop than {first.spec.name}.")
    return run_overlapped(
        partial(_chosen, tuple(classifiers), groups, aggregation),
        items,
        crop=first.preprocessing.crop,
        device=first.device,
        batch_size=batch_size,
        workers=workers,
        cache=cache,
    )


def _chosen(
    classifiers: tuple[PreparedClassifier, ...],
    groups: Sequence[Sequence[int]],
    aggregation: Aggregation,
    loaded: list[DecodedCrop | DecodeFailure],
) -> ChosenBatch:
    crops = [each for each in loaded if isinstance(each, DecodedCrop)]
    failures = tuple(each for each in loaded if isinstance(each, DecodeFailure))
    if not crops:
        return ChosenBatch((), tuple(np.empty(0, np.int64) for _ in classifiers), failures)
    pixels = torch.from_numpy(np.stack([crop.pixels for crop in crops])).to(classifiers[0].classifier.device)
    return ChosenBatch(
        keys=tuple(crop.key for crop in crops),
        chosen=tuple(_places(each, pixels, groups, aggregation) for each in classifiers),
        failures=failures,
    )


def _places(
    prepared: PreparedClassifier,
    pixels: torch.Tensor,
    groups: Sequence[Sequence[int]],
    aggregation: Aggregation,
) -> NDArray[np.int64]:
    logits = prepared.logits(pixels)
    if not bool(torch.isfinite(logits).all()):
        raise ValueError(
            f"{prepared.classifier.spec.name} gives outputs that are not finite: check its weights and its "
            "preprocessing."
        )
    values = category_values(logits.softmax(dim=1), groups, aggregation)
    # argmax may settle ties either way; the first of the greatest is the first category.
    first = (values == values.amax(dim=1, keepdim=True)).to(torch.uint8).argmax(dim=1)
    places: NDArray[np.int64] = first.cpu().numpy()
    return places
