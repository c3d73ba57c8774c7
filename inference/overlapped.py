"""Pictures through a network in batches, with decoding and the forward pass at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TypeVar

import torch

from inference.crop_cache import CropCache
from inference.crops import Crop
from inference.images import DecodedCrop, DecodeFailure, ImageItem, load_crop
from inference.prefetch import prefetch

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Batches that are worked at at the same time on the CPU, whatever the number of cores: each takes memory.
MOST_STREAMS = 4


def run_overlapped(
    forward: Callable[[list[DecodedCrop | DecodeFailure]], Result],
    items: Iterable[ImageItem],
    *,
    crop: Crop,
    device: torch.device,
    batch_size: int,
    workers: int | None = None,
    cache: CropCache | None = None,
) -> Iterator[Result]:
    """Yield `forward(batch)` for every `batch_size` pictures, in order.

    On the CPU each of `workers` threads (default: one per core, at most four, which then share the cores)
    decodes and works at whole batches, so `forward` runs in several threads: threads that share a forward
    pass wait for one another whenever one of them is held up. Beside an accelerator `workers` threads decode
    ahead of the one that feeds it. No more than `workers + 1` batches (accelerator: two) are read from
    `items` before the first is yielded.
    """
    if batch_size < 1:
        raise ValueError(f"Batch size {batch_size}: give at least 1.")
    on_cpu = device.type == "cpu"
    threads = _threads(on_cpu) if workers is None else workers
    load = partial(load_crop, crop=crop, cache=cache)
    if not on_cpu:
        loaded = prefetch(load, items, workers=threads, ahead=batch_size)
        for results in _batches(loaded, batch_size):
            yield forward(results)
        return

    def work_at(batch: list[ImageItem]) -> Result:
        return forward([load(item) for item in batch])

    yield from in_streams(work_at, _batches(items, batch_size), workers=threads)


def in_streams(
    work_at: Callable[[Item], Result], items: Iterable[Item], *, workers: int | None = None
) -> Iterator[Result]:
    """Yield `work_at(item)` in order, on the CPU in several threads that share the cores.

    `workers`: default one thread per core, at most four.
    """
    threads = _threads(on_cpu=True) if workers is None else workers
    before = torch.get_num_threads()
    try:
        yield from prefetch(
            work_at,
            items,
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


def _threads(on_cpu: bool) -> int:
    return min(_cores(), MOST_STREAMS) if on_cpu else _cores()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
