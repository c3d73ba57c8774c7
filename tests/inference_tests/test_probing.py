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
from inference.probing import MOST_ON_CPU, NO_LABEL, probe
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
        if name.endswith("probability"):
            np.testing.assert_allclose(joined, getattr(whole.responses[0], name), rtol=1e-6)
        else:
            np.testing.assert_array_equal(joined, getattr(whole.responses[0], name))


@dataclass
class Darker:
    """Each picture is a little darker than the one before, which it refers to; `made` counts them."""

    settings: int
    made: int = 0

    @property
    def references(self) -> tuple[int, ...]:
        return tuple(range(self.settings))

    def original(self, pixels: torch.Tensor) -> torch.Tensor:
        self.made += len(pixels)
        return pixels

    def changed(self, pixels: torch.Tensor, keys: Sequence[int | str]) -> Iterator[torch.Tensor]:
        for _ in range(self.settings):
            # Red fades fastest, so that the answer changes on the way.
            pixels = pixels - torch.minimum(pixels, torch.tensor([3, 2, 1], dtype=torch.uint8))
            self.made += len(pixels)
            yield pixels


@pytest.mark.parametrize("forward_size", [1, 5, 64, 250, None])
def test_a_long_series_is_made_as_it_is_needed_and_goes_through_in_even_slices(
    forward_size: int | None,
) -> None:
    series = Darker(settings=99)
    prepared = toy()
    seen: list[int] = []
    waiting: list[int] = []

    def passing(network: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        waiting.append(series.made - sum(seen))
        seen.append(len(inputs[0]))

    prepared.network.register_forward_pre_hook(passing)
    files = [ImageItem(number, picture(200, 180 - number, 160)) for number in range(3)]
    (batch,) = probe([prepared], files, series, forward_size=forward_size, workers=0)
    most = forward_size or MOST_ON_CPU
    assert sum(seen) == 3 * 100
    assert len(seen) == -(-300 // most)
    assert max(seen) <= most
    assert max(seen) - min(seen) < len(seen)
    assert max(waiting) <= 2 * most
    (responses,) = batch.responses
    top1, rank = responses.top1, responses.original_rank
    assert (top1[:, 0].tolist(), top1[:, -1].tolist()) == ([0] * 3, [2] * 3)
    # What came before is still the top, or another class has passed it.
    np.testing.assert_array_equal(rank[:, 1:] == 1, top1[:, 1:] == top1[:, :-1])


def test_a_setting_that_refers_to_a_later_one_is_refused() -> None:
    with pytest.raises(ValueError, match="Setting 1 refers to 2, a later one"):
        list(probe([toy()], items(), Counted(references=(2,))))


def test_a_forward_pass_of_no_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="Forward size 0"):
        list(probe([toy()], items(), THIRDS, forward_size=0))


def test_outputs_that_are_not_finite_are_refused_with_the_pictures_named() -> None:
    prepared = toy()
    for values in prepared.network.state_dict().values():
        values.fill_(float("nan"))
    with pytest.raises(ValueError, match="not finite for changes of picture red to blue"):
        list(probe([prepared], items(), THIRDS))


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
