"""LIME against the lime package, by its laws, and what it refuses."""

from __future__ import annotations

import hashlib
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lime.lime_image import ImageExplanation, LimeImageExplainer
from numpy.typing import NDArray

from explain.explanations import CONSTANT_OUTPUT, ONE_SUPERPIXEL
from explain.lime import LimeParameters, draw_masks, explain_lime, masks_digest
from explain.superpixels import segment
from explain.surrogate import proximity
from tests.explain_tests.toy_pictures import (
    Predict,
    blocks,
    linear_in_superpixels,
    noise,
    patches,
    probabilities_of,
    small_network,
)

SAMPLES = 200


def by_lime(
    predict: Predict, pixels: NDArray[np.uint8], *, seed: int, selection: str = "auto", keep: int = 100_000
) -> ImageExplanation:
    explainer = LimeImageExplainer(random_state=seed, feature_selection=selection)
    return explainer.explain_instance(
        pixels,
        lambda batch: predict(torch.from_numpy(batch)).numpy(),
        top_labels=4,
        num_features=keep,
        num_samples=SAMPLES,
    )


def weights_of(theirs: ImageExplanation, label: int) -> NDArray[np.float64]:
    weights = np.zeros(int(theirs.segments.max()) + 1)
    for index, weight in theirs.local_exp[label]:
        weights[index] = weight
    return weights


@pytest.mark.parametrize("seed", [0, 7, 2018])
def test_weights_intercept_and_fit_are_those_of_the_lime_package(seed: int) -> None:
    pixels = patches(seed=seed)
    predict = probabilities_of(small_network(seed=seed))
    theirs = by_lime(predict, pixels, seed=seed)
    segments = segment(pixels)
    np.testing.assert_array_equal(segments, theirs.segments)
    ours = explain_lime(predict, pixels, segments, [0, 1, 2, 3], LimeParameters(samples=SAMPLES), seed=seed)
    for label, explanation in enumerate(ours):
        expected = weights_of(theirs, label)
        np.testing.assert_allclose(explanation.weights, expected, rtol=0, atol=1e-6)
        assert explanation.intercept == pytest.approx(float(theirs.intercept[label]), abs=1e-6)
    assert max(np.abs(explanation.weights).max() for explanation in ours) > 1e-4
    # lime keeps the fit of the label that it explains last, the one of the highest probability.
    assert ours[theirs.top_labels[0]].fit == pytest.approx(theirs.score, abs=1e-6)


def test_lasso_path_chooses_and_weighs_as_the_lime_package_does() -> None:
    pixels = patches(seed=1)
    predict = probabilities_of(small_network(seed=1))
    theirs = by_lime(predict, pixels, seed=5, selection="lasso_path", keep=3)
    parameters = LimeParameters(samples=SAMPLES, selection="lasso_path", features=3, ridge_alpha=1.0)
    (ours,) = explain_lime(predict, pixels, segment(pixels), [2], parameters, seed=5)
    expected = weights_of(theirs, 2)
    assert 1 <= np.count_nonzero(expected) <= 3 < len(expected)
    np.testing.assert_allclose(ours.weights, expected, rtol=0, atol=1e-6)


@given(
    coefficients=st.lists(st.floats(-1, 1, width=16), min_size=6, max_size=6),
    bias=st.floats(-1, 1, width=16),
    width=st.sampled_from([0.25, 0.5, 2.0]),
    square_root=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=50, deadline=None)
def test_without_a_penalty_the_weights_of_a_linear_function_are_its_coefficients(
    coefficients: list[float], bias: float, width: float, square_root: bool, seed: int
) -> None:
    segments = blocks()
    pixels = noise(segments)
    known = np.array(coefficients)
    parameters = LimeParameters(
        samples=100, hidden="black", ridge_alpha=0, kernel_width=width, kernel_sqrt=square_root
    )
    first, second = explain_lime(
        linear_in_superpixels(pixels, segments, known, bias), pixels, segments, [0, 1], parameters, seed=seed
    )
    np.testing.assert_allclose(first.weights, known, atol=2e-6)
    np.testing.assert_allclose(second.weights, -known, atol=2e-6)
    assert first.intercept == pytest.approx(bias, abs=2e-6)
    if np.abs(known).max() > 1e-3:
        assert first.fit == pytest.approx(1, abs=1e-4)
    assert first.probability == pytest.approx(known.sum() + bias, abs=2e-6)


def test_lasso_path_then_least_squares_finds_the_few_superpixels_that_matter() -> None:
    segments = blocks(4, 4)
    pixels = noise(segments)
    known = np.zeros(16)
    known[[2, 9, 13]] = 0.5, -0.25, 0.125
    parameters = LimeParameters(selection="lasso_path", features=3, hidden="black")
    (found,) = explain_lime(
        linear_in_superpixels(pixels, segments, known, 0.1), pixels, segments, [0], parameters, seed=1
    )
    assert np.flatnonzero(found.weights).tolist() == [2, 9, 13]
    np.testing.assert_allclose(found.weights, known, atol=1e-6)
    assert found.parameters["ridge_alpha"] == 0
    assert found.parameters["features"] == 3


