"""The sixteen categories of Geirhos et al. (2019), without anything that counts: protocols name them, too."""

from __future__ import annotations

#: In alphabetical order.
SIXTEEN = (
    *("airplane", "bear", "bicycle", "bird", "boat", "bottle", "car", "cat"),
    *("chair", "clock", "dog", "elephant", "keyboard", "knife", "oven", "truck"),
)
