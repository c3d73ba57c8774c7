"""Which pixels are looked at: worked out by hand, and compared with torchvision's own transforms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inference.crops import DISPLAY, Crop, crop_pixels, display_crop
from inference.torchvision_ops import torchvision


def coordinates(width: int, height: int) -> Image.Image:
    """Red is the column, green the row."""
    rows, columns = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([columns, rows, rows * 0], axis=2).astype(np.uint8))


def test_the_middle_is_cut_out_of_a_picture_that_needs_no_resizing() -> None:
    pixels = crop_pixels(coordinates(12, 8), Crop(side=4, resize=8))
    assert pixels.shape == (4, 4, 3)
    assert pixels[0, 0].tolist() == [4, 2, 0]
    assert pixels[-1, -1].tolist() == [7, 5, 0]


def test_efficientnet_lites_window_is_side_over_side_plus_margin() -> None:
    # 4 / (4 + 4) of the shorter side 8 is 4: columns 4-7 and rows 2-5, not resized.
    pixels = crop_pixels(coordinates(12, 8), Crop(side=4, rule="crop_then_resize", margin=4))
    assert (pixels[0, 0].tolist(), pixels[-1, -1].tolist()) == ([4, 2, 0], [7, 5, 0])


def test_small_pictures_are_enlarged_as_sharp_squares_and_shown_whole() -> None:
    digit = coordinates(8, 8)
    pixels = display_crop(digit, enlarge="nearest")
    assert pixels.shape == (224, 224, 3)
    assert (pixels == np.asarray(digit).repeat(28, axis=0).repeat(28, axis=1)).all()


def test_without_being_asked_small_pictures_are_smoothed() -> None:
    assert len(np.unique(display_crop(coordinates(8, 8))[..., 0])) > 8 - 1
    assert (display_crop(coordinates(8, 8)) != display_crop(coordinates(8, 8), enlarge="nearest")).any()


def test_large_pictures_are_not_touched_by_the_enlarging_rule() -> None:
    picture = coordinates(250, 240)
    assert (display_crop(picture, enlarge="nearest") == display_crop(picture)).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 90), st.integers(20, 90), st.integers(16, 40), st.integers(0, 20))
def test_the_crop_is_torchvisions_to_the_pixel(width: int, height: int, side: int, extra: int) -> None:
    rng = np.random.default_rng(width * 1000 + height)
    picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    transforms = torchvision.transforms
    peer = transforms.Compose(
        [
            transforms.Resize(side + extra, interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(side),
        ]
    )
    ours = crop_pixels(picture, Crop(side=side, resize=side + extra))
    assert (ours == np.asarray(peer(picture))).all()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from(["resize_then_crop", "crop_then_resize", "squash"]),
)
def test_every_picture_gives_a_full_square(width: int, height: int, rule: str) -> None:
    crop = Crop(side=16, rule=rule, resize=20)  # type: ignore[arg-type]  # one of the three literals
    assert crop_pixels(Image.new("RGB", (width, height)), crop).shape == (16, 16, 3)


def test_a_crop_larger_than_the_resized_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 300"):
        Crop(side=300, resize=256)


def test_crops_that_differ_have_different_keys() -> None:
    crops = [
        DISPLAY,
        Crop(side=224, resize=232),
        Crop(side=224, interpolation="bilinear"),
        Crop(side=224, enlarge="nearest"),
        Crop(side=224, rule="crop_then_resize"),
        Crop(side=224, rule="crop_then_resize", margin=16),
        Crop(side=240),
    ]
    assert len({crop.key for crop in crops}) == len(crops)
