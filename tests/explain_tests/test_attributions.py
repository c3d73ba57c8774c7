"""Captum's methods on superpixels: exact on networks with written-in weights, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from explain.attributions import (
    AttributionMethod,
    AttributionParameters,
    Forward,
    explain_attribution,
)
from explain.explanations import ONE_SUPERPIXEL
from explain.masking import Hidden, hidden_picture
from tests.explain_tests.toy_pictures import blocks, noise, small_network

METHODS: tuple[AttributionMethod, ...] = (
    "integrated_gradients",
    "gradcam",
    "occlusion",
    "feature_ablation",
)
PIXELWISE: tuple[AttributionMethod, ...] = ("integrated_gradients", "occlusion", "feature_ablation")
SEGMENTS = blocks()
PIXELS = noise(SEGMENTS)


def weight_planes(classes: int = 2) -> torch.Tensor:
    """Weights (classes, 3, h, w) of a linear network."""
    generator = torch.Generator().manual_seed(5)
    return torch.randn(classes, 3, *SEGMENTS.shape, generator=generator)


def linear(planes: torch.Tensor) -> Forward:
    return lambda pictures: torch.einsum("nchw,kchw->nk", pictures, planes)


def effects(planes: torch.Tensor, explained: int, hidden: Hidden) -> np.ndarray:  # type: ignore[type-arg]
    """What each superpixel adds to a linear output over its hidden colours, by hand."""
    difference = (PIXELS.astype(np.float64) - hidden_picture(PIXELS, SEGMENTS, hidden)) / 255
    per_pixel = (difference * planes[explained].permute(1, 2, 0).numpy()).sum(axis=2)
    return np.array([per_pixel[index == SEGMENTS].sum() for index in range(6)])


@pytest.mark.parametrize("method", ["integrated_gradients", "feature_ablation"])
@pytest.mark.parametrize("hidden", ["black", "grey", "mean"])
def test_weights_of_a_linear_network_are_what_each_superpixel_adds(
    method: AttributionMethod, hidden: Hidden
) -> None:
    planes = weight_planes()
    parameters = AttributionParameters(method=method, hidden=hidden)
    found = explain_attribution(linear(planes), PIXELS, SEGMENTS, [1, 0], parameters)
    for explanation, explained in zip(found, [1, 0], strict=True):
        assert explanation.method == method
        assert explanation.explained_class == explained
        np.testing.assert_allclose(explanation.weights, effects(planes, explained, hidden), atol=1e-4)
        assert explanation.fit is None
        assert explanation.intercept is None


def test_integrated_gradients_add_up_to_the_change_of_the_output_and_state_the_gap() -> None:
    network = small_network()
    (found,) = explain_attribution(
        network,
        PIXELS,
        SEGMENTS,
        [2],
        AttributionParameters(method="integrated_gradients", steps=200),
    )
    with torch.inference_mode():
        picture = torch.from_numpy(PIXELS).permute(2, 0, 1)[None].float() / 255
        change = float(network(picture)[0, 2] - network(torch.zeros_like(picture))[0, 2])
    assert found.weights.sum() == pytest.approx(change + found.details["convergence_gap"], abs=1e-5)
    assert abs(found.details["convergence_gap"]) < 0.02


def test_feature_ablation_is_what_hiding_one_superpixel_takes_away() -> None:
    network = small_network(seed=3)
    parameters = AttributionParameters(method="feature_ablation", hidden="mean", output="probability")
    (found,) = explain_attribution(network, PIXELS, SEGMENTS, [1], parameters, batch=4)
    hidden = hidden_picture(PIXELS, SEGMENTS, "mean")

    def probability(pixels: np.ndarray) -> float:  # type: ignore[type-arg]
        with torch.inference_mode():
            unit = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
            return float(network(unit).softmax(dim=1)[0, 1])

    expected = [
        probability(PIXELS) - probability(np.where((index == SEGMENTS)[..., None], hidden, PIXELS))
        for index in range(6)
    ]
    np.testing.assert_allclose(found.weights, expected, atol=1e-6)


def test_occlusion_is_the_mean_effect_of_the_squares_over_a_superpixel() -> None:
    planes = weight_planes(1)
    # Squares of 4 of 8 pixels' side, moved by 2.
    parameters = AttributionParameters(method="occlusion", window=0.5)
    (found,) = explain_attribution(linear(planes), PIXELS, SEGMENTS, [0], parameters, batch=3)
    per_pixel = (PIXELS / 255 * planes[0].permute(1, 2, 0).numpy()).sum(axis=2)
    total, times = np.zeros(SEGMENTS.shape), np.zeros(SEGMENTS.shape)
    for top in range(0, 5, 2):
        for left in range(0, 9, 2):
            square = np.s_[top : top + 4, left : left + 4]
            total[square] += per_pixel[square].sum()
            times[square] += 1
    expected = [(total / times)[index == SEGMENTS].mean() for index in range(6)]
    np.testing.assert_allclose(found.weights, expected, atol=1e-4)


class TwoFilters(nn.Module):
    """Two 2 x 2 filters with known weights, their means, and a linear layer: GradCAM can be worked out."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(3, 2, 2, stride=2, bias=False)
        self.filters.weight.data = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(1))
        self.head = nn.Linear(2, 3, bias=False)
        self.head.weight.data = torch.tensor([[1.0, -2.0], [0.5, 0.25], [-1.0, 3.0]])

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures (n, 3, h, w) to logits (n, 3)."""
        logits: torch.Tensor = self.head(self.filters(pictures).mean(dim=(2, 3)))
        return logits


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("layer", ["filters", None])
def test_gradcam_is_the_weighted_sum_of_the_layers_maps_scaled_up(relu: bool, layer: str | None) -> None:
    network = TwoFilters().requires_grad_(False)
    parameters = AttributionParameters(method="gradcam", layer=layer, relu=relu)
    (found,) = explain_attribution(network, PIXELS, SEGMENTS, [2], parameters, network=network)
    picture = torch.from_numpy(PIXELS).permute(2, 0, 1)[None].float() / 255
    maps = network.filters(picture)
    places = maps.shape[2] * maps.shape[3]
    # The gradient of the logit by each place of a map is its head weight over the number of places.
    coarse = (maps * (network.head.weight[2] / places).view(1, 2, 1, 1)).sum(dim=1, keepdim=True)
    coarse = coarse.relu() if relu else coarse
    fine = functional.interpolate(coarse, size=SEGMENTS.shape, mode="bilinear")[0, 0].numpy()
    expected = [fine[index == SEGMENTS].mean() for index in range(6)]
    np.testing.assert_allclose(found.weights, expected, atol=1e-6)
    assert found.parameters["layer"] == "filters"


def test_gradcam_looks_at_the_last_convolution_even_before_a_layer_that_works_in_place() -> None:
    network = small_network()
    parameters = AttributionParameters(method="gradcam")
    # 8 x 12 pixels leave 2 x 3 places after two strides.
    (found,) = explain_attribution(network, PIXELS, SEGMENTS, [0], parameters, network=network)
    assert found.parameters["layer"] == "2"
    assert np.isfinite(found.weights).all()
    assert (found.weights >= 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_one_weight_a_superpixel_and_the_pictures_probabilities(
    method: AttributionMethod,
) -> None:
    network = small_network()
    # As a job runs: gradients may be switched off around it.
    with torch.inference_mode():
        found = explain_attribution(
            network,
            PIXELS,
            SEGMENTS,
            [0, 3],
            AttributionParameters(method=method, relu=False),
            network=network,
        )
        unit = torch.from_numpy(PIXELS).permute(2, 0, 1)[None].float() / 255
        expected = network(unit).softmax(dim=1)[0].numpy()
    for explanation in found:
        assert explanation.superpixels == 6
        np.testing.assert_allclose(explanation.probabilities, expected, atol=1e-6)
    assert found[0].probability == pytest.approx(float(expected[0]), abs=1e-6)
    assert not np.array_equal(found[0].weights, found[1].weights)
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("method", METHODS)
def test_a_picture_of_one_superpixel_has_one_weight_and_says_so(method: AttributionMethod) -> None:
    network = small_network()
    (found,) = explain_attribution(
        network,
        PIXELS,
        np.zeros_like(SEGMENTS),
        [0],
        AttributionParameters(method=method),
        network=network,
    )
    assert found.weights.shape == (1,)
    assert found.flags == (ONE_SUPERPIXEL,)


@pytest.mark.parametrize("method", ["integrated_gradients", "gradcam"])
def test_a_classifier_without_gradients_is_refused_with_methods_that_need_none(
    method: AttributionMethod,
) -> None:
    network = small_network()
    with pytest.raises(ValueError, match=f"{method} needs gradients.*lime, occlusion or feature_ablation"):
        explain_attribution(
            lambda pictures: network(pictures.detach()),
            PIXELS,
            SEGMENTS,
            [0],
            AttributionParameters(method=method),
            network=network,
        )


def test_gradients_that_are_not_finite_are_refused() -> None:
    # The square root's slope at 0 is infinite, and 0 times infinity is no number.
    def forward(pictures: torch.Tensor) -> torch.Tensor:
        return (pictures * 0).sqrt().sum(dim=(2, 3))

    with pytest.raises(ValueError, match="integrated_gradients gives attributions that are not finite for"):
        explain_attribution(
            forward, PIXELS, SEGMENTS, [1], AttributionParameters(method="integrated_gradients")
        )


@pytest.mark.parametrize("method", PIXELWISE)
def test_outputs_that_are_not_finite_are_refused(method: AttributionMethod) -> None:
    def forward(pictures: torch.Tensor) -> torch.Tensor:
        return pictures.mean(dim=(2, 3)) / 0

    with pytest.raises(ValueError, match="outputs that are not finite for this picture"):
        explain_attribution(forward, PIXELS, SEGMENTS, [0], AttributionParameters(method=method))


def test_a_layer_that_does_not_exist_is_refused_with_the_nearest_name() -> None:
    network = TwoFilters()
    with pytest.raises(ValueError, match="no layer 'filter': the nearest are filters"):
        explain_attribution(
            network,
            PIXELS,
            SEGMENTS,
            [0],
            AttributionParameters(method="gradcam", layer="filter"),
            network=network,
        )
    with pytest.raises(ValueError, match="no layer 'zzz': it has filters, head"):
        explain_attribution(
            network,
            PIXELS,
            SEGMENTS,
            [0],
            AttributionParameters(method="gradcam", layer="zzz"),
            network=network,
        )


def test_a_layer_without_places_is_refused() -> None:
    network = TwoFilters()
    parameters = AttributionParameters(method="gradcam", layer="head")
    with pytest.raises(ValueError, match=r"Layer 'head' gives \(1, 3\), which has no places"):
        explain_attribution(network, PIXELS, SEGMENTS, [0], parameters, network=network)


def test_a_layer_that_the_forward_pass_leaves_out_is_refused() -> None:
    network, other = TwoFilters(), TwoFilters()
    parameters = AttributionParameters(method="gradcam", layer="filters")
    with pytest.raises(ValueError, match="'filters' takes no part in the forward pass"):
        explain_attribution(other, PIXELS, SEGMENTS, [0], parameters, network=network)


def test_a_layer_behind_a_step_without_gradients_is_refused() -> None:
    network = TwoFilters().requires_grad_(False)
    planes = weight_planes(3)

    def forward(pictures: torch.Tensor) -> torch.Tensor:
        return network(pictures.detach()) + linear(planes)(pictures)

    parameters = AttributionParameters(method="gradcam", layer="filters")
    with pytest.raises(ValueError, match="Layer 'filters' gives no gradients"):
        explain_attribution(forward, PIXELS, SEGMENTS, [0], parameters, network=network)


def test_gradcam_without_a_network_or_a_convolution_is_refused() -> None:
    parameters = AttributionParameters(method="gradcam")
    with pytest.raises(ValueError, match="give the network that the forward function runs"):
        explain_attribution(linear(weight_planes()), PIXELS, SEGMENTS, [0], parameters)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * SEGMENTS.size, 2))
    with pytest.raises(ValueError, match=r"no convolution whose output has more than one place.*8 x 12"):
        explain_attribution(flat, PIXELS, SEGMENTS, [0], parameters, network=flat)


@pytest.mark.parametrize("explained", [-1, 4])
@pytest.mark.parametrize("method", METHODS)
def test_a_class_out_of_range_is_refused(method: AttributionMethod, explained: int) -> None:
    network = small_network()
    with pytest.raises(ValueError, match=f"Class {explained} is not among the network's 4 classes"):
        explain_attribution(
            network, PIXELS, SEGMENTS, [explained], AttributionParameters(method=method), network=network
        )


def test_outputs_that_are_no_logits_and_no_classes_are_refused() -> None:
    parameters = AttributionParameters(method="occlusion")
    with pytest.raises(ValueError, match=r"outputs of shape \(1,\) for one picture"):
        explain_attribution(lambda pictures: pictures.sum(dim=(1, 2, 3)), PIXELS, SEGMENTS, [0], parameters)
    with pytest.raises(ValueError, match="No class to explain"):
        explain_attribution(linear(weight_planes()), PIXELS, SEGMENTS, [], parameters)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"method": "shap"}, "'shap' is none of integrated_gradients, gradcam, occlusion, feature_ablation"),
        ({"output": "loss"}, "'loss' is none of logit, probability"),
        ({"hidden": "white"}, "'white' is none of"),
        ({"steps": 0}, "0 steps: give at least 1"),
        ({"window": 0}, "window is 0 of the side"),
        ({"window": 1.5}, "window is 1.5 of the side"),
    ],
)
def test_parameters_out_of_range_are_refused(changed: dict[str, object], message: str) -> None:
    values = {"method": "occlusion"} | changed
    with pytest.raises(ValueError, match=message):
        AttributionParameters(**values)  # type: ignore[arg-type]
