"""Pictures in, rankings of classes out; decoding overlaps the forward pass."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from inference.classifiers import Classifier
from inference.crop_cache import CropCache
from inference.images import DecodedCrop, DecodeFailure, ImageItem, load_crop
from inference.prefetch import prefetch
from inference.prepared import Precision, PreparedClassifier, prepare

Item = TypeVar("Item")

#: Batches that are classified at the same time on the CPU, whatever the number of cores: each takes memory.
MOST_STREAMS = 4

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

    On the CPU each of `workers` threads (default: one per core, at most four, which then share the cores)
    decodes and classifies whole batches: threads that share a forward pass wait for one another whenever one
    of them is held up. Beside an accelerator `workers` threads decode ahead of the one that feeds it. No more
    than `workers + 1` batches (accelerator: two) are read from `items` before the first is yielded.
    """
    if batch_size < 1:
        raise ValueError(f"Batch size {batch_size}: give at least 1.")
    prepared = classifier if isinstance(classifier, PreparedClassifier) else prepare(classifier, precision)
    on_cpu = prepared.classifier.device.type == "cpu"
    threads = _threads(on_cpu) if workers is None else workers
    load = partial(load_crop, crop=prepared.classifier.preprocessing.crop, cache=cache)
    if not on_cpu:
        loaded = prefetch(load, items, workers=threads, ahead=batch_size)
        for results in _batches(loaded, batch_size):
            yield _classify(prepared, results, ranks)
        return

    def classify_files(batch: list[ImageItem]) -> PredictedBatch:
        return _classify(prepared, [load(item) for item in batch], ranks)

    before = torch.get_num_threads()
    try:
        yield from prefetch(
            classify_files,
            _batches(items, batch_size),
            workers=threads,
            ahead=threads,
            start_thread=partial(torch.set_num_threads, max(1, _cores() // max(1, threads))),
        )
    finally:
        # What a thread sets for itself is also what PyTorch gives to threads that start later.
        torch.set_num_threads(before)


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


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


def _threads(on_cpu: bool) -> int:
    return min(_cores(), MOST_STREAMS) if on_cpu else _cores()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
