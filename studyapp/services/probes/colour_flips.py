"""Which images flip under changes of colour that are small enough: the list that people page through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.colour_stability import Axis, Setting
from studyapp.services.probes.flips import Direction, Flips


@dataclass(frozen=True, slots=True, eq=False)
class FlippingImages:
    """Images with at least one flip that is looked for, those that flip at the smallest change first.

    `row` [m] in the flips' arrays, `nearest` [m] the setting of each one's smallest change that flips it,
    `flips` [m] how many of the settings do. `asked` are the settings looked at, `mask` [n, S] every flip.
    """

    row: IntArray
    nearest: IntArray
    flips: IntArray
    asked: tuple[int, ...]
    mask: BoolArray


def distance(setting: Setting) -> float:
    """How large a change is: degrees on the circle, or the gain's distance from 1."""
    if setting.axis == "hue":
        return abs((setting.amount + 180.0) % 360.0 - 180.0)
    return abs(setting.amount - 1.0)


def flipping_images(
    flips: Flips,
    settings: Sequence[Setting],
    *,
    axis: Axis,
    within: float,
    directions: Sequence[Direction],
) -> FlippingImages:
    """Images whose prediction flips within a distance (see `distance`) along one axis.

    The bound itself is in, give or take rounding: |0.9 - 1| is within 0.1.
    """
    far: FloatArray = np.array([distance(each) if each.axis == axis else np.inf for each in settings])
    asked = far <= within + 1e-9
    mask: BoolArray = flips.going_any(directions) & asked
    found = np.flatnonzero(mask.any(axis=1))
    # The first that flips, the nearest first: no array of distances as large as all responses.
    outwards = np.argsort(far, kind="stable")
    nearest = outwards[mask[found][:, outwards].argmax(axis=1)]
    order = np.lexsort((flips.image[found], far[nearest]))
    return FlippingImages(
        row=found[order],
        nearest=nearest[order],
        flips=mask[found][order].sum(axis=1),
        asked=tuple(np.flatnonzero(asked).tolist()),
        mask=mask,
    )
