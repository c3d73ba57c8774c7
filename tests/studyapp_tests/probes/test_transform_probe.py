"""`probe transform`: every number against a loop over Pillow, repeats, crops drawn once, what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from django.core.management import CommandError, call_command
from django.test import override_settings
from numpy.typing import NDArray
from PIL import Image as Picture
from safetensors.torch import save_file

from inference.crops import Crop, crop_pixels
from inference.images import decode_image
from studyapp.analysis.arrays import IntArray
from studyapp.models import Chunk, Classifier, Image, Job, ProbeRun
from studyapp.services.catalogue.image_files import read_image_file
from studyapp.services.probes.runs import open_columns
from studyapp.tasks import probes
from studyapp.tasks.changed_pictures import changed_pixels
from tests.studyapp_tests.networks import write_classes
from tests.studyapp_tests.pictures import noise

pytestmark = pytest.mark.django_db(transaction=True)

SIDE, PAIRS, PICTURES = 8, 2, 6
SMALL = ("--sizes", "0.5", "--pairs", "2")


def command(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path) -> Iterator[None]:
    with override_settings(VAR=tmp_path / "var"):
        yield


def weights(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Steep and different for every place, so that a pixel more or less matters."""
    generator = np.random.default_rng(seed)
    return (
        generator.normal(0, 1.5, (3, SIDE * SIDE)).astype(np.float32),
        generator.normal(0, 0.5, 3).astype(np.float32),
    )


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A dataset of noise, 9 pixels a side, and two classifiers `one` and `other`."""
    for number in range(PICTURES):
        path = tmp_path / f"pictures/{('dark', 'middle', 'bright')[number % 3]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(number, size=(9, 9)).convert("L").save(path)
    classes = str(write_classes(tmp_path / "classes.csv"))
    command("import_dataset", "noise", str(tmp_path / "pictures"), "--classes", classes)
    for seed, name in enumerate(("one", "other")):
        matrix, offset = weights(seed)
        file = tmp_path / f"{name}.safetensors"
        save_file({"1.weight": torch.from_numpy(matrix), "1.bias": torch.from_numpy(offset)}, str(file))
        command(
            "add_classifier",
            name,
            "--architecture",
            "digits_linear",
            "--weights",
            str(file),
            "--classes",
            classes,
        )
    return tmp_path / "pictures"


def softmax(pixels: NDArray[np.uint8], seed: int) -> NDArray[np.float64]:
    matrix, offset = weights(seed)
    logits = matrix.astype(np.float64) @ (pixels.astype(np.float64).ravel() / 255) + offset
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def embedded(picture: Picture.Image, size: int, corner: int) -> NDArray[np.uint8]:
    frame = Picture.new("L", (SIDE, SIDE))
    frame.paste(picture.resize((size, size), Picture.Resampling.BILINEAR), (corner, corner))
    return np.asarray(frame)


def naive(folder: Path, seed: int) -> dict[str, tuple[float, float]]:
    """P(top-1 change) and mean absolute change of both axes: a picture and a pair at a time."""
    found: dict[str, list[tuple[bool, float]]] = {"translation": [], "scale": []}
    for file in sorted(folder.rglob("*.png")):
        # The original is the middle 8 of 9 pixels: the first 8.
        picture = Picture.open(file).crop((0, 0, SIDE, SIDE))
        centre = (SIDE - 4 - 1) // 2
        steps = {
            "translation": [embedded(picture, 4, centre + step) for step in (-1, 0, 1)],
            "scale": [embedded(picture, size, (SIDE - size) // 2) for size in (3, 4, 5)],
        }
        for axis, frames in steps.items():
            for first, second in pairwise(frames):
                before, after = softmax(first, seed), softmax(second, seed)
                top = int(before.argmax())
                found[axis].append((top != int(after.argmax()), abs(before[top] - after[top])))
    return {
        axis: (float(np.mean([each[0] for each in pairs])), float(np.mean([each[1] for each in pairs])))
        for axis, pairs in found.items()
    }


def test_the_numbers_are_those_of_a_loop_over_pillow(two: Path) -> None:
    result = command("probe", "transform", "noise", "one", "other", *SMALL)
    assert result["images"] == PICTURES
    for seed, name in enumerate(("one", "other")):
        summary = result["classifiers"][name]
        expected = naive(two, seed)
        for at in summary["sizes"]:
            change, absolute = expected[at["axis"]]
            assert at["pairs"] == PICTURES * PAIRS
            assert at["change"][0] == pytest.approx(change)
            # Pixels may differ by one grey level from Pillow's, probabilities are kept in half precision.
            assert at["absolute"][0] == pytest.approx(absolute, abs=0.01)
            assert at["change"][1] <= at["change"][0] <= at["change"][2]
        # A margin of one pixel has a single place.
        assert summary["consistency"][0] == 1.0
        assert summary["passes"] == [1.0] * 5
    assert any(naive(two, seed)[axis][0] > 0 for seed in (0, 1) for axis in ("translation", "scale"))


def places_of(run: ProbeRun) -> IntArray:
    with open_columns(run) as columns:
        return columns.drawn()["places"]


def test_draws_are_kept_and_a_repeat_does_nothing(two: Path) -> None:
    first = command("probe", "transform", "noise", "one", *SMALL)
    run = ProbeRun.objects.get()
    drawn = places_of(run)
    assert drawn.shape == (PICTURES, 20)
    assert len(np.unique(drawn)) > PICTURES
    assert command("probe", "transform", "noise", "one", *SMALL) == first
    assert Job.objects.filter(kind="probe").count() == 1
    chunk = Chunk.objects.get(job__kind="probe")
    probes.probe_chunk(chunk)
    assert len(places_of(run)) == PICTURES
    command("probe", "transform", "noise", "one", *SMALL, "--seed", "1")
    other = ProbeRun.objects.exclude(pk=run.pk).get()
    assert not np.array_equal(places_of(other), drawn)


def test_crops_alone_and_other_backgrounds_are_runs_of_their_own(two: Path) -> None:
    crops = command("probe", "transform", "noise", "one", "--sizes", "none")
    assert crops["classifiers"]["one"]["sizes"] == []
    command("probe", "transform", "noise", "one", *SMALL, "--background", "mean", "--passes", "0")
    command("probe", "transform", "noise", "one", *SMALL, "--background", "inpainted", "--passes", "0")
    cut = command("probe", "transform", "noise", "one", *SMALL, "--protocol", "crop", "--passes", "0")
    assert len(cut["classifiers"]["one"]["sizes"]) == 2
    assert cut["classifiers"]["one"]["consistency"] == [None, None, None]
    # Nothing surrounds a crop, so another background is no other run.
    again = command(
        *("probe", "transform", "noise", "one", *SMALL, "--protocol", "crop", "--passes", "0"),
        *("--background", "mean"),
    )
    assert again == cut
    assert ProbeRun.objects.count() == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sizes", "0.9"), "8 pairs one pixel apart need"),
        (("--sizes", "two"), "numbers with commas"),
        (("--sizes", "0.5,0.5", "--pairs", "2"), "twice"),
        (("--sizes", "1.5", "--pairs", "2"), "up to 1"),
        (("--sizes", "none", "--passes", "0"), "Nothing would be changed"),
        (("--sizes", "none", "--passes", "-1"), "whole numbers"),
        (("--sizes", "none", "--passes", "501"), "1,002 changes of every image are more than the 1,000"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(
    two: Path, arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("probe", "transform", "noise", "one", *arguments)
    assert not ProbeRun.objects.exists()


def crop_of(image: Image, crop: Crop) -> NDArray[np.uint8]:
    return crop_pixels(decode_image(read_image_file(image=image)), crop)


def test_a_picture_made_again_for_people_is_the_one_that_was_judged(two: Path) -> None:
    command("probe", "transform", "noise", "one", *SMALL, "--protocol", "crop")
    run = ProbeRun.objects.get()
    with open_columns(run) as columns:
        images, top1 = columns.image, columns.of(0, "top1")
        probabilities = columns.of(0, "top1_probability")
    classifier = Classifier.objects.get(name="one")
    for row, image in enumerate(Image.objects.filter(pk__in=images.tolist()).order_by("pk")):
        for column in (1, 2, 12, 15):
            pixels = changed_pixels(
                run=run, classifier=classifier, image=image, column=column, crop_of=crop_of
            )
            probability = softmax(pixels[..., 0], 0)
            assert int(probability.argmax()) == top1[row, column]
            assert probability.max() == pytest.approx(probabilities[row, column], abs=2e-3)
