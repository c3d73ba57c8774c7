"""Superpixels: the lime package's pieces, compact labels, a PNG without loss, refusals."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from lime.wrappers.scikit_image import SegmentationAlgorithm
from PIL import Image

from explain.superpixels import (
    Segmenter,
    check_segments,
    decode_segments,
    encode_segments,
    segment,
    segment_ahead,
)
from tests.explain_tests.toy_pictures import blocks, patches


def test_the_default_pieces_are_those_of_the_lime_package() -> None:
    pixels = patches()
    theirs = SegmentationAlgorithm("quickshift", kernel_size=4, max_dist=200, ratio=0.2)(pixels)
    ours = segment(pixels)
    assert ours.max() > 3
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("method", ["quickshift", "slic", "grid"])
def test_labels_are_compact_and_the_same_every_time(method: str) -> None:
    pixels = patches(seed=3)
    segmenter = Segmenter(method=method)  # type: ignore[arg-type]
    labels = segment(pixels, segmenter)
    assert labels.dtype == np.int32
    assert labels.shape == pixels.shape[:2]
    assert np.unique(labels).tolist() == list(range(labels.max() + 1))
    np.testing.assert_array_equal(labels, segment(pixels, segmenter))


@pytest.mark.parametrize("method", ["quickshift", "slic"])
def test_a_picture_with_a_side_under_32_pixels_gets_the_grid(method: str) -> None:
    pixels = patches()[:31]
    segmenter = Segmenter(method=method, cells=4)  # type: ignore[arg-type]
    np.testing.assert_array_equal(
        segment(pixels, segmenter), segment(pixels, Segmenter(method="grid", cells=4))
    )


@pytest.mark.parametrize(("side", "cells", "superpixels"), [(28, 7, 49), (8, 8, 16), (3, 8, 1), (1, 8, 1)])
def test_grid_cells_are_equal_and_never_under_two_pixels(side: int, cells: int, superpixels: int) -> None:
    labels = segment(np.zeros((side, side, 3), dtype=np.uint8), Segmenter(method="grid", cells=cells))
    sizes = np.bincount(labels.reshape(-1))
    assert len(sizes) == superpixels
    if side > 1 and side % cells == 0:
        assert len(set(sizes)) == 1


def test_a_grid_cell_is_a_rectangle_in_reading_order() -> None:
    labels = segment(np.zeros((4, 6, 3), dtype=np.uint8), Segmenter(method="grid", cells=2))
    assert labels.tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[2, 2, 2, 3, 3, 3]] * 2


def test_the_key_tells_apart_what_gives_other_pieces() -> None:
    variants = [
        Segmenter(),
        Segmenter(kernel_size=5),
        Segmenter(max_dist=100),
        Segmenter(ratio=0.5),
        Segmenter(seed=1),
        Segmenter(cells=4),
        Segmenter(smallest_side=64),
        Segmenter(method="slic"),
        Segmenter(method="slic", pieces=80),
        Segmenter(method="slic", compactness=1),
        Segmenter(method="grid"),
        Segmenter(method="grid", cells=4),
    ]
    assert len({one.key for one in variants}) == len(variants)
    assert Segmenter(method="grid", kernel_size=9).key == Segmenter(method="grid").key


def test_pictures_come_back_with_their_own_pieces_in_order() -> None:
    pictures = [patches(seed=seed) for seed in range(5)]
    found = list(segment_ahead(iter(pictures), workers=2))
    for picture, (given_back, labels) in zip(pictures, found, strict=True):
        np.testing.assert_array_equal(given_back, picture)
        np.testing.assert_array_equal(labels, segment(picture))


def test_an_error_while_segmenting_ahead_is_raised_at_its_picture() -> None:
    pictures = [patches(), np.zeros((4, 4), dtype=np.uint8), patches(seed=1)]
    found = segment_ahead(pictures, workers=2)
    next(found)
    with pytest.raises(ValueError, match=r"shape \(4, 4\): give 8-bit RGB"):
        next(found)


@given(arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 9)))
def test_a_segment_map_survives_its_png(drawn: np.ndarray) -> None:  # type: ignore[type-arg]
    labels = np.unique(drawn, return_inverse=True)[1].reshape(drawn.shape).astype(np.int32)
    decoded = decode_segments(encode_segments(labels))
    assert decoded.dtype == np.int32
    np.testing.assert_array_equal(decoded, labels)


def test_a_segment_map_holds_65536_superpixels_and_no_more() -> None:
    full = np.arange(2**16, dtype=np.int32).reshape(256, 256)
    np.testing.assert_array_equal(decode_segments(encode_segments(full)), full)
    with pytest.raises(ValueError, match="65792 superpixels do not fit"):
        encode_segments(np.arange(256 * 257, dtype=np.int32).reshape(256, 257))


def test_what_is_no_segment_map_is_refused() -> None:
    with pytest.raises(ValueError, match="no readable PNG"):
        decode_segments(b"not a picture")
    with pytest.raises(ValueError, match="no readable PNG"):
        decode_segments(encode_segments(blocks())[:40])
    colour = io.BytesIO()
    Image.fromarray(patches()).save(colour, "PNG")
    with pytest.raises(ValueError, match="mode RGB, not of 16-bit grey"):
        decode_segments(colour.getvalue())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([[0, 2]]), "from 0 to 2 with gaps"),
        (np.array([[1, 2]]), "from 1 to 2 with gaps"),
        (np.array([[-1, 0]]), "from -1 to 0 with gaps"),
        (np.array([[0, 10**9]]), "with gaps"),
        (np.array([0, 1]), r"shape \(2,\): give whole numbers"),
        (np.array([[0.0, 1.0]]), "type float64"),
        (np.zeros((0, 3), dtype=np.int32), r"shape \(0, 3\)"),
    ],
)
def test_labels_with_gaps_or_of_another_kind_are_refused(labels: np.ndarray, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=message):
        check_segments(labels)


def test_labels_of_another_picture_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(8, 12\) pixels do not fit a picture of \(64, 64\)"):
        check_segments(blocks(), patches())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"method": "felzenszwalb"}, "'felzenszwalb' is none of quickshift, slic, grid"),
        ({"kernel_size": 0.5}, "kernel_size is 0.5: give at least 1"),
        ({"kernel_size": float("nan")}, "kernel_size is nan"),
        ({"max_dist": 0}, "max_dist is 0: give more than 0"),
        ({"ratio": 1.5}, "ratio is 1.5: give 0 to 1"),
        ({"pieces": 0}, "pieces is 0"),
        ({"compactness": -1}, "compactness is -1"),
        ({"cells": 0}, "cells is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_a_segmenter_out_of_range_is_refused(changed: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Segmenter(**changed)  # type: ignore[arg-type]


def test_explanations_load_neither_django_nor_the_classifiers_nor_captum() -> None:
    modules = "explain.lime, explain.pictures, explain.attributions"
    loaded = "{name.split('.')[0] for name in sys.modules}"
    code = (
        f"import sys, {modules}; print({loaded} & {{'django', 'celery', 'inference', 'captum', 'skimage'}})"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
