"""The weighted linear model that LIME fits to a network's outputs around one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """output = intercept + masks @ weights. `fit`: weighted R², None where the outputs do not vary."""

    weights: NDArray[np.float64]
    intercept: float
    fit: float | None


def proximity(masks: NDArray[np.bool_], width: float, *, square_root: bool) -> NDArray[np.float64]:
    """Kernel weight (n,) of each mask: exp(-D²/width²), under a square root as the lime package has it.

    D is the cosine distance to the mask that shows everything: 1 - sqrt(share of superpixels shown).
    """
    distances = 1.0 - np.sqrt(masks.mean(axis=1))
    kernel: NDArray[np.float64] = np.exp(-(distances**2) / width**2)
    return np.sqrt(kernel) if square_root else kernel


def fit_surrogate(
    masks: NDArray[np.bool_],
    outputs: NDArray[np.float64],
    kernel: NDArray[np.float64],
    *,
    alpha: float,
    keep: int | None = None,
) -> Surrogate:
    """Weighted ridge regression of outputs (n,) on masks (n, d); `alpha` 0 is least squares.

    `keep`: choose up to this many superpixels along the lasso path first (Ribeiro et al. 2016, K-Lasso); the
    others get weight 0. The intercept is not penalised.
    """
    features = masks.astype(np.float64)
    if outputs.min() == outputs.max():
        return Surrogate(np.zeros(features.shape[1]), float(outputs[0]), None)
    chosen = np.arange(features.shape[1]) if keep is None else _along_lasso(features, outputs, kernel, keep)
    weights = np.zeros(features.shape[1])
    mean = np.average(features, axis=0, weights=kernel)
    centre = float(np.average(outputs, weights=kernel))
    root = np.sqrt(kernel)[:, None]
    left = (features[:, chosen] - mean[chosen]) * root
    right = (outputs - centre) * root[:, 0]
    if alpha > 0:
        gram = left.T @ left
        gram[np.diag_indices_from(gram)] += alpha
        weights[chosen] = np.linalg.solve(gram, left.T @ right)
    else:
        weights[chosen] = np.linalg.lstsq(left, right, rcond=None)[0]
    intercept = centre - float(mean @ weights)
    total = float(right @ right)
    residual = outputs - (features @ weights + intercept)
    return Surrogate(weights, intercept, 1.0 - float(kernel @ residual**2) / total)


def _along_lasso(
    features: NDArray[np.float64], outputs: NDArray[np.float64], kernel: NDArray[np.float64], keep: int
) -> NDArray[np.intp]:
    from sklearn.linear_model import lars_path

    root = np.sqrt(kernel)
    left = (features - np.average(features, axis=0, weights=kernel)) * root[:, None]
    right = (outputs - np.average(outputs, weights=kernel)) * root
    path = lars_path(left, right, method="lasso")[2]
    # The least penalised step that has few enough; the path begins with none at all.
    few_enough = np.flatnonzero((path != 0).sum(axis=0) <= keep)
    return np.flatnonzero(path[:, few_enough[-1]])