def test_ridge_weights_of_two_superpixels_are_those_worked_out_by_hand() -> None:
    # All four masks once, f = shown superpixels, a kernel so wide that every mask counts 1: the centred masks
    # are (±1/2, ±1/2), so each weight is (1 + 0) / (1 + alpha) with alpha 1.
    segments = blocks(1, 2)
    pixels = noise(segments)
    masks = np.array([[True, True], [True, False], [False, True], [False, False]])
    (found,) = explain_lime(
        linear_in_superpixels(pixels, segments, np.array([1.0, 1.0]), 0.0),
        pixels,
        segments,
        [0],
        LimeParameters(hidden="black", kernel_width=1e6),
        masks=masks,
    )
    np.testing.assert_allclose(found.weights, [0.5, 0.5], atol=1e-6)
    assert found.intercept == pytest.approx(0.5, abs=1e-6)
    # Residuals ±1/2 twice and 0 twice over a total of 2: 1 - 0.5 / 2.
    assert found.fit == pytest.approx(0.75, abs=1e-6)


def test_proximity_is_the_kernel_of_the_cosine_distance() -> None:
    masks = np.array([[True] * 4, [True, False, False, False], [False] * 4])
    expected = np.exp(-(np.array([0.0, 0.5, 1.0]) ** 2) / 0.25**2)
    np.testing.assert_allclose(proximity(masks, 0.25, square_root=False), expected)
    np.testing.assert_allclose(proximity(masks, 0.25, square_root=True), np.sqrt(expected))


def test_given_masks_give_the_weights_of_their_seed() -> None:
    pixels = patches()
    segments = segment(pixels)
    predict = probabilities_of(small_network())
    masks = draw_masks(11, 50, int(segments.max()) + 1)
    parameters = LimeParameters(samples=50)
    (seeded,) = explain_lime(predict, pixels, segments, [1], parameters, seed=11)
    (given_masks,) = explain_lime(predict, pixels, segments, [1], parameters, masks=masks)
    np.testing.assert_array_equal(seeded.weights, given_masks.weights)
    assert (seeded.mask_seed, given_masks.mask_seed) == (11, None)
    packed = hashlib.sha256(np.packbits(masks, axis=1).tobytes()).hexdigest()
    assert seeded.masks_digest == given_masks.masks_digest == packed == masks_digest(masks)
    assert seeded.parameters["samples"] == 50


def test_another_seed_draws_other_masks_and_the_first_shows_everything() -> None:
    masks = draw_masks(0, 1000, 12)
    assert masks[0].all()
    assert not masks[1:].all()
    assert abs(masks[1:].mean() - 0.5) < 0.02
    assert masks_digest(masks) != masks_digest(draw_masks(1, 1000, 12))


def test_classes_of_one_picture_share_their_forward_passes() -> None:
    segments = blocks()
    pixels = noise(segments)
    pictures: list[int] = []
    network = probabilities_of(small_network())

    def counted(batch: torch.Tensor) -> torch.Tensor:
        pictures.append(len(batch))
        return network(batch)

    both = explain_lime(counted, pixels, segments, [3, 0], LimeParameters(samples=30), seed=1, batch=7)
    assert pictures == [7, 7, 7, 7, 2]
    (alone,) = explain_lime(network, pixels, segments, [0], LimeParameters(samples=30), seed=1, batch=30)
    assert [one.explained_class for one in both] == [3, 0]
    np.testing.assert_allclose(both[1].weights, alone.weights, atol=1e-6)
    np.testing.assert_allclose(both[0].probabilities, network(torch.from_numpy(pixels)[None])[0], atol=1e-6)


def test_streams_of_batches_give_the_weights_of_one_stream_and_run_in_threads_of_their_own() -> None:
    pixels = patches()
    segments = segment(pixels)
    network = probabilities_of(small_network())
    together = threading.Barrier(2, timeout=20)
    met = []

    def predict(batch: torch.Tensor) -> torch.Tensor:
        if len(met) < 2:
            together.wait()
            met.append(threading.current_thread().name)
        return network(batch)

    before = torch.get_num_threads()
    parameters = LimeParameters(samples=64)
    (streamed,) = explain_lime(predict, pixels, segments, [0], parameters, seed=2, streams=2, batch=8)
    (plain,) = explain_lime(network, pixels, segments, [0], parameters, seed=2, batch=8)
    assert len(set(met)) == 2
    np.testing.assert_allclose(streamed.weights, plain.weights, atol=1e-6)
    assert streamed.masks_digest == plain.masks_digest
    assert torch.get_num_threads() == before


def test_a_picture_of_one_superpixel_has_one_weight_and_says_so() -> None:
    segments = np.zeros((6, 6), dtype=np.int32)
    pixels = noise(segments)
    predict = linear_in_superpixels(pixels, segments, np.array([0.5]), 0.25)
    parameters = LimeParameters(samples=40, hidden="black", ridge_alpha=0)
    (found,) = explain_lime(predict, pixels, segments, [0], parameters, seed=3)
    np.testing.assert_allclose(found.weights, [0.5], atol=1e-5)
    assert found.flags == (ONE_SUPERPIXEL,)
    assert found.top(8) == (0,)


