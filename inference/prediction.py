"""Pictures in, rankings of classes out; decoding overlaps the forward pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from inference.classifiers import Classifier
from inference.crop_cache import CropCache
from inference.images import DecodedCrop, DecodeFailure, ImageItem
from inference.overlapped import run_overlapped
from inference.prepared import Precision, PreparedClassifier, prepare

#: Ranks that are kept: 1-5 for the error rates, 6-20 for hard foils.
RANKS = 20


@dataclass(frozen=True, slots=True)
class PredictedBatch:
    """What a classifier says of some pictures, in the order they were given.

    `keys`, `digests`: n caller's keys and SHA-256 of the files. `ranking`: (n, k) class indices, best first,
    equal logits in order of index. `probabilities`: (n, k) softmax over all classes, float32. k is 20, or the
    number of classes if there are fewer. `failures`: pictures of this batch that could not be decoded.
    """

    keys: tuple[int | str, ...]
    digests: tuple[str, ...]
    ranking: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    failures: tuple[DecodeFailure, ...]


def predict(
    classifier: Classifier | PreparedClassifier,
    items: Iterable[ImageItem],
    *,
    batch_size: int = 32,
    precision: Precision = "float32",
    workers: int | None = None,
    cache: CropCache | None = None,
    ranks: int = RANKS,
) -> Iterator[PredictedBatch]:
    """Classify pictures in batches of `batch_size` files on the classifier's device, in order.

    Give a PreparedClassifier to prepare once for many calls (its own precision then holds). Pictures that
    cannot be decoded are reported in their batch's `failures`; the rest goes on.

    `workers` and what is read ahead: see `run_overlapped`.
    """
    prepared = classifier if isinstance(classifier, PreparedClassifier) else prepare(classifier, precision)
    return run_overlapped(
        partial(_classify, prepared, ranks=ranks),
        items,
        crop=prepared.classifier.preprocessing.crop,
        device=prepared.classifier.device,
        batch_size=batch_size,
        workers=workers,
        cache=cache,
    )


def _classify(
    prepared: PreparedClassifier, results: list[DecodedCrop | DecodeFailure], ranks: int
) -> PredictedBatch:
    crops = [result for result in results if isinstance(result, DecodedCrop)]
    failures = tuple(result for result in results if isinstance(result, DecodeFailure))
    kept = min(ranks, len(prepared.classifier.classes))
    if not crops:
        nothing = (0, kept)
        return PredictedBatch((), (), np.empty(nothing, np.int32), np.empty(nothing, np.float32), failures)
    pixels = torch.from_numpy(np.stack([crop.pixels for crop in crops]))
    if prepared.classifier.device.type == "cuda":
        pixels = pixels.pin_memory()
    logits = prepared.logits(pixels)
    if not bool(torch.isfinite(logits).all()):
        raise ValueError(
            f"{prepared.classifier.spec.name} gives outputs that are not finite for pictures "
            f"{crops[0].key} to {crops[-1].key}: check its weights, its preprocessing and the precision."
        )
    # Sorted by logits, because small probabilities underflow to equal zeros.
    ranking = torch.sort(logits, dim=1, descending=True, stable=True).indices[:, :kept]
    probabilities = logits.softmax(dim=1).gather(1, ranking)
    return PredictedBatch(
        keys=tuple(crop.key for crop in crops),
        digests=tuple(crop.digest for crop in crops),
        ranking=ranking.to(torch.int32).cpu().numpy(),
        probabilities=probabilities.cpu().numpy(),
        failures=failures,
    )
