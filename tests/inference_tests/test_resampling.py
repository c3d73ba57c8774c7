"""Resizing in batches against Pillow, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from inference.crops import Interpolation
from inference.resampling import resampling_weights, resized

PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def random_pictures(side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(side)
    return torch.randint(0, 256, (3, side, side, 3), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("interpolation", list(PILLOW))
@pytest.mark.parametrize(("source", "target"), [(40, 13), (41, 39), (40, 41), (17, 60), (9, 3)])
def test_pixels_are_pillows(interpolation: Interpolation, source: int, target: int) -> None:
    pixels = random_pictures(source)
    ours = resized(pixels, target, interpolation).numpy().astype(int)
    theirs = np.stack(
        [
            np.asarray(Image.fromarray(each.numpy()).resize((target, target), PILLOW[interpolation]))
            for each in pixels
        ]
    )
    difference = np.abs(ours - theirs)
    assert difference.max() <= 1
    # Pillow's weights are whole numbers of 2^-22: exact halves may round to the other side.
    assert (difference > 0).mean() < 0.02


def test_the_same_side_gives_the_same_pixels() -> None:
    pixels = random_pictures(12)
    assert resized(pixels, 12, "bicubic") is pixels


@pytest.mark.parametrize("interpolation", list(PILLOW))
def test_every_new_line_is_a_mean_of_old_ones(interpolation: Interpolation) -> None:
    for source, target in ((10, 3), (3, 10), (7, 7)):
        weights = resampling_weights(source, target, interpolation)
        assert weights.shape == (target, source)
        assert weights.sum(axis=1) == pytest.approx(np.ones(target))
