"""Patches and windows at every place, pixel for pixel as Pillow renders them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inference.perturbations.shift import (
    CropShift,
    PatchShift,
    Places,
    in_batches,
    plain_background,
    read_background,
    read_patch,
)


def random_pixels(seed: int, height: int, width: int, channels: int) -> torch.Tensor:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return torch.from_numpy(pixels)


@given(seed=st.integers(0, 1000), height=st.integers(1, 6), width=st.integers(1, 6), stride=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_every_place_is_rendered_as_pillow_pastes_it(seed: int, height: int, width: int, stride: int) -> None:
    background, patch = random_pixels(seed, 9, 8, 3), random_pixels(seed + 1, height, width, 4)
    shift = PatchShift(background, patch, stride)
    ours = torch.cat(list(in_batches(shift, 7)))
    assert len(ours) == len(shift.places) == ((9 - height) // stride + 1) * ((8 - width) // stride + 1)
    pasted = Image.fromarray(patch.numpy())
    for number in range(len(shift.places)):
        top, left = shift.places.corner(number)
        theirs = Image.fromarray(background.numpy())
        theirs.paste(pasted, (left, top), pasted)
        assert np.array_equal(ours[number].numpy(), np.asarray(theirs))


def test_the_browsers_sets_have_125_by_125_and_133_by_133_places() -> None:
    patch = random_pixels(0, 100, 100, 4)
    assert PatchShift(plain_background(224), patch).places == Places(125, 125)
    assert CropShift(random_pixels(1, 356, 356, 3)).places == Places(133, 133)


@given(seed=st.integers(0, 1000), side=st.integers(1, 5), stride=st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_every_window_is_cut_out_where_it_says(seed: int, side: int, stride: int) -> None:
    picture = random_pixels(seed, 8, 7, 3)
    shift = CropShift(picture, side, stride)
    windows = torch.cat(list(in_batches(shift, 5)))
    for number, window in enumerate(windows):
        top, left = shift.places.corner(number)
        assert torch.equal(window, picture[top : top + side, left : left + side])


def test_the_anchors_are_the_corners_and_the_centre() -> None:
    places = Places(125, 125, 1)
    corners = {name: places.corner(number) for name, number in places.anchors().items()}
    assert corners == {
        "top left": (0, 0),
        "top right": (0, 124),
        "centre": (62, 62),
        "bottom left": (124, 0),
        "bottom right": (124, 124),
    }


def test_a_transparent_patch_leaves_the_background_and_an_opaque_one_covers_it() -> None:
    background = random_pixels(3, 6, 6, 3)
    patch = random_pixels(4, 2, 2, 4)
    patch[..., 3] = 0
    assert torch.equal(PatchShift(background, patch).pictures(torch.tensor([7]))[0], background)
    patch[..., 3] = 255
    shown = PatchShift(background, patch).pictures(torch.tensor([7]))[0]
    assert torch.equal(shown[1:3, 2:4], patch[..., :3])


def test_what_does_not_fit_is_refused_with_both_sizes() -> None:
    with pytest.raises(ValueError, match="300 x 300 pixels does not fit into 224 x 224"):
        PatchShift(plain_background(224), random_pixels(0, 300, 300, 4))
    with pytest.raises(ValueError, match="window of 224 x 224"):
        CropShift(random_pixels(0, 100, 100, 3))
    with pytest.raises(ValueError, match="stride of 0"):
        CropShift(random_pixels(0, 300, 300, 3), stride=0)


def test_a_patch_needs_an_alpha_channel() -> None:
    with pytest.raises(ValueError, match="no alpha channel"):
        read_patch(Image.new("RGB", (4, 4)))
    with pytest.raises(ValueError, match=r"\(height, width, 4\)"):
        PatchShift(plain_background(8), random_pixels(0, 2, 2, 3))
    assert read_patch(Image.new("RGBA", (40, 20)), 10).shape == (5, 10, 4)


def test_transparency_of_a_background_is_laid_on_white() -> None:
    assert read_background(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), 2).unique().tolist() == [255]


def test_a_picture_that_is_no_square_is_cut_not_squeezed() -> None:
    wide = Image.new("RGB", (40, 20), (255, 0, 0))
    wide.paste((0, 0, 255), (10, 0, 30, 20))
    assert read_background(wide, 20).reshape(-1, 3).unique(dim=0).tolist() == [[0, 0, 255]]
    assert read_background(wide, 10).shape == (10, 10, 3)
    assert read_background(wide).shape == (20, 40, 3)
