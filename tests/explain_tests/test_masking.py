"""Masked pictures: what hides, and that both ways of making them show the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from explain.masking import GREY, Hidden, MaskedByLookup, hidden_picture, masked_pictures
from explain.superpixels import segment
from tests.explain_tests.toy_pictures import blocks, noise, patches


def test_a_hidden_superpixel_has_its_mean_colour_with_the_fraction_cut_off() -> None:
    segments = np.array([[0, 0, 1]], dtype=np.int32)
    pixels = np.array([[[1, 10, 255], [2, 10, 254], [7, 8, 9]]], dtype=np.uint8)
    assert hidden_picture(pixels, segments).tolist() == [[[1, 10, 254], [1, 10, 254], [7, 8, 9]]]


def test_mean_colours_are_those_that_lime_writes_into_its_picture() -> None:
    pixels, segments = patches(seed=5), segment(patches(seed=5))
    theirs = pixels.copy()
    for label in np.unique(segments):
        inside = segments == label
        theirs[inside] = tuple(np.mean(pixels[inside][:, channel]) for channel in range(3))
    np.testing.assert_array_equal(hidden_picture(pixels, segments), theirs)


def test_black_grey_and_blur_hide_as_they_say() -> None:
    segments = blocks()
    pixels = noise(segments)
    assert not hidden_picture(pixels, segments, "black").any()
    assert (hidden_picture(pixels, segments, "grey") == GREY).all()
    blurred = hidden_picture(np.full_like(pixels, 77), segments, "blur")
    assert (blurred == 77).all()
    big = patches(96)
    assert hidden_picture(big, blocks(8, 8, 12), "blur").std() < big.std()


def test_an_unknown_way_to_hide_is_refused() -> None:
    with pytest.raises(ValueError, match="'white' is none of mean, black, grey, blur"):
        hidden_picture(noise(blocks()), blocks(), "white")  # type: ignore[arg-type]


@given(
    labels=st.lists(st.lists(st.integers(0, 4), min_size=5, max_size=5), min_size=1, max_size=6),
    rows=st.integers(1, 7),
    hidden=st.sampled_from(["mean", "black", "grey"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_words_and_look_up_make_the_picture_that_the_mask_describes(
    labels: list[list[int]], rows: int, hidden: Hidden, seed: int
) -> None:
    drawn = np.array(labels)
    segments = np.unique(drawn, return_inverse=True)[1].reshape(drawn.shape).astype(np.int32)
    pixels = noise(segments, seed)
    off = hidden_picture(pixels, segments, hidden)
    masks = np.random.default_rng(seed).random((rows, int(segments.max()) + 1)) < 0.5
    expected = np.stack([np.where(mask[segments][..., None], pixels, off) for mask in masks])
    by_words = masked_pictures(pixels, segments, off, "cpu").make(masks)
    by_lookup = MaskedByLookup(pixels, segments, off, "cpu").make(masks)
    assert by_words.dtype == by_lookup.dtype == torch.uint8
    np.testing.assert_array_equal(by_words.numpy(), expected)
    np.testing.assert_array_equal(by_lookup.numpy(), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_pictures_made_on_the_accelerator_are_those_of_the_cpu() -> None:
    segments = blocks()
    pixels = noise(segments)
    masks = np.random.default_rng(0).random((5, 6)) < 0.5
    off = hidden_picture(pixels, segments)
    there = masked_pictures(pixels, segments, off, "cuda").make(masks)
    assert there.device.type == "cuda"
    assert torch.equal(there.cpu(), masked_pictures(pixels, segments, off).make(masks))
