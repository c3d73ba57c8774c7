"""Quickshift against scikit-image's, pixel for pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import segmentation

from explain.quickshift import quickshift
from tests.explain_tests.toy_pictures import patches


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    kind=st.sampled_from(["noise", "flat", "few colours"]),
    kernel_size=st.sampled_from([1.0, 2.5, 4.0]),
    max_dist=st.sampled_from([1.5, 6.0, 200.0]),
    ratio=st.sampled_from([0.0, 0.2, 1.0]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_pieces_are_those_of_scikit_image(
    height: int, width: int, kind: str, kernel_size: float, max_dist: float, ratio: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    drawn = {
        "noise": rng.integers(0, 256, (height, width, 3)),
        "flat": np.full((height, width, 3), 255),
        # Equal colours side by side, so that distances tie.
        "few colours": rng.integers(0, 2, (height, width, 3)) * 60,
    }
    pixels = drawn[kind].astype(np.uint8)
    theirs = segmentation.quickshift(
        pixels, kernel_size=kernel_size, max_dist=max_dist, ratio=ratio, rng=seed
    )
    ours = quickshift(pixels, kernel_size=kernel_size, max_dist=max_dist, ratio=ratio, seed=seed)
    np.testing.assert_array_equal(ours, theirs)


def test_a_picture_higher_than_one_band_of_rows_is_cut_as_one() -> None:
    pixels = patches(160)[:, :90]
    theirs = segmentation.quickshift(pixels, kernel_size=4, max_dist=200, ratio=0.2)
    np.testing.assert_array_equal(quickshift(pixels, kernel_size=4, max_dist=200, ratio=0.2, seed=42), theirs)


@pytest.mark.shared_data
def test_photographs_are_cut_as_scikit_image_cuts_them(shared_data: Path) -> None:
    files = sorted((shared_data / "imagenet-sample").rglob("*.jpg"))[::175]
    assert len(files) == 4
    for file in files:
        with Image.open(file) as image:
            pixels = np.array(image.convert("RGB").resize((160, 120)))
        theirs = segmentation.quickshift(pixels, kernel_size=4, max_dist=200, ratio=0.2)
        ours = quickshift(pixels, kernel_size=4, max_dist=200, ratio=0.2, seed=42)
        assert theirs.max() > 3
        np.testing.assert_array_equal(ours, theirs)
