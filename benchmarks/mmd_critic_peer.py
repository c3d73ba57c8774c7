"""mmd-critic's side of `benchmarks.mmd_critic`; run by the peers' own interpreter, not ours.

python mmd_critic_peer.py {selection,kernel} POINTS DIMENSIONS PICKS SIGMA
"""

import json
import sys
import time

import numpy as np
from mmd_critic import MMDCritic
from mmd_critic.kernels import RBFKernel

BLOCK = 1000


def kernel_in_blocks(points: np.ndarray, sigma: float) -> np.ndarray:
    """The same kernel matrix without one product of 10,000 by 10,000, which can crash OpenBLAS."""
    squares = (points**2).sum(axis=1)
    matrix = np.empty((len(points), len(points)))
    for start in range(0, len(points), BLOCK):
        part = slice(start, start + BLOCK)
        distances = squares[part, None] + squares[None, :] - 2 * (points[part] @ points.T)
        matrix[part] = np.exp(-distances / (2 * sigma**2))
    return matrix


def main() -> None:
    what, sigma = sys.argv[1], float(sys.argv[5])
    count, dimensions, picks = (int(each) for each in sys.argv[2:5])
    points = np.random.default_rng(0).normal(size=(count, dimensions))
    labels = np.arange(count)
    if what == "selection":
        matrix = kernel_in_blocks(points, sigma)
        critic = MMDCritic(points, lambda _: matrix, labels=labels)
        start = time.perf_counter()
    else:
        start = time.perf_counter()
        critic = MMDCritic(points, RBFKernel(sigma), labels=labels)
    chosen, indices = critic.select_prototypes(picks)
    critic.select_criticisms(picks, chosen)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "prototypes": indices.tolist()}))


if __name__ == "__main__":
    main()
