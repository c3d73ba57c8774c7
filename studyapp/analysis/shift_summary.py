"""What sums up a shift map: its mean, its minimum, and how much neighbours differ.

Source: the summaries of the interactive browser of shift sensitivity (Lee, Yang and Wang), with the mean
absolute difference between 4-neighbours beside them: 0 for a classifier that does not see where things are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class MapSummary:
    """Of all places: the mean, the minimum, and the mean |difference| of places next to one another.

    `neighbours` is None for a single place. Neighbours are one stride apart, above, below and at the sides;
    each pair counts once.
    """

    mean: float
    least: float
    neighbours: float | None


def map_summary(values: FloatArray) -> MapSummary:
    """Sum up a map (rows, columns)."""
    exact = values.astype(np.float64)
    differences = np.concatenate(
        [np.abs(np.diff(exact, axis=0)).ravel(), np.abs(np.diff(exact, axis=1)).ravel()]
    )
    return MapSummary(
        mean=float(exact.mean()),
        least=float(exact.min()),
        neighbours=float(differences.mean()) if differences.size else None,
    )


def share_at(top1: IntArray, target: int) -> float:
    """The share of places (rows, columns) whose top-1 is the class asked about."""
    return float((top1 == target).mean())
