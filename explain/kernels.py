"""The RBF kernel over features, row by row and in blocks: no n x n matrix but for small sets."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

#: Elements of the largest block of the kernel that is computed at a time: 8 MiB of float64.
BLOCK_ELEMENTS = 2**20

#: Elements of a whole kernel that is kept, as every pick reads a row: 256 MiB of float64, 5,792 points.
KEPT_ELEMENTS = 2**25

#: Above so many points the median distance is that of as many of them, evenly spaced in their order.
MEDIAN_POINTS = 3000


class ConstantFeaturesError(ValueError):
    """Features that do not tell their points apart, so that no kernel width follows from them."""


class Kernel(Protocol):
    """A symmetric positive semi-definite kernel over n points, as greedy selection asks for it."""

    def __len__(self) -> int:
        """How many points."""

    def row(self, index: int) -> Tensor:
        """k(x_index, x_i) for all i: (n,) on the kernel's device."""

    def column_means(self) -> Tensor:
        """(1/n) sum_i k(x_i, x_l) for all l: (n,) on the kernel's device."""

    def diagonal(self) -> Tensor:
        """k(x_i, x_i): (n,) on the kernel's device."""


@dataclass(frozen=True, slots=True)
class RbfKernel:
    """exp(-gamma |x - y|^2) over the rows of `points` (n, d), computed when it is asked for.

    Make it with `rbf_kernel`. `centred`: the points less their mean, which changes no distance and loses
    fewer digits in |x|^2 + |y|^2 - 2xy; `squares`: their squared lengths (n,).
    """

    centred: Tensor = field(repr=False)
    squares: Tensor = field(repr=False)
    gamma: float

    def __len__(self) -> int:
        """How many points."""
        return len(self.centred)

    def row(self, index: int) -> Tensor:
        """k(x_index, x_i) for all i: (n,), in O(n d)."""
        differences = self.squares + self.squares[index] - 2 * (self.centred @ self.centred[index])
        row = torch.exp(differences.clamp_min_(0).mul_(-self.gamma))
        row[index] = 1
        return row

    def column_means(self) -> Tensor:
        """(1/n) sum_i k(x_i, x_l) for all l: (n,), from the blocks of one triangle, summed in float64."""
        # The device's widest sum: MPS has no float64.
        wide = torch.float32 if self.centred.device.type == "mps" else torch.float64
        sums = torch.zeros(len(self), dtype=wide, device=self.centred.device)
        for rows, columns, block in self._blocks():
            sums[columns] += block.sum(dim=0, dtype=wide)
            if columns != rows:
                sums[rows] += block.sum(dim=1, dtype=wide)
        return (sums / len(self)).to(self.centred.dtype)

    def diagonal(self) -> Tensor:
        """Ones."""
        return torch.ones_like(self.squares)

    def held(self) -> Kernel:
        """The same kernel as a matrix where that has at most KEPT_ELEMENTS, else itself."""
        count = len(self)
        if count * count > KEPT_ELEMENTS:
            return self
        matrix = self.centred.new_empty((count, count))
        for rows, columns, block in self._blocks():
            matrix[rows, columns] = block
            if columns != rows:
                matrix[columns, rows] = block.T
        return MatrixKernel(matrix)

    def _blocks(self) -> Iterator[tuple[slice, slice, Tensor]]:
        """The blocks of the upper triangle with their rows and columns."""
        side = max(1, math.isqrt(BLOCK_ELEMENTS))
        for first in range(0, len(self), side):
            rows = slice(first, first + side)
            for second in range(first, len(self), side):
                columns = slice(second, second + side)
                yield rows, columns, self._block(rows, columns)

    def _block(self, rows: slice, columns: slice) -> Tensor:
        block = _squared_distances(
            self.centred[rows], self.centred[columns], self.squares[rows], self.squares[columns]
        ).mul_(-self.gamma)
        block.exp_()
        if rows == columns:
            block.fill_diagonal_(1)
        return block


