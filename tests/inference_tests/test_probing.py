"""Probing a network whose answers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from inference.crops import Crop
from inference.images import ImageItem
from inference.perturbations.colour import ColourSeries, ColourSetting
from inference.prepared import PreparedClassifier, prepare
from inference.probing import NO_LABEL, probe
from tests.inference_tests.toy import brightness_classifier, picture

THIRDS = ColourSeries((ColourSetting("hue", 120.0), ColourSetting("hue", 240.0)))


def toy() -> PreparedClassifier:
    return prepare(brightness_classifier())


def items() -> list[ImageItem]:
    return [
        ImageItem("red", picture(200, 100, 0)),
        ImageItem("broken", b"no picture"),
        ImageItem("blue", picture(0, 50, 200)),
    ]


def test_turning_by_thirds_walks_through_the_three_colours() -> None:
    (batch,) = probe([toy()], items(), THIRDS, labels=[{"red": 0, "blue": 1}])
    assert batch.keys == ("red", "blue")
    assert [failure.key for failure in batch.failures] == ["broken"]
    (responses,) = batch.responses
    assert responses.top1.tolist() == [[0, 1, 2], [2, 0, 1]]
    # (200, 100, 0), then (0, 200, 100), then (100, 0, 200): red is first, last, second;
    # (0, 50, 200), then (200, 0, 50), then (50, 200, 0): blue is first, second, last.
    assert responses.original_rank.tolist() == [[1, 3, 2], [1, 2, 3]]
    assert responses.true_rank.tolist() == [[1, 3, 2], [2, 3, 1]]


def test_probabilities_are_those_of_the_softmax() -> None:
    (batch,) = probe([toy()], items()[:1], THIRDS, labels=[{"red": 1}])
    (responses,) = batch.responses
    softmax = np.exp(np.array([200, 100, 0]) / 255)
    softmax /= softmax.sum()
    assert responses.top1_probability[0] == pytest.approx([softmax[0]] * 3, abs=1e-5)
    assert responses.original_probability[0] == pytest.approx(softmax[[0, 2, 1]], abs=1e-5)
    assert responses.true_probability[0] == pytest.approx(softmax[[1, 0, 2]], abs=1e-5)


def test_equal_logits_rank_in_the_order_of_the_index() -> None:
    (batch,) = probe([toy()], [ImageItem("grey", picture(90, 90, 90))], THIRDS, labels=[{"grey": 2}])
    (responses,) = batch.responses
    assert responses.top1.tolist() == [[0, 0, 0]]
    assert responses.true_rank.tolist() == [[3, 3, 3]]


def test_without_a_label_there_is_no_rank_and_no_probability_of_it() -> None:
    (batch,) = probe([toy()], items()[:1], THIRDS)
    assert NO_LABEL < 0
    assert batch.responses[0].true_rank.tolist() == [[0, 0, 0]]
    assert batch.responses[0].true_probability.tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("forward_size", [1, 3, 7, 100])
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_how_pictures_are_put_together_changes_nothing(forward_size: int, batch_size: int) -> None:
    files = [ImageItem(number, picture(number * 20, 90, 255 - number * 20)) for number in range(7)]
    labels = [dict.fromkeys(range(7), 1)]
    whole = next(iter(probe([toy()], files, THIRDS, labels=labels, batch_size=7)))
    parts = list(
        probe(
            [toy()], files, THIRDS, labels=labels, batch_size=batch_size, forward_size=forward_size, workers=2
        )
    )
    assert [key for part in parts for key in part.keys] == list(whole.keys)
    for name in type(whole.responses[0]).__slots__:
        joined = np.concatenate([getattr(part.responses[0], name) for part in parts])
        np.testing.assert_allclose(joined, getattr(whole.responses[0], name), rtol=1e-6)


@dataclass
class Counted:
    """A series that counts how often it is asked."""

    calls: int = 0
    settings: int = 1

    references: tuple[int, ...] = (0,)

    def original(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels

    def changed(self, pixels: torch.Tensor, keys: Sequence[int | str]) -> Iterator[torch.Tensor]:
        assert len(keys) == len(pixels)
        self.calls += len(pixels)
        yield 255 - pixels


def test_several_classifiers_share_one_change_of_each_picture() -> None:
    series = Counted()
    (batch,) = probe([toy(), toy(), toy()], items(), series)
    assert series.calls == 2
    assert [responses.top1.tolist() for responses in batch.responses] == [[[0, 2], [2, 0]]] * 3


def test_classifiers_with_different_crops_are_refused() -> None:
    classifier = brightness_classifier()
    recipe = replace(classifier.preprocessing, crop=Crop(side=5, resize=5))
    with pytest.raises(ValueError, match="another crop"):
        list(probe([toy(), prepare(replace(classifier, preprocessing=recipe))], items(), THIRDS))
