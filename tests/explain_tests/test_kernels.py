"""The RBF kernel in blocks against the formula, its width, and features that give none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from explain import kernels
from explain.kernels import (
    ConstantFeaturesError,
    MatrixKernel,
    median_squared_distance,
    rbf_kernel,
    repeated_points,
)


def points(count: int, dimensions: int, *, seed: int = 0, shift: float = 0.0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(count, dimensions)) + shift)


def by_formula(x: torch.Tensor, gamma: float) -> torch.Tensor:
    return torch.exp(-gamma * (x[:, None, :] - x[None, :, :]).square().sum(dim=2))


@pytest.mark.parametrize("block", [1, 9, 49, 2**20])
def test_rows_and_means_are_the_formulas_whatever_the_block(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "BLOCK_ELEMENTS", block)
    x = points(23, 4)
    kernel = rbf_kernel(x, 0.3)
    expected = by_formula(x, 0.3)
    assert torch.allclose(torch.stack([kernel.row(i) for i in range(23)]), expected, atol=1e-12)
    assert torch.allclose(kernel.column_means(), expected.mean(dim=0), atol=1e-12)
    assert torch.equal(kernel.diagonal(), torch.ones(23, dtype=torch.float64))
    held = kernel.held()
    assert isinstance(held, MatrixKernel)
    assert torch.allclose(held.matrix, expected, atol=1e-12)
    matrix = MatrixKernel(expected)
    assert torch.allclose(matrix.column_means(), kernel.column_means(), atol=1e-12)
    assert torch.equal(matrix.diagonal(), kernel.diagonal())


def test_features_far_from_zero_lose_no_digits() -> None:
    x = points(30, 8, shift=1000.0).float()
    kernel = rbf_kernel(x, 0.1)
    expected = by_formula(x.double(), 0.1)
    got = torch.stack([kernel.row(i) for i in range(30)]).double()
    assert (got - expected).abs().max() < 1e-4


def test_gamma_is_one_over_the_median_squared_distance() -> None:
    # Squared distances 1, 9 and 16: the median is 9.
    x = torch.tensor([[0.0], [1.0], [4.0]], dtype=torch.float64)
    assert median_squared_distance(x) == pytest.approx(9)
    assert rbf_kernel(x).gamma == pytest.approx(1 / 9)
    assert rbf_kernel(x, 2.0).gamma == 2.0


def test_of_many_points_the_median_is_that_of_evenly_spaced_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    x = points(101, 3)
    monkeypatch.setattr(kernels, "MEDIAN_POINTS", 11)
    spaced = x[::10]
    distances = [float((spaced[i] - spaced[j]).square().sum()) for i in range(11) for j in range(i)]
    assert median_squared_distance(x) == pytest.approx(np.median(distances))


@pytest.mark.parametrize("value", [0.0, 1e-3, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_features_are_refused(value: float, dtype: torch.dtype) -> None:
    with pytest.raises(ConstantFeaturesError, match="All 7 images have the same features"):
        rbf_kernel(torch.full((7, 5), value, dtype=dtype))


def test_features_that_are_mostly_the_same_are_refused() -> None:
    x = torch.ones((9, 2))
    x[0] = 5
    with pytest.raises(ConstantFeaturesError, match="More than half of the pairs among 9 images"):
        rbf_kernel(x)


def test_features_that_are_not_finite_name_the_first_image() -> None:
    x = points(5, 2)
    x[3, 1] = float("nan")
    with pytest.raises(ValueError, match=r"image 3 \(from 0\) are not finite"):
        rbf_kernel(x, 1.0)


@pytest.mark.parametrize("gamma", [0.0, -1.0, float("nan"), float("inf")])
def test_a_gamma_that_is_no_width_is_refused(gamma: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        rbf_kernel(points(5, 2), gamma)


def test_repeated_points_name_the_first_of_their_kind() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [3.0, 4.1], [1.0, 2.0]])
    assert repeated_points(x) == ((2, 0), (4, 0))


def test_a_large_kernel_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "KEPT_ELEMENTS", 100)
    assert isinstance(rbf_kernel(points(10, 2), 1.0).held(), MatrixKernel)
    large = rbf_kernel(points(11, 2), 1.0)
    assert large.held() is large