@dataclass(frozen=True, slots=True)
class MatrixKernel:
    """A kernel that is a matrix (n, n) already: for small sets and other kernels than RBF."""

    matrix: Tensor = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no square matrix."""
        if self.matrix.ndim != 2 or self.matrix.shape[0] != self.matrix.shape[1]:
            raise ValueError(f"A kernel matrix is square, not of shape {tuple(self.matrix.shape)}.")

    def __len__(self) -> int:
        """How many points."""
        return len(self.matrix)

    def row(self, index: int) -> Tensor:
        """One row of the matrix."""
        return self.matrix[index]

    def column_means(self) -> Tensor:
        """Means by column, taken by row: they are the same, and rows lie together in memory."""
        return self.matrix.mean(dim=1)

    def diagonal(self) -> Tensor:
        """The matrix's diagonal."""
        return self.matrix.diagonal()


def rbf_kernel(points: Tensor, gamma: float | None = None) -> RbfKernel:
    """The RBF kernel over `points` (n, d), on their device and in their type.

    `gamma` is 1 / the median squared distance between two points unless given. Raises
    ConstantFeaturesError where that median is 0, ValueError for points or a gamma that are not finite.
    """
    _check(points)
    centred = points - points.mean(dim=0)
    if gamma is None:
        gamma = 1 / median_squared_distance(centred)
    if not (math.isfinite(gamma) and gamma > 0):
        raise ValueError(f"Gamma {gamma} is no width of a kernel: give a number above 0.")
    return RbfKernel(centred, centred.square().sum(dim=1), gamma)


def median_squared_distance(points: Tensor) -> float:
    """The median of |x_i - x_j|^2 over pairs i < j of the rows of `points` (n, d).

    Over all pairs of up to MEDIAN_POINTS points; of more, over all pairs of MEDIAN_POINTS of them at even
    distances in their order. Raises ConstantFeaturesError where it is 0.
    """
    _check(points)
    if len(points) < 2:
        raise ConstantFeaturesError("One point has no distance to another: give at least two images.")
    if len(points) > MEDIAN_POINTS:
        spaced = torch.linspace(0, len(points) - 1, MEDIAN_POINTS, dtype=torch.float64).round().long()
        points = points[spaced.to(points.device)]
    precision = torch.finfo(points.dtype).eps
    # What rounding leaves of points that are equal: of the mean, and of squared lengths.
    of_mean = points.shape[1] * (2 * precision * float(points.abs().max())) ** 2
    centred = points - points.mean(dim=0)
    squares = centred.square().sum(dim=1)
    longest = float(squares.max())
    if longest <= of_mean:
        raise ConstantFeaturesError(
            f"All {len(points):,} images have the same features, so nothing tells them apart: check the "
            "layer and the images."
        )
    distances = _squared_distances(centred, centred, squares, squares)
    above = torch.ones_like(distances, dtype=torch.bool).triu_(diagonal=1)
    median = float(np.median(distances[above].cpu().numpy()))
    if median <= max(of_mean, 8 * precision * longest):
        raise ConstantFeaturesError(
            f"More than half of the pairs among {len(points):,} images have the same features, so their "
            "median distance is 0: check the layer, take repeated images out, or give gamma."
        )
    return median


def repeated_points(points: Tensor) -> tuple[tuple[int, int], ...]:
    """Points whose features are exactly those of an earlier one: (index, first index with the same row)."""
    firsts: dict[bytes, int] = {}
    repeated = []
    for index, row in enumerate(points.cpu().numpy()):
        first = firsts.setdefault(hashlib.blake2b(row.tobytes(), digest_size=16).digest(), index)
        if first != index:
            repeated.append((index, first))
    return tuple(repeated)


def _squared_distances(
    first: Tensor, second: Tensor, first_squares: Tensor, second_squares: Tensor
) -> Tensor:
    """|x - y|^2 for all pairs, never below 0."""
    block = torch.addmm(second_squares, first, second.T, alpha=-2)
    return block.add_(first_squares[:, None]).clamp_min_(0)


def _check(points: Tensor) -> None:
    if points.ndim != 2 or not points.is_floating_point():
        raise ValueError(f"Features are rows of numbers, (n, d), not {tuple(points.shape)} {points.dtype}.")
    finite = torch.isfinite(points).all(dim=1)
    if not bool(finite.all()):
        first = int((~finite).nonzero()[0])
        raise ValueError(f"The features of image {first} (from 0) are not finite: compute them again.")
