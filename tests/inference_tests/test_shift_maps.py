"""Maps of a shift on networks whose answers can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from inference.features import Layer
from inference.perturbations.shift import CropShift, PatchShift, plain_background
from inference.prepared import prepare
from inference.shift_maps import ShiftPart, shift_answers
from tests.inference_tests.toy import brightness_classifier

RED = torch.tensor([255, 0, 0, 255], dtype=torch.uint8).view(1, 1, 4).expand(2, 2, 4)


def joined(parts: list[ShiftPart]) -> tuple[list[int], np.ndarray]:
    return (
        [int(number) for part in parts for number in part.numbers],
        np.concatenate([part.probability for part in parts]),
    )


def test_a_network_that_averages_over_the_picture_does_not_see_where_the_patch_is() -> None:
    shift = PatchShift(plain_background(8), RED)
    parts = list(shift_answers(prepare(brightness_classifier()), shift, target=0, batch_size=5))
    numbers, probability = joined(parts)
    assert numbers == list(range(49))
    mean = 4 / 64
    expected = np.exp(mean) / (np.exp(mean) + 2)
    assert probability == pytest.approx(np.full(49, expected), abs=1e-6)
    assert {int(top1) for part in parts for top1 in part.top1} == {0}
    assert parts[0].cosine == {}


def test_the_cosine_with_an_anchor_is_one_at_the_anchor_and_falls_with_what_the_layer_sees() -> None:
    # The layer before the pooling sees places: pictures of patches that do not overlap are orthogonal there.
    classifier = brightness_classifier()
    network = classifier.network
    assert isinstance(network, nn.Sequential)
    shift = PatchShift(plain_background(8), RED)
    parts = list(
        shift_answers(prepare(classifier), shift, target=0, layer=Layer("0", "output"), batch_size=10)
    )
    maps = {
        name: np.concatenate([part.cosine[name] for part in parts]).reshape(7, 7)
        for name in shift.places.anchors()
    }
    for name, number in shift.places.anchors().items():
        row, column = divmod(number, 7)
        assert maps[name][row, column] == pytest.approx(1.0, abs=1e-6)
    # One column to the right the patches share half of their pixels, two to the right none.
    assert maps["top left"][0, :3] == pytest.approx([1.0, 0.5, 0.0], abs=1e-6)
    assert maps["bottom right"][0, 0] == pytest.approx(0.0, abs=1e-6)


def test_without_a_module_the_logits_are_compared() -> None:
    shift = CropShift(torch.zeros(8, 8, 3, dtype=torch.uint8), side=4)
    parts = list(shift_answers(prepare(brightness_classifier()), shift, target=2, layer=Layer("", "output")))
    assert sum(len(part.numbers) for part in parts) == 25
    assert set(parts[0].cosine) == set(shift.places.anchors())


def test_a_class_that_is_not_there_is_refused() -> None:
    shift = PatchShift(plain_background(8), RED)
    with pytest.raises(ValueError, match="Class 3 is not among the 3 classes"):
        list(shift_answers(prepare(brightness_classifier()), shift, target=3))


def test_a_part_of_the_places_is_compared_with_the_anchors_of_the_whole() -> None:
    classifier = prepare(brightness_classifier())
    shift = PatchShift(plain_background(8), RED)
    layer = Layer("0", "output")
    whole = list(shift_answers(classifier, shift, target=0, layer=layer))
    part = list(shift_answers(classifier, shift, target=0, layer=layer, numbers=range(30, 41), batch_size=4))
    numbers, probability = joined(part)
    assert numbers == list(range(30, 41))
    assert probability == pytest.approx(joined(whole)[1][30:41])
    cosine, expected = (np.concatenate([each.cosine["centre"] for each in parts]) for parts in (part, whole))
    assert cosine == pytest.approx(expected[30:41], abs=1e-6)
