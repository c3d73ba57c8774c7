"""MMD-critic: prototypes that stand for a set, and criticisms where they do not.

Kim, Khanna and Koyejo, "Examples are not enough, learn to criticize!", NeurIPS 2016. Both greedy searches are
exact: at every step the candidate with the largest gain is taken, of equal ones the first. What a step needs
is kept up to date, so that m picks of n points take O(n m) for prototypes and O(n m^2) for criticisms, beside
the kernel's column means and one of its rows per pick.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explain.kernels import Kernel

#: Of k(x, x): what a candidate adds to the criticisms before it is rounding below this, or below some
#: units of the type's precision.
SINGULAR = 1e-10
PRECISION_UNITS = 16


@dataclass(frozen=True, slots=True)
class Step:
    """One pick: its position among the points, what it added, and who else would have added exactly that."""

    index: int
    gain: float
    tied_with: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Prototypes:
    """Prototypes in the order of selection.

    `objective`: J after each step. `witness`: (n,) the witness function (1/n) sum_i k(x_i, x) - (1/m) sum_j
    k(s_j, x) of these m prototypes at every point: far from 0 where they represent the points badly.
    """

    steps: tuple[Step, ...]
    objective: tuple[float, ...]
    witness: NDArray[np.float64] = field(repr=False)

    @property
    def indices(self) -> tuple[int, ...]:
        """Positions of the prototypes among the points."""
        return tuple(step.index for step in self.steps)


@dataclass(frozen=True, slots=True)
class Criticisms:
    """Criticisms in the order of selection; fewer than asked for where no candidate adds anything new."""

    steps: tuple[Step, ...]

    @property
    def indices(self) -> tuple[int, ...]:
        """Positions of the criticisms among the points."""
        return tuple(step.index for step in self.steps)


def select_prototypes(kernel: Kernel, count: int, *, without: Sequence[int] = ()) -> Prototypes:
    """Greedily maximise J(S) = (2/(n|S|)) sum_ij k(x_i, s_j) - (1/|S|^2) sum_jl k(s_j, s_l).

    J is the squared maximum mean discrepancy between the points and S, up to sign and a constant. Points in
    `without` are never picked but are points all the same. Raises ValueError where fewer than `count` can be
    picked.
    """
    total = len(kernel)
    _check_count(count, total - len(set(without)), "prototypes")
    means, diagonal = kernel.column_means(), kernel.diagonal()
    candidate = _candidates(means, without)
    # Sums over the prototypes so far: of k(s, x) at every x, of their column means, of k between them.
    sums = torch.zeros_like(means)
    mean_sum = within = value = 0.0
    steps: list[Step] = []
    objective: list[float] = []
    for size in range(1, count + 1):
        # J(S + x) rises with this by the factor 1 / size; what no candidate changes is left out.
        scores = 2 * means - (2 * sums + diagonal) / size
        index, tied = _best(scores, candidate)
        mean_sum += float(means[index])
        within += 2 * float(sums[index]) + float(diagonal[index])
        after = 2 * mean_sum / size - within / size**2
        steps.append(Step(index, after - value, tied))
        objective.append(after)
        value = after
        sums = sums + kernel.row(index)
        candidate[index] = False
    witness = means - sums / count
    return Prototypes(tuple(steps), tuple(objective), witness.double().cpu().numpy())


def select_criticisms(
    kernel: Kernel,
    prototypes: Prototypes,
    count: int,
    *,
    weight: float,
    without: Sequence[int] = (),
) -> Criticisms:
    """Greedily maximise L(C) = sum_{l in C} |witness(x_l)| + weight log det K_CC.

    The log det's gain of adding l is log(k_ll - k_lC K_CC^-1 k_Cl), kept up to date as the remainder of a
    pivoted Cholesky factorisation. Prototypes and points in `without` are never picked, nor is what would
    make K_CC singular: a copy of a criticism. Raises ValueError where fewer than `count` candidates are left.
    """
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError(f"Weight {weight} of the regulariser: give a number from 0 on.")
    excluded = {*without, *prototypes.indices}
    _check_count(count, len(kernel) - len(excluded), "criticisms", least=0)
    diagonal = kernel.diagonal()
    witness = torch.from_numpy(np.abs(prototypes.witness)).to(diagonal)
    candidate = _candidates(witness, excluded)
    remainder = diagonal.clone()
    singular = max(SINGULAR, PRECISION_UNITS * torch.finfo(remainder.dtype).eps) * diagonal
    factors = witness.new_empty((count, len(kernel)))
    steps: list[Step] = []
    for size in range(count):
        candidate &= remainder > singular
        if not bool(candidate.any()):
            break
        gains = witness + weight * torch.log(remainder.clamp_min(torch.finfo(remainder.dtype).tiny))
        index, tied = _best(gains, candidate)
        steps.append(Step(index, float(gains[index]), tied))
        before = factors[:size]
        factor = (kernel.row(index) - before[:, index] @ before) / remainder[index].sqrt()
        factors[size] = factor
        remainder = remainder - factor.square()
        candidate[index] = False
    return Criticisms(tuple(steps))


def _best(scores: Tensor, candidate: Tensor) -> tuple[int, tuple[int, ...]]:
    """The first candidate with the largest score, and the others that have exactly the same."""
    scores = scores.masked_fill(~candidate, -math.inf)
    best = (scores == scores.max()).nonzero().flatten().tolist()
    return best[0], tuple(best[1:])


def _candidates(like: Tensor, without: Sequence[int] | set[int]) -> Tensor:
    candidate = torch.ones_like(like, dtype=torch.bool)
    if without:
        candidate[torch.tensor(sorted(set(without)), device=like.device)] = False
    return candidate


def _check_count(count: int, available: int, what: str, *, least: int = 1) -> None:
    if not least <= count <= available:
        raise ValueError(
            f"{count} {what} of {available} points that can be picked: ask for {least} to {available}."
        )
