"""What people see: the image with attention, its control, heat, differences and the explanation path."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from explain.masking import GREY, hidden_picture
from explain.pictures import (
    AGAINST_THE_CLASS,
    FOR_THE_CLASS,
    HEAT_OPACITY,
    difference_picture,
    explanation_path,
    heat_overlay,
    picture_of,
    random_superpixels,
    shown_area,
    shown_picture,
)
from tests.explain_tests.toy_pictures import blocks, linear_in_superpixels, noise

WEIGHTS = np.array([0.1, -0.5, 0.3, 0.3, 0.0, 0.2])


def test_the_heaviest_positive_superpixels_are_shown_and_the_rest_is_black() -> None:
    segments = blocks()
    pixels = noise(segments)
    picture, shown = shown_picture(pixels, segments, WEIGHTS, k=3)
    assert shown == (2, 3, 5)
    inside = np.isin(segments, shown)
    np.testing.assert_array_equal(picture[inside], pixels[inside])
    assert not picture[~inside].any()
    assert picture.dtype == np.uint8


def test_fewer_positive_superpixels_than_asked_for_are_shown_as_they_are() -> None:
    segments = blocks()
    pixels = noise(segments)
    assert shown_picture(pixels, segments, WEIGHTS, k=8)[1] == (2, 3, 5, 0)
    picture, shown = shown_picture(pixels, segments, -np.abs(WEIGHTS), k=8)
    assert shown == ()
    assert not picture.any()


@pytest.mark.parametrize("rest", ["black", "grey", "mean"])
def test_the_rest_stands_as_asked(rest: str) -> None:
    segments = blocks()
    pixels = noise(segments)
    picture, shown = shown_picture(pixels, segments, WEIGHTS, k=1, rest=rest)  # type: ignore[arg-type]
    outside = segments != shown[0]
    expected = hidden_picture(pixels, segments, rest)  # type: ignore[arg-type]
    np.testing.assert_array_equal(picture[outside], expected[outside])
    assert rest != "grey" or (picture[outside] == GREY).all()


def test_all_superpixels_together_are_the_picture() -> None:
    segments = blocks()
    pixels = noise(segments)
    np.testing.assert_array_equal(picture_of(pixels, segments, range(6)), pixels)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"k": 0}, "0 superpixels to show: give at least 1"),
        ({"rest": "white"}, "'white' is none of black, grey, mean"),
        ({"weights": np.ones(5)}, r"shape \(5,\) for 6 superpixels"),
        ({"weights": np.array([0, 1, 2, np.nan, 4, 5])}, "not finite"),
        ({"segments": blocks(3, 3)}, "do not fit a picture"),
    ],
)
def test_what_cannot_be_shown_is_refused(changed: dict[str, object], message: str) -> None:
    given_values = {"pixels": noise(blocks()), "segments": blocks(), "weights": WEIGHTS} | changed
    with pytest.raises(ValueError, match=message):
        shown_picture(**given_values)  # type: ignore[arg-type]


@pytest.mark.parametrize("index", [-1, 6])
def test_a_superpixel_that_the_picture_does_not_have_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match=f"Superpixel {index} is not among this picture's 6"):
        picture_of(noise(blocks()), blocks(), [0, index])


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_a_control_of_equal_superpixels_has_exactly_the_area_asked_for(seed: int, count: int) -> None:
    segments = blocks()
    drawn = random_superpixels(segments, count * 16, np.random.default_rng(seed))
    assert len(drawn.superpixels) == count
    assert drawn.area == drawn.wanted == shown_area(segments, drawn.superpixels) == count * 16


@given(st.integers(0, 2**32 - 1), st.integers(1, 600))
def test_a_control_states_the_area_it_has_and_never_shows_nothing_or_everything(
    seed: int, wanted: int
) -> None:
    rng = np.random.default_rng(seed)
    segments = (
        np.unique(rng.integers(0, 9, (20, 30)), return_inverse=True)[1].reshape(20, 30).astype(np.int32)
    )
    drawn = random_superpixels(segments, wanted, rng)
    assert drawn.wanted == wanted
    assert drawn.area == int(np.isin(segments, drawn.superpixels).sum())
    assert 1 <= len(drawn.superpixels) <= segments.max()
    assert list(drawn.superpixels) == sorted(set(drawn.superpixels))


def test_a_control_comes_closer_to_the_area_than_half_of_a_typical_superpixel() -> None:
    rng = np.random.default_rng(4)
    segments = np.sort(rng.integers(0, 30, 2500)).reshape(50, 50).astype(np.int32)
    gaps = [abs(random_superpixels(segments, area, rng).area - area) for area in range(200, 2000, 100)]
    assert max(gaps) < 2500 / 30 / 2


def test_controls_differ_with_the_generator_and_every_superpixel_has_its_turn() -> None:
    segments = blocks()
    drawn = {random_superpixels(segments, 32, np.random.default_rng(seed)).superpixels for seed in range(60)}
    assert {index for pair in drawn for index in pair} == set(range(6))
    again = random_superpixels(segments, 32, np.random.default_rng(5))
    assert again == random_superpixels(segments, 32, np.random.default_rng(5))


def test_the_control_of_a_picture_of_one_superpixel_is_that_superpixel() -> None:
    whole = np.zeros((4, 4), dtype=np.int32)
    drawn = random_superpixels(whole, 3, np.random.default_rng(0))
    assert (drawn.superpixels, drawn.area, drawn.wanted) == ((0,), 16, 3)


@pytest.mark.parametrize("area", [0, 97])
def test_an_area_that_no_control_can_have_is_refused(area: int) -> None:
    with pytest.raises(ValueError, match=f"area of {area} pixels in a picture of 96"):
        random_superpixels(blocks(), area, np.random.default_rng(0))


def test_heat_is_vermilion_for_the_class_and_blue_against_it_and_as_opaque_as_the_weight() -> None:
    segments = blocks()
    heat = heat_overlay(segments, WEIGHTS)
    assert heat.shape == (*segments.shape, 4)
    assert heat.dtype == np.uint8
    at = {index: tuple(int(value) for value in heat[segments == index][0]) for index in range(6)}
    assert at[1] == (*AGAINST_THE_CLASS, HEAT_OPACITY)
    assert at[2] == at[3] == (*FOR_THE_CLASS, round(HEAT_OPACITY * 0.6))
    assert at[4][3] == 0


def test_heat_without_any_weight_is_transparent() -> None:
    assert not heat_overlay(blocks(), np.zeros(6))[..., 3].any()


def test_a_difference_is_amplified_as_far_as_nothing_is_cut_off() -> None:
    clean = np.full((2, 2, 3), 100, dtype=np.uint8)
    adversarial = clean.copy()
    adversarial[0, 0], adversarial[1, 1] = 98, 103
    picture, factor = difference_picture(clean, adversarial)
    assert factor == 127 // 3
    assert picture[0, 0].tolist() == [GREY - 2 * 42] * 3
    assert picture[1, 1].tolist() == [GREY + 3 * 42] * 3
    assert picture[0, 1].tolist() == [GREY] * 3


@given(st.integers(0, 255), st.integers(0, 255))
def test_the_largest_difference_never_leaves_the_grid(before: int, after: int) -> None:
    clean, adversarial = (np.full((1, 1, 3), value, dtype=np.uint8) for value in (before, after))
    picture, factor = difference_picture(clean, adversarial)
    wanted = GREY + factor * (after - before)
    assert picture[0, 0, 0] == min(255, max(0, wanted))
    if abs(after - before) <= 127:
        assert picture[0, 0, 0] == wanted


def test_equal_pictures_differ_by_nothing_and_a_given_factor_is_kept() -> None:
    same = noise(blocks())
    picture, factor = difference_picture(same, same)
    assert factor == 1
    assert (picture == GREY).all()
    assert difference_picture(same, 255 - same, factor=10)[1] == 10


def test_pictures_of_two_sizes_and_factors_of_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="compare crops of one size"):
        difference_picture(noise(blocks()), noise(blocks(3, 3)))
    with pytest.raises(ValueError, match="amplified by 0"):
        difference_picture(noise(blocks()), noise(blocks()), factor=0)


def path_of(weights: NDArray[np.float64], most: int) -> tuple[tuple[int, ...], list[float], float]:
    segments = blocks()
    pixels = noise(segments)
    predict = linear_in_superpixels(pixels, segments, np.array([0.1, -0.5, 0.3, 0.3, 0.0, 0.2]), 0.05)
    path = explanation_path(predict, pixels, segments, weights, 0, most)
    for count, frame in enumerate(path.frames, start=1):
        np.testing.assert_array_equal(frame, picture_of(pixels, segments, path.order[:count]))
    return path.order, path.probabilities.tolist(), path.area


def test_a_path_adds_superpixels_by_descending_weight_and_measures_each_frame() -> None:
    order, curve, area = path_of(WEIGHTS, 4)
    assert order == (2, 3, 5, 0)
    assert curve == pytest.approx([0.35, 0.65, 0.85, 0.95], abs=1e-5)
    assert area == pytest.approx((0.35 / 2 + 0.65 + 0.85 + 0.95 / 2) / 3, abs=1e-5)


def test_a_path_ends_with_the_whole_picture_where_superpixels_run_out() -> None:
    order, curve, _ = path_of(WEIGHTS, 50)
    assert order == (2, 3, 5, 0, 4, 1)
    assert curve[-1] == pytest.approx(0.45, abs=1e-5)


def test_the_area_of_a_path_of_one_frame_is_its_probability() -> None:
    _, curve, area = path_of(WEIGHTS, 1)
    assert area == pytest.approx(curve[0])


def test_paths_that_cannot_be_are_refused() -> None:
    segments = blocks()
    pixels = noise(segments)
    predict = linear_in_superpixels(pixels, segments, WEIGHTS, 0.0)
    with pytest.raises(ValueError, match="path of 0 frames"):
        explanation_path(predict, pixels, segments, WEIGHTS, 0, 0)
    with pytest.raises(ValueError, match="Class 2 is not among the network's 2 classes"):
        explanation_path(predict, pixels, segments, WEIGHTS, 2)
    with pytest.raises(ValueError, match="not finite"):
        explanation_path(
            lambda batch: torch.full((len(batch), 2), float("inf")), pixels, segments, WEIGHTS, 0
        )
