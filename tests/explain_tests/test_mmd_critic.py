"""Every greedy step against brute force over all candidates, and prototypes against `mmd-critic`."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmd_critic import MMDCritic
from mmd_critic.kernels import RBFKernel

from explain.kernels import MatrixKernel, rbf_kernel
from explain.mmd_critic import select_criticisms, select_prototypes


def objective(matrix: torch.Tensor, chosen: list[int]) -> float:
    """J(S) as written, in O(n |S| + |S|^2)."""
    n, size = len(matrix), len(chosen)
    near = 2 / (n * size) * sum(float(matrix[i, j]) for i in range(n) for j in chosen)
    within = 1 / size**2 * sum(float(matrix[i, j]) for i in chosen for j in chosen)
    return near - within


def criticism_value(
    matrix: torch.Tensor, prototypes: tuple[int, ...], chosen: list[int], weight: float
) -> float:
    """L(C) as written."""
    n, m = len(matrix), len(prototypes)
    value = 0.0
    for index in chosen:
        mean = sum(float(matrix[i, index]) for i in range(n)) / n
        near = sum(float(matrix[j, index]) for j in prototypes) / m
        value += abs(mean - near)
    return value + weight * float(torch.logdet(matrix[chosen][:, chosen]))


def data(seed: int, count: int, dimensions: int = 3) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, dimensions)))


def dense(x: torch.Tensor, gamma: float) -> torch.Tensor:
    return torch.exp(-gamma * (x[:, None] - x[None]).square().sum(dim=2))


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), count=st.integers(4, 9), gamma=st.floats(0.05, 3))
def test_every_prototype_is_the_best_of_all_candidates(seed: int, count: int, gamma: float) -> None:
    x = data(seed, count)
    matrix = dense(x, gamma)
    found = select_prototypes(rbf_kernel(x, gamma), count)
    chosen: list[int] = []
    for step, value in zip(found.steps, found.objective, strict=True):
        values = {each: objective(matrix, [*chosen, each]) for each in range(count) if each not in chosen}
        assert values[step.index] == pytest.approx(max(values.values()), abs=1e-10)
        assert value == pytest.approx(values[step.index], abs=1e-10)
        before = objective(matrix, chosen) if chosen else 0.0
        assert step.gain == pytest.approx(value - before, abs=1e-10)
        chosen.append(step.index)
    assert sorted(chosen) == list(range(count))


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(5, 9),
    gamma=st.floats(0.05, 3),
    weight=st.sampled_from([0.0, 1e-5, 0.01, 1.0]),
)
def test_every_criticism_is_the_best_of_all_candidates(
    seed: int, count: int, gamma: float, weight: float
) -> None:
    x = data(seed, count)
    matrix = dense(x, gamma)
    kernel = rbf_kernel(x, gamma)
    prototypes = select_prototypes(kernel, 2)
    found = select_criticisms(kernel, prototypes, count - 2, weight=weight)
    chosen: list[int] = []
    for step in found.steps:
        left = [each for each in range(count) if each not in (*chosen, *prototypes.indices)]
        values = {each: criticism_value(matrix, prototypes.indices, [*chosen, each], weight) for each in left}
        assert values[step.index] == pytest.approx(max(values.values()), abs=1e-8)
        before = criticism_value(matrix, prototypes.indices, chosen, weight) if chosen else 0.0
        assert step.gain == pytest.approx(values[step.index] - before, abs=1e-8)
        chosen.append(step.index)
    assert len(chosen) == count - 2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("count", "dimensions"), [(60, 5), (300, 20)])
def test_prototypes_are_those_of_the_mmd_critic_package(seed: int, count: int, dimensions: int) -> None:
    x = data(seed, count, dimensions)
    sigma = math.sqrt(dimensions)
    theirs = MMDCritic(x.numpy(), RBFKernel(sigma), labels=np.arange(count))
    _, labels = theirs.select_prototypes(25)
    ours = select_prototypes(rbf_kernel(x, 1 / (2 * sigma**2)), 25)
    assert list(ours.indices) == labels.tolist()


def test_without_a_regulariser_criticisms_are_those_of_the_mmd_critic_package() -> None:
    x = data(7, 120, 6)
    theirs = MMDCritic(x.numpy(), RBFKernel(2.0), labels=np.arange(120))
    prototypes, _ = theirs.select_prototypes(8)
    _, labels = theirs.select_criticisms(10, prototypes, regularization=None)
    kernel = rbf_kernel(x, 1 / 8)
    ours = select_criticisms(kernel, select_prototypes(kernel, 8), 10, weight=0.0)
    assert list(ours.indices) == labels.tolist()


def test_the_regulariser_spreads_criticisms_apart() -> None:
    """Two pairs of near-copies far from the rest: weight 1 takes one of each, weight 0 both of the worst."""
    rng = np.random.default_rng(3)
    crowd = rng.normal(scale=0.1, size=(30, 2))
    outside = np.array([[3.0, 0.0], [3.001, 0.0], [0.0, 2.5], [0.001, 2.5]])
    x = torch.from_numpy(np.concatenate([crowd, outside]))
    kernel = rbf_kernel(x, 0.5)
    prototypes = select_prototypes(kernel, 2, without=range(30, 34))
    spread = select_criticisms(kernel, prototypes, 2, weight=1.0, without=range(30))
    assert {index // 2 for index in spread.indices} == {15, 16}
    greedy = select_criticisms(kernel, prototypes, 2, weight=0.0, without=range(30))
    assert len({index // 2 for index in greedy.indices}) == 1


def test_a_copy_of_a_criticism_is_never_another_criticism() -> None:
    x = torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.0], [9.0]], dtype=torch.float64)
    kernel = rbf_kernel(x, 0.5)
    prototypes = select_prototypes(kernel, 3, without=[3, 4, 5])
    found = select_criticisms(kernel, prototypes, 3, weight=1e-5)
    assert set(found.indices) == {3, 5}


def test_the_witness_is_the_mean_kernel_less_that_of_the_prototypes_and_the_first_criticism_its_extreme() -> (
    None
):
    x = torch.tensor([[0.0], [0.1], [0.2], [3.0], [3.1], [9.0]], dtype=torch.float64)
    kernel = rbf_kernel(x, 1.0)
    matrix = dense(x, 1.0)
    found = select_prototypes(kernel, 2)
    assert found.indices == (1, 3)
    expected = (matrix.mean(dim=0) - (matrix[1] + matrix[3]) / 2).numpy()
    assert found.witness == pytest.approx(expected, abs=1e-12)
    left = [0, 2, 4, 5]
    extreme = left[int(np.abs(expected[left]).argmax())]
    assert select_criticisms(kernel, found, 1, weight=0.0).indices == (extreme,)


def test_of_equal_candidates_the_first_is_taken_and_the_others_are_named() -> None:
    """Four corners of a square are the same to one another."""
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    matrix = torch.zeros((4, 4), dtype=torch.float64)
    for first, second in itertools.product(range(4), repeat=2):
        matrix[first, second] = math.exp(-float((x[first] - x[second]).square().sum()))
    found = select_prototypes(MatrixKernel(matrix), 1)
    assert found.indices == (0,)
    assert found.steps[0].tied_with == (1, 2, 3)


def test_single_precision_gives_the_same_picks() -> None:
    x = data(11, 200, 16)
    both = []
    for dtype in (torch.float32, torch.float64):
        kernel = rbf_kernel(x.to(dtype), 0.03)
        prototypes = select_prototypes(kernel, 6)
        both.append((prototypes.indices, select_criticisms(kernel, prototypes, 6, weight=1e-5).indices))
    assert both[0] == both[1]


@pytest.mark.parametrize("count", [0, 5])
def test_more_prototypes_than_points_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} prototypes of 4 points"):
        select_prototypes(rbf_kernel(data(0, 6), 1.0), count, without=[1, 2])


def test_more_criticisms_than_points_are_refused() -> None:
    kernel = rbf_kernel(data(0, 6), 1.0)
    prototypes = select_prototypes(kernel, 3)
    assert select_criticisms(kernel, prototypes, 0, weight=1.0).indices == ()
    with pytest.raises(ValueError, match="4 criticisms of 3 points"):
        select_criticisms(kernel, prototypes, 4, weight=1.0)


@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    kernel = rbf_kernel(data(0, 6), 1.0)
    with pytest.raises(ValueError, match="regulariser"):
        select_criticisms(kernel, select_prototypes(kernel, 2), 1, weight=weight)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_accelerator_picks_the_same() -> None:
    x = data(5, 400, 32)
    here, there = rbf_kernel(x, 0.02), rbf_kernel(x.cuda(), 0.02)
    prototypes, remote = select_prototypes(here, 10), select_prototypes(there, 10)
    assert prototypes.indices == remote.indices
    assert (
        select_criticisms(here, prototypes, 10, weight=1e-5).indices
        == select_criticisms(there, remote, 10, weight=1e-5).indices
    )
