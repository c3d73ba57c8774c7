"""Hue and saturation against torchvision, against the colours of the wheel, and by their laws."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.perturbations.colour import ColourSetting, colour_series, poster_grid, recoloured, to_hsv
from inference.torchvision_ops import torchvision

RED, YELLOW, GREEN, CYAN, BLUE, MAGENTA = (
    (255, 0, 0),
    (255, 255, 0),
    (0, 255, 0),
    (0, 255, 255),
    (0, 0, 255),
    (255, 0, 255),
)


def random_pictures(count: int = 2, side: int = 24) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=generator)


def one_colour(colour: tuple[int, int, int]) -> torch.Tensor:
    return torch.tensor(colour, dtype=torch.uint8).view(1, 1, 1, 3)


def changed(pixels: torch.Tensor, axis: str, amount: float) -> torch.Tensor:
    setting = ColourSetting("hue" if axis == "hue" else "saturation", amount)
    return recoloured(to_hsv(pixels), setting)


@pytest.mark.parametrize("sixths", range(6))
def test_a_sixth_of_a_turn_leads_from_one_corner_of_the_wheel_to_the_next(sixths: int) -> None:
    wheel = (RED, YELLOW, GREEN, CYAN, BLUE, MAGENTA)
    for place, colour in enumerate(wheel):
        turned = changed(one_colour(colour), "hue", 60.0 * sixths).flatten().tolist()
        assert turned == list(wheel[(place + sixths) % 6])


@pytest.mark.parametrize("degrees", [10, 70, 130, 200, 290, 350])
def test_hue_rotation_is_torchvisions_within_one_grey_level(degrees: int) -> None:
    pixels = random_pictures()
    factor = degrees / 360 if degrees <= 180 else degrees / 360 - 1
    theirs = torchvision.transforms.functional.adjust_hue(pixels.permute(0, 3, 1, 2) / 255.0, factor)
    difference = changed(pixels, "hue", float(degrees)) - 255.0 * theirs.permute(0, 2, 3, 1)
    assert difference.abs().max().item() <= 1.0


@pytest.mark.parametrize(
    ("axis", "amount"), [("hue", 0.0), ("hue", 360.0), ("hue", -360.0), ("saturation", 1.0)]
)
def test_the_identity_gives_the_same_pixels(axis: str, amount: float) -> None:
    pixels = random_pictures(3, 64)
    assert torch.equal(changed(pixels, axis, amount), pixels)


def test_greys_have_no_hue_and_no_saturation_to_change() -> None:
    greys = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(1, 16, 16, 3)
    for setting in poster_grid():
        assert torch.equal(recoloured(to_hsv(greys), setting), greys)


def test_no_saturation_leaves_the_value_in_every_channel() -> None:
    pixels = random_pictures()
    grey = changed(pixels, "saturation", 0.0)
    assert torch.equal(grey, pixels.amax(dim=3, keepdim=True).expand_as(pixels))


def test_saturation_stops_at_one() -> None:
    assert changed(one_colour((200, 100, 150)), "saturation", 50.0).flatten().tolist() == [200, 0, 100]


@given(first=st.integers(-180, 180), second=st.integers(-180, 180))
@settings(max_examples=25, deadline=None)
def test_two_turns_of_pure_colours_are_one_turn_by_their_sum(first: int, second: int) -> None:
    pure = torch.tensor([RED, GREEN, BLUE, YELLOW], dtype=torch.uint8).view(1, 2, 2, 3)
    twice = changed(changed(pure, "hue", float(first)), "hue", float(second)).int()
    once = changed(pure, "hue", float((first + second) % 360)).int()
    # The first turn rounds to eight bits, and a grey level is a seventieth of a degree's sixty.
    assert int((twice - once).abs().max()) <= 1


def test_a_series_goes_through_its_settings_in_order_and_keeps_the_identity_untouched() -> None:
    pixels = random_pictures()
    grid = (ColourSetting("hue", 90.0), ColourSetting("hue", 0.0), ColourSetting("saturation", 0.5))
    series = list(colour_series(pixels, grid))
    assert [setting for setting, _ in series] == list(grid)
    assert series[1][1] is pixels
    assert not torch.equal(series[0][1], series[2][1])


def test_the_posters_grid_has_thirty_five_turns_and_twenty_gains() -> None:
    grid = poster_grid()
    assert [setting.amount for setting in grid if setting.axis == "hue"] == [
        10.0 * step for step in range(1, 36)
    ]
    assert len([setting for setting in grid if setting.axis == "saturation"]) == 20
    assert not any(setting.is_identity for setting in grid)


def test_settings_out_of_range_and_pictures_of_another_type_are_refused() -> None:
    with pytest.raises(ValueError, match="361"):
        ColourSetting("hue", 361.0)
    with pytest.raises(ValueError, match="gain -0"):
        ColourSetting("saturation", -0.1)
    with pytest.raises(ValueError, match="8-bit RGB"):
        to_hsv(torch.zeros(1, 4, 4, 3))
