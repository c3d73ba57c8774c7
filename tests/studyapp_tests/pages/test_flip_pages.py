"""Which images flip under which changes, their strips, and that web and device change pixels alike."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from django.test import Client
from PIL import Image as Picture

from studyapp.analysis.colour_stability import Setting
from studyapp.models import Image, ProbeRun
from studyapp.services.probes.recolouring import SIDE, recoloured_pixels
from tests.studyapp_tests.pages.rows import rows_of, text_of
from tests.studyapp_tests.probes.finished import finished_probe, make_colours, make_probe

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(tmp_path: Path) -> ProbeRun:
    return finished_probe(tmp_path)


def names(client: Client, run: ProbeRun, query: str) -> list[tuple[str, str, str]]:
    rows = rows_of(client, f"/probes/colour/{run.key}/images/?format=csv&{query}")
    return [(row["image"], row["amount"], row["direction"]) for row in rows]


def test_the_list_holds_the_flips_within_the_bound_and_no_other(alice: Client, run: ProbeRun) -> None:
    within_30 = names(alice, run, "classifier=alpha&within=30")
    assert within_30 == [
        ("colours/0.png", "30.0", "right_to_wrong"),
        ("colours/2.png", "330.0", "wrong_to_wrong"),
    ]
    assert names(alice, run, "classifier=alpha&within=180&direction=wrong_to_right") == [
        ("colours/1.png", "180.0", "wrong_to_right")
    ]
    assert names(alice, run, "classifier=beta&within=30") == [("colours/0.png", "30.0", "right_to_wrong")]
    assert names(alice, run, "classifier=alpha&axis=saturation&within=0.9") == []
    assert len(names(alice, run, "classifier=alpha&axis=saturation&within=1")) == 1


def test_the_page_shows_what_each_flip_turned_into(alice: Client, run: ProbeRun) -> None:
    text = text_of(alice, f"/probes/colour/{run.key}/images/?classifier=alpha")
    assert "2</strong> of 8 images" in text
    # Image 0 is an ant; at +30 degrees alpha says hen.
    assert "ant" in text
    assert "hen" in text
    assert "+30°" in text
    assert "No prediction of 8" in text_of(
        alice, f"/probes/colour/{run.key}/images/?direction=wrong_to_right"
    )


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("within=abc", "within=abc is not a number from 0 to 1000; it was left out."),
        ("within=-5", "within=-5 is not a number from 0 to 1000"),
        ("within=nan", "within=nan is not a number"),
        ("within=1001", "within=1001 is not a number from 0 to 1000"),
        (
            "direction=zz",
            "direction=zz is none of right_to_wrong, wrong_to_right, wrong_to_wrong; it was left",
        ),
        ("axis=depth", "axis=depth is none of hue, saturation; it was left out."),
    ],
)
def test_what_is_left_out_of_the_address_is_said(alice: Client, run: ProbeRun, query: str, said: str) -> None:
    page = f"/probes/colour/{run.key}/images/"
    usual = text_of(alice, page)
    assert "left out" not in usual
    shown = text_of(alice, f"{page}?{query}")
    assert said in shown
    assert "2</strong> of 8 images flip" in shown, "the usual bound is taken"
    assert "left out" not in text_of(alice, f"{page}?within=&direction=&axis=")


def test_odd_filters_fall_back_and_unknown_classifiers_are_named(alice: Client, run: ProbeRun) -> None:
    page = f"/probes/colour/{run.key}/images/"
    shown = text_of(alice, f"{page}?within=nan&direction=up&page=99&axis=depth")
    assert "of 8 images" in shown
    assert shown.count("left out") == 3
    assert "no classifier &#x27;gamma&#x27;; it has alpha, beta" in text_of(alice, f"{page}?classifier=gamma")


def test_flips_of_a_probe_under_way_are_refused_in_words(alice: Client, tmp_path: Path) -> None:
    run = make_probe(make_colours(tmp_path))
    assert "is not finished" in text_of(alice, f"/probes/colour/{run.key}/images/")
    image = run.dataset.images.first()
    assert image is not None
    assert "is not finished" in text_of(alice, f"/probes/colour/{run.key}/images/{image.key}/")


def test_a_strip_marks_the_changed_predictions(alice: Client, bob: Client, run: ProbeRun) -> None:
    image = Image.objects.get(name="colours/0.png")
    page = f"/probes/colour/{run.key}/images/{image.key}/"
    text = text_of(alice, f"{page}?classifier=beta")
    assert "2 of 4 changes" in text
    assert text.count('class="flipped"') == 2
    assert bob.get(page).status_code == 404
    assert bob.get(f"{page}1.png").status_code == 404


def test_pictures_of_a_strip_are_the_image_with_the_change(alice: Client, run: ProbeRun) -> None:
    image = Image.objects.get(name="colours/0.png")
    page = f"/probes/colour/{run.key}/images/{image.key}/"

    def pixel(place: int) -> tuple[int, ...]:
        with Picture.open(io.BytesIO(alice.get(f"{page}{place}.png").content)) as picture:
            assert picture.size == (SIDE, SIDE)
            return tuple(int(value) for value in np.asarray(picture)[SIDE // 2, SIDE // 2])

    red, green, blue = pixel(0)
    assert red > 230
    # Half a turn keeps the largest and the smallest value and swaps their places.
    turned = pixel(2)
    assert turned[0] == min(red, green, blue)
    assert max(turned) == max(red, green, blue)
    assert len(set(pixel(4))) == 1
    first = alice.get(f"{page}1.png")
    again = alice.get(f"{page}1.png", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert alice.get(f"{page}5.png").status_code == 404


def test_the_web_changes_pixels_as_the_device_does() -> None:
    torch = pytest.importorskip("torch")
    from inference.perturbations.colour import ColourSetting, colour_series, poster_grid

    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (1, 40, 50, 3), dtype=np.uint8)
    pixels[0, 0] = pixels[0, 0, :, :1]  # a row of greys
    pixels[0, 1, :, 1] = pixels[0, 1, :, 0]  # ties for the largest channel
    grid = (*poster_grid(), ColourSetting("hue", -17.3), ColourSetting("saturation", 55.5))
    for setting, changed in colour_series(torch.from_numpy(pixels), grid):
        ours = recoloured_pixels(pixels[0], Setting(setting.axis, setting.amount))
        np.testing.assert_array_equal(ours, changed[0].numpy(), err_msg=str(setting))
