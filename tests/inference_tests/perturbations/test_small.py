"""Small transformations against a loop over Pillow's pictures, by their laws, and through the probe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from inference.backgrounds import Background, framed
from inference.crops import Crop, crop_pixels
from inference.images import ImageItem
from inference.perturbations.small import (
    DRAWN_BELOW,
    Protocol,
    SmallTransformations,
    wider_crop,
    zero_colour,
)
from inference.prepared import prepare
from inference.preprocessing import Preprocessing
from inference.probing import probe
from tests.inference_tests.toy import brightness_classifier, picture

SIDE, WIDE = 28, 32
BLACK = Background((0, 0, 0))
Pixels = NDArray[np.uint8]


def random_pictures(count: int = 2, side: int = WIDE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=generator)


def series(
    protocol: Protocol, size: float, *, background: Background = BLACK, pairs: int = 8
) -> SmallTransformations:
    return SmallTransformations(SIDE, protocol, (size,), background, pairs=pairs, passes=0)


def pillow(pixels: Pixels, side: int) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))


def middle(pixels: Pixels, side: int) -> Pixels:
    top = (len(pixels) - side) // 2
    return pixels[top : top + side, top : top + side]


def embedded(pixels: Pixels, size: int, corner: int) -> Pixels:
    frame = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    frame[corner : corner + size, corner : corner + size] = pillow(middle(pixels, SIDE), size)
    return frame


def naive(protocol: Protocol, pixels: Pixels, size: float) -> list[Pixels]:
    """Eight diagonal pairs as in the source's published code, then eight of size; a picture at a time."""
    if protocol == "embed":
        small = round(size * SIDE)
        centre = int((SIDE - small - 1) / 2)
        moved = [embedded(pixels, small, corner) for corner in range(centre - 4, centre + 5)]
        scaled = [embedded(pixels, n, (SIDE - n) // 2) for n in range(small - 4, small + 5)]
        return moved + scaled
    shown = pillow(middle(pixels, round(size * WIDE)), SIDE + 10)
    centre = int((SIDE + 10 - SIDE - 1) / 2)
    moved = [shown[c : c + SIDE, c : c + SIDE] for c in range(centre - 4, centre + 5)]
    return moved + [pillow(middle(shown, side), SIDE) for side in range(SIDE - 4, SIDE + 5)]


@pytest.mark.parametrize(("protocol", "size"), [("embed", 0.3), ("embed", 0.5), ("crop", 0.4), ("crop", 1.0)])
def test_pictures_are_those_of_a_loop_over_pillow(protocol: Protocol, size: float) -> None:
    pixels = random_pictures()
    ours = torch.stack(list(series(protocol, size).changed(pixels, ["a", "b"])), dim=1).numpy()
    theirs = np.stack([np.stack(naive(protocol, each, size)) for each in pixels.numpy()])
    assert ours.shape == theirs.shape == (2, 18, SIDE, SIDE, 3)
    difference = np.abs(ours.astype(int) - theirs.astype(int))
    # Crops are resized twice, so that one grey level of the first may be one of the second.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.005


def test_the_identity_of_either_protocol_keeps_every_pixel() -> None:
    pixels = random_pictures()
    moves = series("crop", (SIDE + 10) / WIDE if SIDE + 10 <= WIDE else 1.0)
    assert torch.equal(moves.original(pixels), pixels[:, 2:-2, 2:-2])
    whole = random_pictures(side=SIDE + 10)
    places = list(series("crop", 1.0).changed(whole, [0, 1]))
    for step in range(9):
        assert torch.equal(places[step], whole[:, step : step + SIDE, step : step + SIDE])
    # Among the sizes the fifth is the frame's own: a window that is not resized.
    assert torch.equal(places[9 + 4], whole[:, 5 : 5 + SIDE, 5 : 5 + SIDE])


def test_the_original_is_the_classifiers_own_crop() -> None:
    generator = np.random.default_rng(3)
    image = Image.fromarray(generator.integers(0, 256, (300, 413, 3), dtype=np.uint8))
    own = Crop(side=224, resize=256, interpolation="bilinear")
    wide = torch.from_numpy(crop_pixels(image, wider_crop(own)).copy()).unsqueeze(0)
    whole = SmallTransformations(224, "embed", (), BLACK)
    assert wide.shape == (1, 256, 256, 3)
    assert np.array_equal(whole.original(wide)[0].numpy(), crop_pixels(image, own))


def test_crops_stand_where_the_draw_says() -> None:
    pixels = random_pictures()
    drawn = {
        "a": np.array([0, 0, DRAWN_BELOW - 1, 0]),
        "b": np.array([DRAWN_BELOW // 2, 0, 0, DRAWN_BELOW - 1]),
    }
    crops = SmallTransformations(SIDE, "embed", (), BLACK, passes=1, places=drawn)
    one, other = crops.changed(pixels, ["a", "b"])
    # A margin of four pixels has the places 0 to 3.
    assert torch.equal(one[0], pixels[0, :SIDE, :SIDE])
    assert torch.equal(other[0], pixels[0, 3 : 3 + SIDE, :SIDE])
    assert torch.equal(one[1], pixels[1, 2 : 2 + SIDE, :SIDE])
    assert torch.equal(other[1], pixels[1, :SIDE, 3 : 3 + SIDE])


def test_second_pictures_refer_to_their_first() -> None:
    whole = SmallTransformations(SIDE, "embed", (0.3, 0.5), BLACK, pairs=2, passes=2)
    assert whole.references == (0, 1, 0, 3, 0, 5, 6, 0, 8, 9, 0, 11, 12, 0, 14, 15)
    assert whole.settings == len(whole.references)


def test_inpainting_keeps_the_picture_moves_with_it_and_leaves_one_colour_alone() -> None:
    inpainted = Background(None)
    small = random_pictures(side=10)
    frame = framed(small, 30, 8, inpainted)
    assert torch.equal(frame[:, 8:18, 8:18], small)
    assert torch.equal(framed(small, 30, 9, inpainted)[:, 1:, 1:], frame[:, :-1, :-1])
    grey = torch.full((1, 10, 10, 3), 137, dtype=torch.uint8)
    assert bool((framed(grey, 30, 3, inpainted) == 137).all())
    # Just outside a border the weights 1, 1/2, 1/5, ... of its neighbours make the mean.
    along = 1 / (1 + np.arange(-3.0, 7.0) ** 2)
    outwards = 1 / (1 + np.arange(1.0, 11.0) ** 2)
    weights = np.outer(outwards / outwards.sum(), along / along.sum())
    expected = (weights[..., None] * small[0].numpy()).sum(axis=(0, 1))
    assert frame[0, 7, 11].numpy() == pytest.approx(expected, abs=0.51)


@pytest.mark.parametrize(
    ("recipe", "colour"),
    [
        (Preprocessing(Crop(side=224)), (124, 116, 104)),
        (
            Preprocessing(
                Crop(side=224), channel_order="bgr", scale=1.0, mean=(104, 117, 123), std=(1, 1, 1)
            ),
            (123, 117, 104),
        ),
        (Preprocessing(Crop(side=224), channel_order="grey", mean=(0.5,), std=(0.5,)), (128, 128, 128)),
    ],
)
def test_the_colour_of_zero_comes_from_the_classifiers_mean(
    recipe: Preprocessing, colour: tuple[int, int, int]
) -> None:
    assert zero_colour(recipe) == colour
    one = torch.tensor(colour, dtype=torch.uint8).view(1, 1, 1, 3)
    assert float(recipe.normalise(one).abs().max()) <= 0.5 / min(recipe.std) * recipe.scale * 1.01


class Circular(nn.Module):
    """Convolutions around the edges at stride 1, then the mean over all places: shifts cannot matter."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.first = nn.Conv2d(3, 8, 3, padding=1, padding_mode="circular")
        self.second = nn.Conv2d(8, 3, 3, padding=1, padding_mode="circular")

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits (n, 3)."""
        outputs: torch.Tensor = self.second(self.first(inputs).relu())
        return outputs.mean(dim=(2, 3))


def test_a_circular_network_does_not_change_where_a_picture_moves_before_one_colour() -> None:
    classifier = brightness_classifier(Circular().eval().requires_grad_(False))
    wide = replace(classifier.preprocessing, crop=Crop(side=SIDE, resize=WIDE))
    prepared = prepare(replace(classifier, preprocessing=wide))
    moved = torch.stack(list(series("embed", 0.5).changed(random_pictures(), [0, 1]))[:9], dim=1)
    # Before one colour a move is a circular shift of the whole frame.
    assert torch.equal(moved[:, 1], moved[:, 0].roll((1, 1), dims=(1, 2)))
    logits = prepared.logits(moved.flatten(0, 1)).view(2, 9, 3)
    assert float((logits - logits[:, :1]).abs().max()) < 1e-5


def test_a_constant_network_never_changes() -> None:
    class Constant(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.tensor([0.0, 2.0, 1.0]).expand(len(inputs), 3)

    classifier = brightness_classifier(Constant().eval())
    recipe = replace(classifier.preprocessing, crop=Crop(side=SIDE, resize=WIDE))
    prepared = prepare(replace(classifier, preprocessing=recipe))
    whole = SmallTransformations(
        SIDE, "embed", (0.4,), BLACK, passes=1, places={"red": np.array([0, 1, 2, 3], dtype=np.int64)}
    )
    (batch,) = probe(
        [prepared], [ImageItem("red", picture(200, 100, 0))], whole, crop=wider_crop(recipe.crop)
    )
    (responses,) = batch.responses
    assert set(responses.top1.flatten().tolist()) == {1}
    assert np.array_equal(responses.original_probability, responses.top1_probability)


def test_the_probe_follows_the_class_of_a_pairs_first_picture() -> None:
    """Brightness before black: the class of the first picture keeps its rank, its probability changes."""
    classifier = brightness_classifier()
    recipe = replace(classifier.preprocessing, crop=Crop(side=SIDE, resize=WIDE))
    prepared = prepare(replace(classifier, preprocessing=recipe))
    whole = SmallTransformations(SIDE, "embed", (0.4,), BLACK, pairs=2, passes=0)
    (batch,) = probe(
        [prepared], [ImageItem("red", picture(200, 100, 0))], whole, crop=wider_crop(recipe.crop)
    )
    (responses,) = batch.responses
    assert responses.top1.tolist() == [[0] * 7]
    # 11 of 28 pixels, then 10, 11 and 12: the mean colours are the picture's times (n / 28) squared.
    shares = [1.0, *[(11 / 28) ** 2] * 3, *[(n / 28) ** 2 for n in (10, 11, 12)]]
    logits = np.outer(shares, np.array([200, 100, 0]) / 255)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert responses.top1_probability[0] == pytest.approx(softmax[:, 0], abs=1e-5)
    assert responses.original_probability[0] == pytest.approx(softmax[:, 0], abs=1e-5)


@pytest.mark.parametrize(
    ("protocol", "size", "pairs", "said"),
    [
        ("embed", 0.0, 8, "above 0"),
        ("crop", 1.2, 8, "up to 1"),
        ("embed", 0.9, 8, "need 5 to 19"),
        ("embed", 0.05, 8, "need 5 to 19"),
        ("embed", 0.5, 0, "at least 1"),
        ("crop", 0.5, 60, "too many"),
    ],
)
def test_sizes_without_room_for_the_pairs_are_refused(
    protocol: Protocol, size: float, pairs: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        series(protocol, size, pairs=pairs)
