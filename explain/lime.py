"""LIME for pictures: which superpixels a network's output for a class depends on.

Ribeiro, Singh and Guestrin, "Why Should I Trust You?", KDD 2016, with the definitions of the lime package
0.2.0.1, from which Stock and Cissé (ECCV 2018, section 3.2) differ in writing only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from explain.explanations import (
    CONSTANT_OUTPUT,
    ONE_SUPERPIXEL,
    SuperpixelExplanation,
    Value,
    check_class,
)
from explain.masking import Hidden, MaskedPictures, hidden_picture, masked_pictures
from explain.superpixels import check_segments
from explain.surrogate import fit_surrogate, proximity

#: uint8 pictures (n, h, w, 3) on any device to probabilities (n, classes), float32.
Predict = Callable[[torch.Tensor], torch.Tensor]

Selection = Literal["all", "lasso_path"]

#: Pictures that an accelerator masks and classifies together, unless told otherwise.
DEVICE_BATCH = 100

#: Pixels that a CPU does, in all streams together: eight photographs keep LIME's memory under 150 MB.
CPU_PIXELS = 8 * 224 * 224
MOST_ON_CPU = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LimeParameters:
    """What a study reports of LIME.

    `samples`: masked pictures n, the first of which shows everything. `kernel_width`, `kernel_sqrt`: see
    `surrogate.proximity`. `hidden`: what stands where a superpixel is off. `selection`: weigh all
    superpixels, or `features` of them chosen along the lasso path. `ridge_alpha`: penalty of the weights;
    None is 1 for "all" as in the lime package, and 0 (least squares, as the paper has it) for "lasso_path".
    """

    samples: int = 1000
    kernel_width: float = 0.25
    kernel_sqrt: bool = True
    hidden: Hidden = "mean"
    selection: Selection = "all"
    features: int = 8
    ridge_alpha: float | None = None

    def __post_init__(self) -> None:
        for name, given, known in (
            ("hidden", self.hidden, get_args(Hidden)),
            ("selection", self.selection, get_args(Selection)),
        ):
            if given not in known:
                raise ValueError(f"LIME's {name} {given!r} is none of {', '.join(known)}.")
        if self.samples < 2:
            raise ValueError(f"LIME's samples is {self.samples}: give at least 2.")
        if not self.kernel_width > 0:
            raise ValueError(f"LIME's kernel_width is {self.kernel_width}: give more than 0.")
        if self.features < 1:
            raise ValueError(f"LIME's features is {self.features}: give at least 1.")
        if self.ridge_alpha is not None and not 0 <= self.ridge_alpha < float("inf"):
            raise ValueError(f"LIME's ridge_alpha is {self.ridge_alpha}: give 0 or more.")

    @property
    def alpha(self) -> float:
        """The penalty with its default filled in."""
        if self.ridge_alpha is not None:
            return self.ridge_alpha
        return 1.0 if self.selection == "all" else 0.0

    def described(self) -> dict[str, Value]:
        """Every parameter that has a part in the result, defaults filled in; JSON can hold it."""
        described: dict[str, Value] = {
            "samples": self.samples,
            "kernel_width": self.kernel_width,
            "kernel_sqrt": self.kernel_sqrt,
            "hidden": self.hidden,
            "selection": self.selection,
            "ridge_alpha": self.alpha,
        }
        if self.selection == "lasso_path":
            described["features"] = self.features
        return described


def draw_masks(seed: int, samples: int, superpixels: int) -> NDArray[np.bool_]:
    """Fair coins (samples, superpixels); the first row shows everything.

    These are the masks that `LimeImageExplainer(random_state=seed)` draws in its first `explain_instance`,
    which before them draws a number for the segmentation.
    """
    state = np.random.RandomState(seed)
    state.randint(0, high=1000)
    masks = state.randint(0, 2, samples * superpixels).reshape(samples, superpixels).astype(bool)
    masks[0] = True
    return masks


def masks_digest(masks: NDArray[np.bool_]) -> str:
    """SHA-256 of the masks, eight to a byte and each row beginning a new byte."""
    return hashlib.sha256(np.packbits(masks, axis=1).tobytes()).hexdigest()


def explain_lime(
    predict: Predict,
    pixels: NDArray[np.uint8],
    segments: NDArray[np.int32],
    classes: Sequence[int],
    parameters: LimeParameters | None = None,
    *,
    seed: int | None = None,
    masks: NDArray[np.bool_] | None = None,
    device: torch.device | str = "cpu",
    batch: int | None = None,
    streams: int = 1,
) -> tuple[SuperpixelExplanation, ...]:
    """One explanation per class in `classes`, all from the same forward passes.

    `pixels`: uint8 (h, w, 3). `segments`: labels 0..d-1 (h, w). `seed`: of the masks, in 0..2**32-1, or
    `masks` themselves, bool (samples, d) with a first row of True: give one of the two. Masked pictures are
    made on `device`, `batch` at a time (default 100; on the CPU eight of 224 x 224 pixels or more smaller
    ones, shared by the streams). `streams`: threads that each mask and classify batches of their own, for a
    CPU, where they share the cores; `predict` then has to bear being called from several threads. Beside an
    accelerator one stream is enough: its work is queued while the next batch is made.

    Raises ValueError: masks or segments that do not fit, a class that the network does not have, outputs that
    are not finite, not float32 or not one row a picture.
    """
    chosen = parameters or LimeParameters()
    superpixels = check_segments(segments, pixels)
    if not classes:
        raise ValueError("No class to explain: give at least one.")
    if (seed is None) == (masks is None):
        raise ValueError(f"Seed {seed}, masks {'not ' if masks is None else ''}given: give one of the two.")
    if masks is None:
        assert seed is not None
        masks = draw_masks(seed, chosen.samples, superpixels)
    _check_masks(masks, superpixels)
    where = torch.device(device)
    if streams < 1 or (batch is not None and batch < 1):
        raise ValueError(f"{streams} streams of batches of {batch}: give at least 1 of each.")
    size = batch or (_cpu_batch(segments.size, streams) if where.type == "cpu" else DEVICE_BATCH)
    masked = masked_pictures(pixels, segments, hidden_picture(pixels, segments, chosen.hidden), where)
    whole, outputs = _classify(predict, masked, masks, list(classes), size, streams)
    kernel = proximity(masks, chosen.kernel_width, square_root=chosen.kernel_sqrt)
    digest = masks_digest(masks)
    described = MappingProxyType(chosen.described() | {"samples": len(masks)})
    keep = chosen.features if chosen.selection == "lasso_path" else None
    explanations = []
    for column, explained in enumerate(classes):
        surrogate = fit_surrogate(masks, outputs[:, column], kernel, alpha=chosen.alpha, keep=keep)
        flags = [ONE_SUPERPIXEL] if superpixels == 1 else []
        flags += [CONSTANT_OUTPUT] if surrogate.fit is None else []
        explanations.append(
            SuperpixelExplanation(
                method="lime",
                explained_class=explained,
                weights=surrogate.weights,
                probabilities=whole,
                intercept=surrogate.intercept,
                fit=surrogate.fit,
                mask_seed=seed,
                masks_digest=digest,
                flags=tuple(flags),
                parameters=described,
            )
        )
    return tuple(explanations)


def _cpu_batch(pixels: int, streams: int) -> int:
    return max(2, min(MOST_ON_CPU, CPU_PIXELS // pixels) // streams)


def _check_masks(masks: NDArray[np.bool_], superpixels: int) -> None:
    if masks.dtype != np.bool_ or masks.ndim != 2 or masks.shape[1] != superpixels or len(masks) < 2:
        raise ValueError(
            f"Masks of type {masks.dtype} and shape {masks.shape} for {superpixels} superpixels: give bool "
            f"(samples, {superpixels}) with at least 2 samples."
        )
    if not bool(masks[0].all()):
        raise ValueError("The first mask hides superpixels: let it show all, distances are taken to it.")


def _classify(
    predict: Predict,
    masked: MaskedPictures,
    masks: NDArray[np.bool_],
    classes: list[int],
    size: int,
    streams: int,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Outputs of the whole picture (all classes,) and of every masked one for `classes` (n, chosen)."""
    batches = (masks[first : first + size] for first in range(0, len(masks), size))
    classify = partial(_classify_batch, predict, masked, classes)
    first_row: torch.Tensor | None = None
    columns = []
    for row, outputs in _in_streams(classify, batches, streams):
        first_row = row if first_row is None else first_row
        columns.append(outputs)
    assert first_row is not None
    # One wait for the device at the end, so that batches queue up there until then.
    together = torch.cat(columns).to(device="cpu", dtype=torch.float64).numpy()
    if not bool(np.isfinite(together).all()):
        raise ValueError(
            f"The network gives outputs that are not finite for masked pictures, class {classes}: check its "
            "weights and its preprocessing."
        )
    return first_row.cpu().numpy().astype(np.float32), together


def _classify_batch(
    predict: Predict, masked: MaskedPictures, classes: list[int], masks: NDArray[np.bool_]
) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.inference_mode():
        outputs = predict(masked.make(masks))
        if outputs.ndim != 2 or len(outputs) != len(masks) or outputs.dtype != torch.float32:
            raise ValueError(
                f"The predict function gave {outputs.dtype} of shape {tuple(outputs.shape)} for {len(masks)} "
                "pictures: let it return float32 (pictures, classes)."
            )
        for explained in classes:
            check_class(explained, outputs.shape[1])
        return outputs[0].clone(), outputs[:, classes]


def _in_streams(
    classify: Callable[[NDArray[np.bool_]], tuple[torch.Tensor, torch.Tensor]],
    batches: Iterator[NDArray[np.bool_]],
    streams: int,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    if streams == 1:
        yield from map(classify, batches)
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    before = torch.get_num_threads()
    start = partial(torch.set_num_threads, max(1, cores // streams))
    try:
        with ThreadPoolExecutor(streams, thread_name_prefix="lime", initializer=start) as pool:
            yield from pool.map(classify, batches)
    finally:
        # What a thread sets for itself is also what PyTorch gives to threads that start later.
        torch.set_num_threads(before)
