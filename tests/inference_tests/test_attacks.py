"""IFGM against a plain loop and a linear classifier worked out by hand; stop rules, space, failures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from inference.attack_network import prepare_attack
from inference.attack_parameters import (
    IMAGENET_STD,
    LUMA,
    AttackParameters,
    step_in_grey_levels,
    unit_of_space,
)
from inference.attack_results import AttackResult
from inference.attacks import attack
from inference.classifiers import Classifier, ClassifierSpec
from inference.crops import Crop, Pixels
from inference.imagenet import ClassName
from inference.preprocessing import Preprocessing, caffe_squeezenet, digits, efficientnet_lite, imagenet
from tests.inference_tests.toy import SIDE, brightness_classifier

PIXEL = AttackParameters(step=1 / 255, space="pixel")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only wait for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def classifier_of(network: nn.Module, recipe: Preprocessing, classes: int = 3) -> Classifier:
    return Classifier(
        spec=ClassifierSpec("small", "toy", classes=classes),
        network=network.eval().requires_grad_(False),
        preprocessing=recipe,
        classes=tuple(ClassName(index, str(index)) for index in range(classes)),
        weights_digest="0" * 64,
        weights_source="written in",
        device=torch.device("cpu"),
    )


def recipe_of(side: int = 6) -> Preprocessing:
    return Preprocessing(Crop(side=side, resize=side), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))


def convolutional(seed: int = 3, channels: int = 3, classes: int = 4) -> nn.Module:
    """A small random network whose answers are close to each other, so that a few steps flip them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.Tanh(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, classes),
        ).eval()


