"""Pictures resized in batches on their device, as Pillow resizes them: two passes, each rounded to 8 bits.

A pass is a multiplication by a matrix of filter weights, so that it is the same on every device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from inference.crops import Interpolation


def resized(pixels: torch.Tensor, side: int, interpolation: Interpolation) -> torch.Tensor:
    """8-bit RGB pictures (n, height, width, 3) as (n, side, side, 3); the same pixels where nothing changes.

    Filters are widened when a picture shrinks (antialiasing). Pixels are Pillow's, but for exact halves: its
    fixed-point weights may round those to the other side.
    """
    height, width = pixels.shape[1:3]
    if (height, width) == (side, side):
        return pixels
    # Columns first, as Pillow: the rounding between the passes is part of the result.
    planes = pixels.permute(0, 3, 1, 2).to(torch.float32)
    if width != side:
        planes = _rounded(planes @ _matrix(width, side, interpolation, pixels.device).T)
    if height != side:
        planes = _rounded(_matrix(height, side, interpolation, pixels.device) @ planes)
    return planes.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def resampling_weights(source: int, target: int, interpolation: Interpolation) -> NDArray[np.float64]:
    """Weights [target, source] of one pass: how much of every old line is in each new one; rows sum to 1."""
    scale = source / target
    if interpolation == "nearest":
        nearest = np.zeros((target, source))
        nearest[np.arange(target), ((np.arange(target) + 0.5) * scale).astype(np.int64)] = 1.0
        return nearest
    curve, reach = _FILTERS[interpolation]
    widening = max(scale, 1.0)
    weights = np.zeros((target, source))
    for line in range(target):
        centre = (line + 0.5) * scale
        first = max(int(centre - reach * widening + 0.5), 0)
        last = min(int(centre + reach * widening + 0.5), source)
        places = (np.arange(first, last) - centre + 0.5) / widening
        weights[line, first:last] = [curve(place) for place in places]
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def area_resized(planes: torch.Tensor, side: int) -> torch.Tensor:
    """Float planes (n, c, height, width) as (n, c, side, side): every new pixel is the mean over its area."""
    height, width = planes.shape[2:]
    if (height, width) == (side, side):
        return planes
    across, down = (_area_matrix(lines, side, planes.device) for lines in (width, height))
    return down @ (planes @ across.T)


def area_weights(source: int, target: int) -> NDArray[np.float64]:
    """Weights [target, source]: the share of each new line that each old one covers; rows sum to 1."""
    edges = np.arange(target + 1) * (source / target)
    first = np.maximum(edges[:-1, None], np.arange(source))
    last = np.minimum(edges[1:, None], np.arange(source) + 1)
    covered: NDArray[np.float64] = np.clip(last - first, 0.0, None) * (target / source)
    return covered


def _box(place: float) -> float:
    return 1.0 if -0.5 < place <= 0.5 else 0.0


def _triangle(place: float) -> float:
    return max(0.0, 1.0 - abs(place))


def _cubic(place: float) -> float:
    """Keys's cubic convolution with a = -0.5."""
    x = abs(place)
    if x < 1.0:
        return (1.5 * x - 2.5) * x * x + 1.0
    return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0 if x < 2.0 else 0.0


def _lanczos(place: float) -> float:
    return _sinc(place) * _sinc(place / 3.0) if abs(place) < 3.0 else 0.0


def _sinc(x: float) -> float:
    return 1.0 if x == 0.0 else math.sin(math.pi * x) / (math.pi * x)


#: Each filter's curve, and how far it reaches on either side.
_FILTERS: dict[str, tuple[Callable[[float], float], float]] = {
    "box": (_box, 0.5),
    "bilinear": (_triangle, 1.0),
    "bicubic": (_cubic, 2.0),
    "lanczos": (_lanczos, 3.0),
}


@lru_cache(maxsize=256)
def _matrix(source: int, target: int, interpolation: Interpolation, device: torch.device) -> torch.Tensor:
    weights = resampling_weights(source, target, interpolation)
    return torch.from_numpy(weights.astype(np.float32)).to(device)


@lru_cache(maxsize=16)
def _area_matrix(source: int, target: int, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(area_weights(source, target).astype(np.float32)).to(device)


def _rounded(planes: torch.Tensor) -> torch.Tensor:
    return planes.add_(0.5).floor_().clamp_(0.0, 255.0)
