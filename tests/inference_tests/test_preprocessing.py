"""What a network is fed, worked out by hand."""

from __future__ import annotations

import json

import pytest
import torch

from inference import preprocessing
from inference.crops import Crop
from inference.preprocessing import Preprocessing


def one_pixel(red: int, green: int, blue: int) -> torch.Tensor:
    return torch.tensor([[[[red, green, blue]]]], dtype=torch.uint8)


def test_imagenets_recipe_divides_by_255_and_standardises() -> None:
    values = preprocessing.imagenet().normalise(one_pixel(255, 0, 51)).flatten().tolist()
    assert values == pytest.approx([(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225], abs=1e-6)


def test_efficientnet_lites_recipe_is_minus_127_over_128() -> None:
    recipe = preprocessing.efficientnet_lite(240)
    assert recipe.normalise(one_pixel(255, 127, 0)).flatten().tolist() == [1.0, 0.0, -127 / 128]
    assert recipe.crop == Crop(side=240, rule="crop_then_resize", margin=32, interpolation="bicubic")


def test_caffes_squeezenet_sees_blue_first() -> None:
    recipe = preprocessing.caffe_squeezenet()
    assert recipe.normalise(one_pixel(10, 20, 30)).flatten().tolist() == [30 - 104, 20 - 117, 10 - 124]
    assert recipe.crop.side == 227


def test_grey_is_the_luminance_in_one_channel() -> None:
    value = preprocessing.digits().normalise(one_pixel(255, 0, 0))
    assert value.shape == (1, 1, 1, 1)
    assert value.item() == pytest.approx(0.299, abs=1e-6)


def test_unit_pixels_give_the_same_input_and_pass_gradients() -> None:
    recipe = preprocessing.efficientnet_lite(224)
    pixels = torch.randint(
        0, 256, (2, 5, 5, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    unit = (pixels.permute(0, 3, 1, 2).double() / 255).requires_grad_()
    same = recipe.normalise_unit(unit)
    assert torch.allclose(same.float(), recipe.normalise(pixels), atol=1e-5)
    same.sum().backward()
    assert unit.grad is not None
    assert torch.allclose(unit.grad, torch.full_like(unit.grad, 255 / 128))


@pytest.mark.parametrize(
    "recipe",
    [
        preprocessing.imagenet(),
        preprocessing.efficientnet_lite(260),
        preprocessing.caffe_squeezenet(),
        preprocessing.digits(),
    ],
)
def test_a_recipe_survives_being_stored_as_json(recipe: Preprocessing) -> None:
    assert Preprocessing.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_an_unknown_key_of_a_stored_recipe_is_named() -> None:
    plain = preprocessing.imagenet().to_dict() | {"gamma": 1.0}
    with pytest.raises(ValueError, match="gamma"):
        Preprocessing.from_dict(plain)


def test_three_channels_need_three_means() -> None:
    with pytest.raises(ValueError, match="3 value"):
        Preprocessing(Crop(side=8, resize=8), mean=(0.5,), std=(0.5,))
