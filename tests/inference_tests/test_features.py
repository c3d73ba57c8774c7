"""Activations of a layer: values worked out by hand, whatever the network's family, and clear refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from inference.architectures import build_network, default_preprocessing, find_architecture
from inference.classifiers import Classifier, ClassifierSpec, class_names, load_classifier
from inference.exported import FixedBatch
from inference.features import NotFiniteError, UnknownLayerError, features, find_layer, layer_names
from inference.images import ImageItem
from inference.prepared import prepare
from tests.inference_tests.toy import brightness_classifier, picture


def two_layer_network() -> nn.Module:
    """Mean colours doubled by a convolution, its batch norm, and a linear layer over them."""
    network = nn.Sequential(
        nn.Conv2d(3, 3, 1, bias=False),
        nn.BatchNorm2d(3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(3, 3),
    )
    convolution, norm, linear = network[0], network[1], network[4]
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert isinstance(linear, nn.Linear)
    convolution.weight.data = 2 * torch.eye(3).view(3, 3, 1, 1)
    assert norm.running_mean is not None
    norm.running_mean.fill_(0.5)
    linear.weight.data = torch.eye(3).flip(0)
    linear.bias.data.zero_()
    return network.eval().requires_grad_(False)


NORM = 1 / np.sqrt(1 + 1e-5)


def test_penultimate_is_what_the_last_linear_layer_gets() -> None:
    classifier = brightness_classifier(two_layer_network())
    layer = find_layer(classifier)
    assert str(layer) == "input of 4"
    (batch,) = features(classifier, [ImageItem("a", picture(51, 255, 0))], layer=layer)
    assert batch.keys == ("a",)
    assert batch.features.dtype == np.float32
    # Doubled colours less the running mean: 0.4 - 0.5, 2 - 0.5, 0 - 0.5.
    assert batch.features[0] == pytest.approx(np.array([-0.1, 1.5, -0.5]) * NORM, abs=1e-6)


def test_spatial_maps_are_averaged_over_their_positions() -> None:
    classifier = brightness_classifier(two_layer_network())
    layer = find_layer(classifier, "0")
    (batch,) = features(classifier, [ImageItem(1, picture(51, 255, 0))], layer=layer)
    assert batch.features[0] == pytest.approx([0.4, 2.0, 0.0], abs=1e-6)


def test_a_folded_network_is_asked_only_where_folding_changed_nothing() -> None:
    classifier = brightness_classifier(two_layer_network())
    prepared = prepare(classifier)
    assert prepared.folded
    items = [ImageItem(index, picture(10 * index, 90, 200)) for index in range(5)]
    for name in ("penultimate", "0", "3", "output"):
        layer = find_layer(classifier, name)
        (loaded,) = features(classifier, items, layer=layer)
        (folded,) = features(prepared, items, layer=layer)
        assert folded.features == pytest.approx(loaded.features, abs=1e-5), name


def test_the_output_is_a_layer_too() -> None:
    classifier = brightness_classifier(two_layer_network())
    layer = find_layer(classifier, "output")
    (batch,) = features(classifier, [ImageItem(1, picture(51, 255, 0))], layer=layer)
    assert batch.features[0] == pytest.approx(np.array([-0.5, 1.5, -0.1]) * NORM, abs=1e-6)


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_the_arrangement_of_the_work_changes_nothing(workers: int, batch_size: int) -> None:
    classifier = brightness_classifier(two_layer_network())
    sources = [picture(25 * index, 90, 255 - 20 * index) for index in range(9)]
    sources[4] = b"no picture"
    items = [ImageItem(index, source) for index, source in enumerate(sources)]
    layer = find_layer(classifier)
    batches = list(features(prepare(classifier), items, layer=layer, batch_size=batch_size, workers=workers))
    assert [key for batch in batches for key in batch.keys] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert [failure.key for batch in batches for failure in batch.failures] == [4]
    rows = np.concatenate([batch.features for batch in batches if len(batch.keys)])
    red = np.array([25 * index / 255 for index in (0, 1, 2, 3, 5, 6, 7, 8)])
    assert rows[:, 0] == pytest.approx((2 * red - 0.5) * NORM, abs=1e-6)


def test_an_unknown_layer_is_refused_with_the_nearest_name() -> None:
    classifier = load_classifier(ClassifierSpec("lite0", "efficientnet_lite0"), "cpu")
    with pytest.raises(UnknownLayerError, match=r"lite0 has no layer '_block\.3'\. Nearest: _blocks\.3"):
        find_layer(classifier, "_block.3")
    assert str(find_layer(classifier)) == "input of _fc"
    assert layer_names(classifier)[:2] == ("penultimate", "output")


def test_a_layer_that_runs_twice_is_refused() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            means: torch.Tensor = self.relu(self.relu(inputs).mean(dim=(2, 3)))
            return means

    classifier = brightness_classifier(Twice())
    with pytest.raises(UnknownLayerError, match="runs 2 times"):
        find_layer(classifier, "relu")
    with pytest.raises(UnknownLayerError, match=r"3 outputs.*name a layer"):
        find_layer(classifier)


def test_activations_that_are_not_finite_name_the_picture() -> None:
    network = two_layer_network()
    linear = network[4]  # type: ignore[index]
    norm = network[1]  # type: ignore[index]
    assert isinstance(norm, nn.BatchNorm2d)
    assert isinstance(linear, nn.Linear)

    class Overflowing(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.where(inputs > 0.9, float("nan"), inputs)

    network = nn.Sequential(Overflowing(), *network)  # type: ignore[misc]
    classifier = brightness_classifier(network)
    items = [ImageItem(index, picture(100, 100, 60 * index)) for index in range(5)]
    with pytest.raises(NotFiniteError, match="picture 4") as caught:
        list(features(classifier, items, layer=find_layer(classifier, "4")))
    assert caught.value.key == 4


@pytest.mark.parametrize(
    ("architecture", "module", "dimensions"),
    [
        ("resnet18", "fc", 512),
        ("alexnet", "classifier.6", 4096),
        ("mobilenet_v3_small", "classifier.3", 1024),
        ("vit_b_32", "heads.head", 768),
        ("squeezenet1_0", "classifier.1", 512),
        ("digits_cnn", "9", 128),
        ("digits_linear", "1", 64),
    ],
)
def test_the_penultimate_layer_of_every_family_is_found(
    architecture: str, module: str, dimensions: int
) -> None:
    known = find_architecture(architecture)
    classes = known.classes or 1000
    network = build_network(known, classes).eval()
    spec = ClassifierSpec(architecture, architecture, classes=classes)
    recipe = default_preprocessing(known, from_file=True, pretrained="")
    classifier = Classifier(spec, network, recipe, class_names(spec), "", "", torch.device("cpu"))
    layer = find_layer(classifier)
    assert layer.module == module
    (batch,) = features(classifier, [ImageItem(0, picture(1, 2, 3))], layer=layer)
    assert batch.features.shape == (1, dimensions)


def test_maps_with_channels_last_are_averaged_over_positions_too() -> None:
    class ChannelsLast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.turn = nn.Identity()

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            turned: torch.Tensor = self.turn(inputs.permute(0, 2, 3, 1))
            return turned.mean(dim=(1, 2))

    classifier = brightness_classifier(ChannelsLast())
    (batch,) = features(classifier, [ImageItem(0, picture(255, 51, 0))], layer=find_layer(classifier, "turn"))
    assert batch.features[0] == pytest.approx([1.0, 0.2, 0.0], abs=1e-6)


def test_a_network_of_a_fixed_batch_size_gives_the_same_features() -> None:
    plain = brightness_classifier(two_layer_network())
    fixed = brightness_classifier(FixedBatch(two_layer_network(), 2))
    items = [ImageItem(index, picture(40 * index, 90, 10)) for index in range(5)]
    (expected,) = features(plain, items, layer=find_layer(plain))
    (batch,) = features(fixed, items, layer=find_layer(fixed))
    assert batch.features == pytest.approx(expected.features, abs=1e-6)


def test_a_torchscript_file_shows_only_its_output(tmp_path: Path) -> None:
    scripted = torch.jit.script(two_layer_network())
    spec = replace(brightness_classifier().spec, architecture="torchscript")
    classifier = replace(brightness_classifier(scripted), spec=spec)
    with pytest.raises(UnknownLayerError, match=r"torchscript file.*'output'"):
        find_layer(classifier)
    (batch,) = features(
        classifier, [ImageItem(0, picture(51, 255, 0))], layer=find_layer(classifier, "output")
    )
    assert batch.features[0] == pytest.approx(np.array([-0.5, 1.5, -0.1]) * NORM, abs=1e-6)


def test_reading_leaves_no_hook_behind() -> None:
    classifier = brightness_classifier(two_layer_network())
    list(features(classifier, [ImageItem(0, picture(1, 2, 3))], layer=find_layer(classifier)))
    assert not any(module._forward_hooks for module in classifier.network.modules())
