"""Superpixels: pictures cut into the pieces that an explanation weighs.

Quickshift: Vedaldi and Soatto, ECCV 2008, with the settings of the lime package. SLIC: Achanta et al., PAMI
2012. In pictures under about 32 pixels quickshift finds one to three pieces, so those get a grid.
"""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from explain.quickshift import quickshift

SegmentMethod = Literal["quickshift", "slic", "grid"]

#: A 16-bit PNG holds no more.
MOST_SUPERPIXELS = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmenter:
    """How a picture is cut.

    `kernel_size`, `max_dist`, `ratio`: quickshift's, as the lime package sets them; `seed` breaks its ties
    (42 is scikit-image's own, which lime therefore uses too). `pieces`, `compactness`: SLIC's. `cells`: grid
    cells along each side, fewer where a cell would be under two pixels. `smallest_side`: pictures with a
    shorter side under this many pixels get the grid, whatever `method` says.
    """

    method: SegmentMethod = "quickshift"
    kernel_size: float = 4.0
    max_dist: float = 200.0
    ratio: float = 0.2
    seed: int = 42
    pieces: int = 50
    compactness: float = 10.0
    cells: int = 8
    smallest_side: int = 32

    def __post_init__(self) -> None:
        if self.method not in get_args(SegmentMethod):
            raise ValueError(f"Segmenter {self.method!r} is none of {', '.join(get_args(SegmentMethod))}.")
        for name, value, least in (
            ("kernel_size", self.kernel_size, 1),
            ("pieces", self.pieces, 1),
            ("cells", self.cells, 1),
            ("smallest_side", self.smallest_side, 0),
            ("seed", self.seed, 0),
        ):
            if not value >= least:
                raise ValueError(f"Segmenter's {name} is {value}: give at least {least}.")
        for name, value in (("max_dist", self.max_dist), ("compactness", self.compactness)):
            if not value > 0:
                raise ValueError(f"Segmenter's {name} is {value}: give more than 0.")
        if not 0 <= self.ratio <= 1:
            raise ValueError(f"Segmenter's ratio is {self.ratio}: give 0 to 1.")

    @property
    def key(self) -> str:
        """Names everything that decides the pieces, for caching; fit for a file name."""
        grid = f"grid-c{self.cells}"
        library = version("scikit-image")
        if self.method == "grid":
            return grid
        small = f"-under{self.smallest_side}-{grid}-skimage{library}"
        if self.method == "slic":
            return f"slic-n{self.pieces}-c{self.compactness:g}{small}"
        own = f"quickshift-k{self.kernel_size:g}-d{self.max_dist:g}-r{self.ratio:g}-s{self.seed}"
        return own + small


def segment(pixels: NDArray[np.uint8], segmenter: Segmenter | None = None) -> NDArray[np.int32]:
    """The superpixel of every pixel: uint8 RGB (h, w, 3) to int32 labels (h, w), 0..d-1 with none missing."""
    chosen = segmenter or Segmenter()
    check_pixels(pixels)
    if chosen.method == "grid" or min(pixels.shape[:2]) < chosen.smallest_side:
        return _grid(pixels.shape[0], pixels.shape[1], chosen.cells)
    if chosen.method == "quickshift":
        return quickshift(
            pixels,
            kernel_size=chosen.kernel_size,
            max_dist=chosen.max_dist,
            ratio=chosen.ratio,
            seed=chosen.seed,
        )
    # Loading it takes a second that a picture with a stored segmentation need not wait for.
    from skimage.segmentation import slic

    labels = slic(pixels, n_segments=chosen.pieces, compactness=chosen.compactness, start_label=0)
    compact = np.unique(labels, return_inverse=True)[1]
    return compact.reshape(labels.shape).astype(np.int32)


def segment_ahead(
    pictures: Iterable[NDArray[np.uint8]],
    segmenter: Segmenter | None = None,
    *,
    workers: int | None = None,
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int32]]]:
    """Each picture with its superpixels, in order, while threads work on the pictures that follow.

    Threads and not processes: nearly all of the time is spent without the interpreter's lock. `workers`:
    default one per core; as many pictures are held ahead. An error is raised at its picture.
    """
    threads = workers or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
    source = iter(pictures)
    with ThreadPoolExecutor(threads, thread_name_prefix="segment") as pool:
        pending: deque[tuple[NDArray[np.uint8], Future[NDArray[np.int32]]]] = deque(
            (picture, pool.submit(segment, picture, segmenter)) for picture in islice(source, threads)
        )
        try:
            while pending:
                picture, labels = pending.popleft()
                done = labels.result()
                pending.extend((one, pool.submit(segment, one, segmenter)) for one in islice(source, 1))
                yield picture, done
        finally:
            for _, waiting in pending:
                waiting.cancel()


def encode_segments(segments: NDArray[np.int32]) -> bytes:
    """Labels (h, w) as a 16-bit greyscale PNG, without loss."""
    superpixels = check_segments(segments)
    if superpixels > MOST_SUPERPIXELS:
        raise ValueError(
            f"{superpixels} superpixels do not fit a 16-bit picture: cut into {MOST_SUPERPIXELS} at most."
        )
    file = io.BytesIO()
    Image.fromarray(segments.astype(np.uint16)).save(file, "PNG", optimize=False)
    return file.getvalue()


def decode_segments(data: bytes) -> NDArray[np.int32]:
    """Labels (h, w) from what `encode_segments` wrote."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            mode, values = picture.mode, np.asarray(picture)
    except (OSError, SyntaxError) as error:
        raise ValueError(
            f"This segment map is no readable PNG ({error}): segment the picture again."
        ) from error
    if not mode.startswith("I"):
        raise ValueError(f"This segment map is a PNG of mode {mode}, not of 16-bit grey: segment again.")
    segments = values.astype(np.int32)
    check_segments(segments)
    return segments


def check_pixels(pixels: NDArray[np.uint8]) -> None:
    """Raise ValueError unless this is an 8-bit RGB picture (h, w, 3)."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(
            f"A picture of type {pixels.dtype} and shape {pixels.shape}: give 8-bit RGB, uint8 (h, w, 3)."
        )


def check_segments(segments: NDArray[np.int32], pixels: NDArray[np.uint8] | None = None) -> int:
    """The number of superpixels d; raises ValueError unless all of 0..d-1 occur, and on `pixels`' shape."""
    if segments.ndim != 2 or not np.issubdtype(segments.dtype, np.integer) or segments.size == 0:
        raise ValueError(
            f"Segments of type {segments.dtype} and shape {segments.shape}: give whole numbers (h, w)."
        )
    if pixels is not None:
        check_pixels(pixels)
        if segments.shape != pixels.shape[:2]:
            raise ValueError(
                f"Segments of {segments.shape} pixels do not fit a picture of {pixels.shape[:2]}: "
                "segment this picture itself."
            )
    least, most = int(segments.min()), int(segments.max())
    missing = least != 0 or most >= segments.size
    if missing or not bool(np.bincount(segments.reshape(-1), minlength=most + 1).all()):
        raise ValueError(
            f"Segments are numbered from {least} to {most} with gaps: number them 0..d-1 with none missing."
        )
    return most + 1


def _grid(height: int, width: int, cells: int) -> NDArray[np.int32]:
    down, across = (max(1, min(cells, side // 2)) for side in (height, width))
    rows = np.arange(height) * down // height
    columns = np.arange(width) * across // width
    return (rows[:, None] * across + columns[None, :]).astype(np.int32)