def random_pixels(count: int, side: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def says(classifier: Classifier, pictures: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = classifier.network(classifier.preprocessing.normalise_unit(pictures))
    return logits


def unit(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255


def undecided_pixels(classifier: Classifier, count: int, side: int, seed: int = 0) -> Pixels:
    """Random pictures on which the best two classes are near to each other, at growing distances."""
    pixels = random_pixels(12 * count, side, seed)
    best = says(classifier, unit(pixels)).topk(2).values
    order = (best[:, 0] - best[:, 1]).argsort()[: 8 * count : 8].numpy()
    return pixels[order]


def right_labels(classifier: Classifier, pixels: Pixels) -> NDArray[np.int64]:
    labels: NDArray[np.int64] = says(classifier, unit(pixels)).argmax(dim=1).numpy()
    return labels


def plain_loop(
    classifier: Classifier, pixels: Pixels, label: int, parameters: AttackParameters
) -> tuple[torch.Tensor, int, int]:
    """The method as one writes it down, one picture, all steps: last iterate, float flip, displayed flip."""
    start = unit(pixels[None])
    std = torch.tensor(unit_of_space(parameters, classifier.preprocessing)).view(1, 3, 1, 1)
    picture, flip, displayed = start.clone(), parameters.steps + 1, parameters.steps + 1
    for step in range(1, parameters.steps + 1):
        picture.requires_grad_(True)
        loss = functional.cross_entropy(
            classifier.network(classifier.preprocessing.normalise_unit(picture)), torch.tensor([label])
        )
        gradient = torch.autograd.grad(loss, picture)[0] * std
        direction = gradient.sign() if parameters.norm == "linf" else gradient / gradient.norm()
        picture = (picture + parameters.step * std * direction).detach()
        if parameters.radius and parameters.norm == "linf":
            picture = start + std * ((picture - start) / std).clamp(-parameters.radius, parameters.radius)
        elif parameters.radius:
            picture = start + (picture - start) * min(
                1.0, parameters.radius / ((picture - start) / std).norm()
            )
        picture = picture.clamp(0, 1)
        flip = min(flip, step if says(classifier, picture).argmax() != label else flip)
        rounded = (picture * 255).round() / 255
        displayed = min(displayed, step if says(classifier, rounded).argmax() != label else displayed)
    return picture, flip, displayed


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("space", ["normalised", "pixel"])
@pytest.mark.parametrize("radius", [None, 0.03])
@pytest.mark.parametrize("step_std", ["imagenet", "model"])
def test_every_picture_ends_where_the_plain_loop_ends(
    norm: Any, space: Any, radius: float | None, step_std: Any
) -> None:
    classifier = classifier_of(convolutional(), recipe_of(), classes=4)
    pixels = undecided_pixels(classifier, 9, 6)
    labels = right_labels(classifier, pixels)
    step = 0.02 if norm == "linf" else 0.2
    long_way = 14 if radius and norm == "l2" else 2
    parameters = AttackParameters(
        step=step,
        norm=norm,
        space=space,
        radius=radius and radius * long_way,
        step_std=step_std,
        stop="never",
    )
    result = attack(prepare_attack(classifier, batch_size=4), pixels, labels, parameters, keep_float=True)
    assert result.float_pictures is not None
    flips = set()
    for index in range(len(pixels)):
        picture, flip, displayed = plain_loop(classifier, pixels[index], int(labels[index]), parameters)
        assert result.float_pictures[index] == pytest.approx(picture[0].numpy(), abs=2e-6)
        assert (result.steps_to_flip[index], result.steps_to_displayed_flip[index]) == (flip, displayed)
        flips.add(flip)
    assert len(flips) > 1
    assert (result.steps_taken == 10).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("stop", ["displayed_flip", "float_flip"])
def test_stopping_early_changes_no_step_to_flip(norm: Any, stop: Any) -> None:
    classifier = classifier_of(convolutional(), recipe_of(), classes=4)
    pixels = undecided_pixels(classifier, 23, 6, seed=1)
    labels = right_labels(classifier, pixels)
    never = AttackParameters(step=0.004 if norm == "linf" else 0.06, norm=norm, steps=12, stop="never")
    everything = attack(prepare_attack(classifier, batch_size=5), pixels, labels, never)
    stopped = attack(prepare_attack(classifier, batch_size=5), pixels, labels, replace(never, stop=stop))
    decisive = everything.steps_to_displayed_flip if stop == "displayed_flip" else everything.steps_to_flip
    assert (stopped.steps_taken == np.minimum(decisive, 12)).all()
    assert (decisive <= 12).sum() > 0
    if stop == "displayed_flip":
        assert (stopped.steps_to_displayed_flip == everything.steps_to_displayed_flip).all()
        cut_short = everything.steps_to_flip > stopped.steps_taken
    else:
        assert (stopped.steps_to_flip == everything.steps_to_flip).all()
        cut_short = everything.steps_to_displayed_flip > stopped.steps_taken
    other = stopped.steps_to_flip if stop == "displayed_flip" else stopped.steps_to_displayed_flip
    assert (other[cut_short] == 13).all()


def linear(weights: list[float], side: int = 2) -> Classifier:
    """Two logits: the weighted sum of all pixels' mean channel values, and 0; pixels as they are."""
    network = nn.Sequential(nn.AvgPool2d(side), nn.Flatten(), nn.Linear(3, 2))
    head = network[2]
    assert isinstance(head, nn.Linear)
    head.weight.data = torch.tensor([weights, [0.0, 0.0, 0.0]])
    head.bias.data = torch.tensor([-0.5 * sum(weights), 0.0])
    recipe = Preprocessing(Crop(side=side, resize=side), mean=(0.0,) * 3, std=(1.0,) * 3)
    return classifier_of(network, recipe, classes=2)


def test_a_linear_classifier_flips_at_the_step_worked_out_by_hand() -> None:
    # Logit 1 - 1/2 of grey level g is g/255 - 1/2; every step takes 3/255 off the one side: g = 140 is
    # 12.5 levels above a half, so the fifth step is the first below.
    classifier = linear([1.0, 0.0, 0.0])
    pixels = np.full((3, 2, 2, 3), 140, dtype=np.uint8)
    pixels[1, ..., 0], pixels[2, ..., 0] = 128, 100
    parameters = AttackParameters(step=3 / 255, space="pixel", stop="never")
    result = attack(prepare_attack(classifier), pixels, np.array([0, 0, 0]), parameters)
    assert result.steps_to_flip.tolist() == [5, 1, 0]
    assert result.steps_to_displayed_flip.tolist() == [5, 1, 0]
    # Only red carries a gradient: green and blue stay.
    assert result.displayed_pixels[0].tolist() == [[[110, 140, 140]] * 2] * 2
    assert result.displayed_linf.tolist() == [30, 30, 0]
    assert result.displayed_l2 == pytest.approx([60, 60, 0])
    assert result.wrong_at_start.tolist() == [False, False, True]
    margin = (140 - 127.5) / 255
    assert result.clean.probability[0] == pytest.approx(1 / (1 + math.exp(-margin)), abs=1e-6)
    assert result.float32.true_probability[0] == pytest.approx(
        1 / (1 + math.exp((127.5 - 110) / 255)), abs=1e-6
    )


def test_a_unit_gradient_step_of_a_linear_classifier_has_the_length_of_the_step() -> None:
    classifier = linear([0.6, 0.0, 0.8])
    pixels = np.full((1, 2, 2, 3), 200, dtype=np.uint8)
    parameters = AttackParameters(step=0.1, steps=1, norm="l2", space="pixel", stop="never")
    result = attack(prepare_attack(classifier), pixels, np.array([0]), parameters, keep_float=True)
    assert result.float_l2 == pytest.approx([25.5], rel=1e-5)
    assert result.float_pictures is not None
    # 0.1 over four pixels of two channels in the ratio 6 to 8: 0.03 and 0.04 each.
    expected = 200 / 255 - np.array([0.03, 0.0, 0.04])
    assert result.float_pictures[0, :, 1, 0] == pytest.approx(expected, abs=1e-6)


def test_below_half_a_grey_level_the_file_is_the_clean_crop_and_is_not_judged_again() -> None:
    classifier = linear([1.0, 1.0, 1.0])
    pixels = np.full((1, 2, 2, 3), 128, dtype=np.uint8)
    # 0.2 grey levels a step: float flips after three, the file not before.
    parameters = AttackParameters(step=0.2 / 255, steps=4, space="pixel")
    result = attack(prepare_attack(classifier), pixels, np.array([0]), parameters)
    assert (result.steps_to_flip[0], result.steps_to_displayed_flip[0], result.steps_taken[0]) == (3, 3, 3)
    pixels += 1
    result = attack(prepare_attack(classifier), pixels, np.array([0]), replace(parameters, steps=2))
    assert (result.displayed_pixels == pixels).all()
    # Clean, first and second iterate: three passes and none for the file.
    assert result.forwards.tolist() == [3]
    assert result.displayed.predicted[0] == 0


class Watching(nn.Module):
    """Passes on to a network and notes which pictures (told apart by one pixel that no step changes) come."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.seen: list[list[int]] = []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.seen.append([round(float(value) * 255) for value in inputs.detach()[:, 2, 0, 0]])
        answer: torch.Tensor = self.network(inputs)
        return answer


@pytest.mark.parametrize("stop", ["displayed_flip", "float_flip"])
@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_no_picture_is_forwarded_after_it_has_met_the_stop_rule(
    stop: Any, grid: bool, batch_size: int
) -> None:
    # Blue carries no gradient, so a picture's blue is its name; red is how far it is from the flip.
    plain = linear([1.0, 0.0, 0.0])
    watching = Watching(plain.network)
    classifier = replace(plain, network=watching)
    pixels = np.zeros((12, 2, 2, 3), dtype=np.uint8)
    pixels[..., 2] = np.arange(12)[:, None, None] * 20
    pixels[..., 0] = 126 + np.arange(12)[:, None, None]
    prepared = prepare_attack(classifier, exact=True, batch_size=batch_size)
    watching.seen.clear()
    parameters = AttackParameters(step=1.0 / 255, steps=6, space="pixel", stop=stop, grid=grid)
    result = attack(prepared, pixels, np.zeros(12, dtype=np.int64), parameters)
    distance = np.arange(12) - 1
    assert result.steps_to_flip.tolist() == [max(0, min(7, each)) for each in distance]
    counted = np.bincount([name // 20 for batch in watching.seen for name in batch], minlength=12)
    assert counted.tolist() == result.forwards.tolist()
    # Clean and after every step once; once more where its gradient waited for company (at most once a step);
    # and, off the grid, the 8-bit picture of every step.
    steps = np.minimum(np.maximum(distance, 0), 6)
    judgements = 1 + steps * (1 if grid else 2)
    assert (counted >= 1 + steps).all()
    assert (counted <= judgements + steps).all()
    if batch_size == 1:
        assert (counted == 1 + steps).all() if grid else (counted <= judgements).all()


def test_a_picture_that_is_wrong_at_the_start_is_forwarded_once_and_left_alone() -> None:
    classifier = brightness_classifier()
    pixels = np.full((2, SIDE, SIDE, 3), 100, dtype=np.uint8)
    pixels[..., 1] = 180
    result = attack(prepare_attack(classifier), pixels, np.array([0, 1]), PIXEL)
    assert result.wrong_at_start.tolist() == [True, False]
    assert (result.steps_taken[0], result.forwards[0], result.displayed_l2[0]) == (0, 1, 0)
    assert result.clean.predicted.tolist() == [1, 1]


def test_pictures_stay_valid_and_within_the_radius_on_the_grid() -> None:
    classifier = classifier_of(convolutional(), recipe_of(), classes=4)
    pixels = random_pixels(8, 6, seed=5)
    pixels[:4] = np.where(pixels[:4] > 127, 255, 0)
    labels = right_labels(classifier, pixels)
    parameters = AttackParameters(
        step=1 / 255, space="pixel", radius=2.5 / 255, stop="never", grid=True, norm="linf"
    )
    result = attack(prepare_attack(classifier), pixels, labels, parameters, keep_float=True)
    assert result.float_pictures is not None
    assert result.float_pictures.min() >= 0
    assert result.float_pictures.max() <= 1
    assert result.displayed_linf.max() == 2
    on_grid = result.displayed_pixels.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    assert (result.float_pictures == on_grid).all()
    assert (result.steps_to_flip == result.steps_to_displayed_flip).all()
    assert (result.float_linf == result.displayed_linf).all()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    step=st.floats(1e-4, 0.05),
    norm=st.sampled_from(["linf", "l2"]),
    space=st.sampled_from(["normalised", "pixel"]),
    stop=st.sampled_from(["displayed_flip", "float_flip", "never"]),
    batch_size=st.integers(1, 8),
)
def test_laws_of_every_attack(
    seed: int, step: float, norm: Any, space: Any, stop: Any, batch_size: int
) -> None:
    classifier = classifier_of(convolutional(seed % 7), recipe_of(), classes=4)
    pixels = random_pixels(6, 6, seed=seed)
    labels = right_labels(classifier, pixels)
    labels[0] = (labels[0] + 1) % 4
    parameters = AttackParameters(step=step, norm=norm, space=space, stop=stop, steps=5)
    result = attack(prepare_attack(classifier, batch_size=batch_size), pixels, labels, parameters)
    largest = max(unit_of_space(parameters, classifier.preprocessing))
    reach = 255 * step * largest * result.steps_taken
    assert (result.float_linf <= reach + 1e-3).all()
    assert (np.abs(result.displayed_linf - result.float_linf) <= 0.5 + 1e-3).all()
    assert ((result.steps_to_flip == 0) == (np.arange(6) == 0)).all()
    assert ((result.steps_to_flip >= 0) & (result.steps_to_flip <= 6)).all()
    # What is shown is what is judged.
    said = says(classifier, unit(result.displayed_pixels))
    clear = (said.topk(2).values.diff(dim=1).abs() > 1e-4)[:, 0].numpy()
    assert (said.argmax(dim=1).numpy() == result.displayed.predicted)[clear].all()
    assert result.displayed.probability == pytest.approx(said.softmax(dim=1).amax(dim=1).numpy(), abs=1e-4)
    assert (result.displayed_ranking[:, 0] == result.displayed.predicted).all()
    if stop == "displayed_flip":
        flipped = result.steps_to_displayed_flip <= 5
        assert ((result.displayed.predicted != labels) == flipped).all()


def test_a_grey_network_keeps_grey_pictures_grey_in_both_norms() -> None:
    network = convolutional(channels=1, classes=10)
    classifier = classifier_of(network, digits(), classes=10)
    pixels = np.repeat(random_pixels(5, 8)[..., :1], 3, axis=3)
    labels = right_labels(classifier, pixels)
    for norm in ("linf", "l2"):
        parameters = AttackParameters(step=0.1, norm=norm, stop="never", radius=0.5)  # type: ignore[arg-type]
        result = attack(prepare_attack(classifier), pixels, labels, parameters)
        shown = result.displayed_pixels
        assert (shown != pixels).any()
        assert (shown[..., 0] == shown[..., 1]).all()
        assert (shown[..., 0] == shown[..., 2]).all()
        if norm == "l2":
            # The three equal channels count once in the radius: half a deviation of 57.5 levels.
            assert result.float_l2.max() <= math.sqrt(3) * 0.5 * 57.6


def test_a_network_that_reads_blue_first_is_attacked_in_the_pictures_own_order() -> None:
    network = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(3, 2, bias=False))
    head = network[2]
    assert isinstance(head, nn.Linear)
    head.weight.data = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    recipe = replace(caffe_squeezenet(), crop=Crop(side=2, resize=2))
    # The network's last channel is red, whose mean is 124: a logit of 1, 0 after a step, then below.
    pixels = np.full((1, 2, 2, 3), 125, dtype=np.uint8)
    result = attack(prepare_attack(classifier_of(network, recipe, classes=2)), pixels, np.array([0]), PIXEL)
    assert result.steps_to_flip[0] == 2
    assert result.displayed_pixels[0, 0, 0].tolist() == [123, 125, 125]


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (imagenet(), (0.229, 0.224, 0.225)),
        (efficientnet_lite(224), (128 / 255,) * 3),
        (replace(caffe_squeezenet(), std=(1.0, 2.0, 3.0)), (3 / 255, 2 / 255, 1 / 255)),
        (digits(), (1.0,) * 3),
    ],
)
def test_a_models_own_deviation_is_in_pixel_values_red_first(
    recipe: Preprocessing, expected: tuple[float, ...]
) -> None:
    assert unit_of_space(AttackParameters(step_std="model"), recipe) == pytest.approx(expected)
    assert unit_of_space(AttackParameters(space="pixel"), recipe) == (1.0, 1.0, 1.0)
    whole = unit_of_space(AttackParameters(), recipe)
    if recipe.channel_order == "grey":
        assert whole == pytest.approx((sum(a * b for a, b in zip(LUMA, IMAGENET_STD, strict=True)),) * 3)
    else:
        assert whole == IMAGENET_STD


def test_the_papers_step_is_a_seventeenth_of_a_grey_level() -> None:
    assert step_in_grey_levels(AttackParameters(), imagenet()) == pytest.approx(
        (0.0584, 0.0571, 0.0574), abs=1e-4
    )


class Spoilt(nn.Module):
    """Gives NaN outputs or NaN gradients for pictures whose first blue value is above a half."""

    def __init__(self, network: nn.Module, what: str) -> None:
        super().__init__()
        self.network, self.what = network, what

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        marked = inputs[:, 2, 0, 0] > 0.5
        logits: torch.Tensor = self.network(inputs)
        if self.what == "outputs":
            return torch.where(marked[:, None], torch.nan, logits)
        # The square root of zero has an infinite gradient, and that times zero is not a number.
        nothing = torch.where(marked, inputs.sum(dim=(1, 2, 3)) * 0, 1).sqrt() - (~marked).float()
        return logits + nothing[:, None]


@pytest.mark.parametrize(
    ("what", "said"), [("outputs", "outputs are not finite"), ("gradients", "gradient is not")]
)
@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_picture_without_finite_numbers_fails_alone_and_the_rest_goes_on(
    what: str, said: str, batch_size: int
) -> None:
    plain = linear([1.0, 0.0, 0.0])
    pixels = np.zeros((5, 2, 2, 3), dtype=np.uint8)
    pixels[..., 0] = 130
    pixels[2, ..., 2] = 250
    prepared = prepare_attack(plain, exact=True, batch_size=batch_size)
    spoilt = replace(prepared, network=Spoilt(plain.network, what))
    result = attack(spoilt, pixels, np.zeros(5, dtype=np.int64), PIXEL)
    assert result.failed.tolist() == [False, False, True, False, False]
    assert said in result.failures[2]
    assert result.steps_to_flip.tolist() == [3, 3, 0, 3, 3]
    assert result.clean.predicted.tolist() == [0, 0, -1, 0, 0]
    assert not result.wrong_at_start.any()
    assert (result.displayed_pixels[2] == pixels[2]).all()


class Detached(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.detach().mean(dim=(2, 3))


class Quantised(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return (inputs.mean(dim=(2, 3)) * 10).round()


@pytest.mark.parametrize(
    ("network", "said"), [(Detached(), "cut off"), (Quantised(), "zero for every pixel")]
)
def test_a_network_without_gradients_is_refused_with_its_name_and_a_remedy(
    network: nn.Module, said: str
) -> None:
    with pytest.raises(ValueError, match=f"toy .*{said}.*register the network"):
        prepare_attack(brightness_classifier(network))


def test_a_saturated_picture_stands_still_and_is_no_error() -> None:
    classifier = linear([1000.0, 0.0, 0.0])
    pixels = np.full((1, 2, 2, 3), 255, dtype=np.uint8)
    for norm in ("linf", "l2"):
        parameters = AttackParameters(step=0.1, norm=norm, space="pixel")  # type: ignore[arg-type]
        result = attack(prepare_attack(classifier), pixels, np.array([0]), parameters)
        assert (result.steps_to_flip[0], result.float_linf[0], result.failures) == (11, 0, ("",))


def test_what_does_not_fit_is_named() -> None:
    prepared = prepare_attack(brightness_classifier())
    good = np.zeros((2, SIDE, SIDE, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"Class 3 is not among the 3 classes of toy \(0-2\)"):
        attack(prepared, good, np.array([0, 3]), PIXEL)
    with pytest.raises(ValueError, match=r"shape \(n, 4, 4, 3\)"):
        attack(prepared, good[:, :3], np.array([0, 0]), PIXEL)
    with pytest.raises(ValueError, match="as many labels"):
        attack(prepared, good, np.array([0]), PIXEL)


def test_no_pictures_give_an_empty_result() -> None:
    nothing: AttackResult = attack(
        prepare_attack(brightness_classifier()),
        np.zeros((0, SIDE, SIDE, 3), dtype=np.uint8),
        np.zeros(0, dtype=np.int64),
        PIXEL,
    )
    assert nothing.steps_to_flip.shape == (0,)
    assert nothing.displayed_ranking.shape == (0, 3)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"step": 0}, "goes nowhere"),
        ({"step": math.nan}, "goes nowhere"),
        ({"steps": 0}, "give 1 to 10,000"),
        ({"radius": -1.0}, "no room"),
        ({"norm": "l1"}, "linf, l2"),
        ({"space": "hsv"}, "normalised, pixel"),
        ({"stop": "flip"}, "displayed_flip, float_flip, never"),
        ({"step_std": "mine"}, "imagenet, model"),
        ({"grid": True}, "0.0584 grey levels.*nothing would ever change"),
    ],
)
def test_parameters_that_make_no_attack_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AttackParameters(**values)


def test_parameters_survive_json_and_an_unknown_one_is_named() -> None:
    parameters = AttackParameters(step=0.5, norm="l2", radius=2.0)
    assert AttackParameters.from_dict(parameters.to_dict()) == parameters
    with pytest.raises(ValueError, match="has no epsilon"):
        AttackParameters.from_dict({"epsilon": 1})


def test_the_same_module_gives_the_same_bits_whatever_else_was_asked_of_it() -> None:
    classifier = classifier_of(convolutional(), recipe_of(), classes=4)
    pixels = random_pixels(4, 6, seed=9)
    labels = right_labels(classifier, pixels)
    parameters = AttackParameters(step=1 / 255, space="pixel", stop="never")
    prepared = prepare_attack(classifier, exact=True)
    assert prepared.network is classifier.network
    result = attack(prepared, pixels, labels, parameters, keep_float=True)
    picture = unit(pixels).contiguous()
    for _ in range(parameters.steps):
        picture.requires_grad_(True)
        loss = functional.cross_entropy(
            classifier.network(classifier.preprocessing.normalise_unit(picture)), torch.from_numpy(labels)
        )
        picture = (picture + (1 / 255) * torch.autograd.grad(loss, picture)[0].sign()).clamp(0, 1).detach()
    assert result.float_pictures is not None
    assert (result.float_pictures == picture.numpy()).all()