def test_a_constant_output_has_zero_weights_and_no_fit_and_says_so() -> None:
    segments = blocks()
    for selection in ("all", "lasso_path"):
        (found,) = explain_lime(
            lambda batch: torch.full((len(batch), 2), 0.3),
            noise(segments),
            segments,
            [1],
            LimeParameters(samples=20, selection=selection),
            seed=3,
        )
        assert not found.weights.any()
        assert found.fit is None
        assert found.intercept == pytest.approx(0.3)
        assert found.flags == (CONSTANT_OUTPUT,)
        assert (found.positive, found.top(8)) == (0, ())


def test_explaining_leaves_no_gradients_behind_and_needs_none() -> None:
    segments = blocks()
    network = small_network().requires_grad_(True)
    (found,) = explain_lime(
        probabilities_of(network), noise(segments), segments, [0], LimeParameters(samples=10), seed=0
    )
    assert np.isfinite(found.weights).all()
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (lambda batch: torch.zeros(len(batch), 4), "Class 4 is not among the network's 4 classes"),
        (lambda batch: torch.zeros(len(batch), 6, dtype=torch.bfloat16), "torch.bfloat16 of shape"),
        (lambda batch: torch.zeros(len(batch)), r"shape \(\d+,\)"),
        (lambda batch: torch.zeros(1, 6), r"shape \(1, 6\) for \d+ pictures"),
        (lambda batch: torch.full((len(batch), 6), float("nan")), "not finite"),
    ],
)
@pytest.mark.parametrize("streams", [1, 2])
def test_outputs_that_cannot_be_explained_are_refused(predict: Predict, message: str, streams: int) -> None:
    segments = blocks()
    with pytest.raises(ValueError, match=message):
        explain_lime(
            predict, noise(segments), segments, [4], LimeParameters(samples=30), seed=0, streams=streams
        )


def test_a_negative_class_is_refused_and_no_class_is() -> None:
    segments = blocks()
    predict = probabilities_of(small_network())
    with pytest.raises(ValueError, match=r"Class -1 is not among the network's 4 classes \(0-3\)"):
        explain_lime(predict, noise(segments), segments, [-1], seed=0)
    with pytest.raises(ValueError, match="No class to explain"):
        explain_lime(predict, noise(segments), segments, [], seed=0)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (np.ones((5, 5), dtype=bool), r"shape \(5, 5\) for 6 superpixels"),
        (np.ones((1, 6), dtype=bool), "at least 2 samples"),
        (np.ones((5, 6), dtype=np.int64), "type int64"),
        (np.zeros((5, 6), dtype=bool), "first mask hides superpixels"),
    ],
)
def test_masks_that_do_not_fit_are_refused(masks: NDArray[np.bool_], message: str) -> None:
    segments = blocks()
    with pytest.raises(ValueError, match=message):
        explain_lime(probabilities_of(small_network()), noise(segments), segments, [0], masks=masks)


def test_masks_come_from_a_seed_or_as_they_are_and_not_both() -> None:
    segments = blocks()
    predict = probabilities_of(small_network())
    with pytest.raises(ValueError, match="Seed None, masks not given: give one"):
        explain_lime(predict, noise(segments), segments, [0])
    with pytest.raises(ValueError, match="Seed 1, masks given: give one"):
        explain_lime(predict, noise(segments), segments, [0], seed=1, masks=draw_masks(1, 5, 6))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"samples": 1}, "samples is 1: give at least 2"),
        ({"kernel_width": 0}, "kernel_width is 0"),
        ({"kernel_width": float("nan")}, "kernel_width is nan"),
        ({"hidden": "white"}, "hidden 'white' is none of mean, black, grey, blur"),
        ({"selection": "auto"}, "selection 'auto' is none of all, lasso_path"),
        ({"features": 0}, "features is 0"),
        ({"ridge_alpha": -1}, "ridge_alpha is -1"),
    ],
)
def test_parameters_out_of_range_are_refused(changed: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LimeParameters(**changed)  # type: ignore[arg-type]


def test_batches_and_streams_out_of_range_are_refused() -> None:
    segments = blocks()
    predict = probabilities_of(small_network())
    for wrong in ({"streams": 0}, {"batch": 0}):
        with pytest.raises(ValueError, match="give at least 1 of each"):
            explain_lime(predict, noise(segments), segments, [0], seed=0, **wrong)  # type: ignore[arg-type]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_weights_on_the_accelerator_are_those_of_the_cpu() -> None:
    pixels = patches()
    segments = segment(pixels)
    network = small_network()
    (here,) = explain_lime(probabilities_of(network), pixels, segments, [0], seed=1)
    (there,) = explain_lime(probabilities_of(network.cuda()), pixels, segments, [0], seed=1, device="cuda")
    np.testing.assert_allclose(there.weights, here.weights, atol=1e-5)
