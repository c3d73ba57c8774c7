"""`probe shift`: maps worked out by hand, repeats, resumption, and what is refused before any work."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from PIL import Image as Picture
from safetensors.torch import save_file

from inference import shift_maps
from inference.digits import build_digits
from studyapp.models import Chunk, Job, ShiftRun
from studyapp.services.probes.shift_maps import read_maps
from studyapp.tasks import shift_probe
from tests.studyapp_tests.networks import write_classes
from tests.studyapp_tests.probes.shifting import (
    COLUMNS,
    ROWS,
    SIDE,
    command,
    expected_probability,
    patch_picture,
    register,
    wide_picture,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> Iterator[None]:
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "m"}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}
    with override_settings(VAR=tmp_path / "var"):
        yield


@pytest.fixture
def windows(tmp_path: Path) -> tuple[str, ...]:
    register(tmp_path)
    picture = wide_picture(tmp_path / "wide.png")
    return ("probe", "shift", "luminance", "--image", str(picture), "--side", str(SIDE), "--class", "2")


@pytest.fixture
def patch(tmp_path: Path) -> tuple[str, ...]:
    register(tmp_path)
    made = patch_picture(tmp_path / "patch.png")
    return (
        *("probe", "shift", "luminance", "--patch", str(made), "--background", "#202020"),
        *("--side", str(SIDE), "--class", "0"),
    )


def test_windows_give_the_probabilities_worked_out_by_hand(windows: tuple[str, ...]) -> None:
    result = command(*windows)
    assert (result["rows"], result["columns"], result["class_name"]) == (ROWS, COLUMNS, "bright")
    found = read_maps(ShiftRun.objects.get().maps.get().file)
    assert found is not None
    assert found.top1 is not None
    expected = expected_probability(2)
    assert found.maps["probability"] == pytest.approx(expected, abs=1e-6)
    # Between a quarter and three quarters of white is middle; 2 to 6 of 8 columns are white.
    assert found.top1[:, 1:4].tolist() == [[1, 1, 1]] * ROWS
    summary = result["classifiers"]["luminance"]["maps"]["probability"]
    assert summary["mean"] == pytest.approx(expected.mean(), abs=1e-6)
    assert summary["least"] == pytest.approx(expected.min(), abs=1e-6)
    # Of 22 pairs the ten above one another are equal.
    across = np.abs(np.diff(expected, axis=1)).sum()
    assert summary["neighbours"] == pytest.approx(across / (ROWS * (COLUMNS - 1) + (ROWS - 1) * COLUMNS))


def test_a_classifier_of_brightness_does_not_see_where_a_patch_is(patch: tuple[str, ...]) -> None:
    result = command(*patch)
    summary = result["classifiers"]["luminance"]["maps"]
    assert (result["rows"], result["columns"]) == (7, 7)
    assert summary["probability"]["neighbours"] == pytest.approx(0, abs=1e-6)
    # The layer before sees every pixel: one pixel further on, half of the patch lies elsewhere.
    assert summary["centre"]["least"] < 0.99
    found = read_maps(ShiftRun.objects.get().maps.get().file)
    assert found is not None
    assert found.maps["centre"][3, 3] == pytest.approx(1, abs=1e-6)
    assert found.maps["bottom-right"][6, 6] == pytest.approx(1, abs=1e-6)


def test_without_a_layer_there_are_no_cosines(windows: tuple[str, ...]) -> None:
    result = command(*windows, "--layer", "none")
    assert list(result["classifiers"]["luminance"]["maps"]) == ["probability"]


def test_a_classifier_shown_another_side_than_its_own_crop_is_named(
    admin_client: Client, tmp_path: Path
) -> None:
    weights, classes = tmp_path / "deep.safetensors", write_classes(tmp_path / "classes.csv")
    save_file(build_digits("digits_cnn", 3).state_dict(), weights)
    command(
        *("add_classifier", "deep", "--architecture", "digits_cnn"),
        *("--weights", str(weights), "--classes", str(classes)),
    )
    wide = wide_picture(tmp_path / "wide.png")
    asked = ("probe", "shift", "deep", "--image", str(wide), "--class", "2", "--layer", "none", "--side")
    for side, other in ((SIDE, None), (10, SIDE)):
        out = StringIO()
        call_command(*asked, str(side), stdout=out)
        said = command(*asked, str(side))
        page = admin_client.get(f"/probes/shift/{said['shift']}/").content.decode()
        assert (said["shown"], said["classifiers"]["deep"]["other_crop_side"]) == ([side, side], other)
        assert ("\n  shown 10 x 10 pixels; its own crop is 8 x 8\n" in out.getvalue()) is bool(other)
        assert ("shown 10 × 10 pixels, its own crop is 8 × 8" in page) is bool(other)


def test_layers_by_classifier(tmp_path: Path, windows: tuple[str, ...]) -> None:
    register(tmp_path, "luminance", "darker")
    order = (*windows[:3], "darker", *windows[3:])
    result = command(*order, "--layer", "output", "--layer", "darker=0")
    layers = {name: found["layer"] for name, found in result["classifiers"].items()}
    assert layers == {"luminance": "output of the network", "darker": "output of 0"}


def test_a_repeated_command_does_nothing_more(windows: tuple[str, ...]) -> None:
    first = command(*windows)
    assert command(*windows) == first
    assert (ShiftRun.objects.count(), Job.objects.filter(kind="shift").count()) == (1, 1)
    assert command(*windows, "--stride", "2")["shift"] != first["shift"]


def test_an_interrupted_probe_goes_on_with_what_is_missing(
    windows: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shift_probe, "CHUNK", 4)
    asked: list[range | None] = []
    answers = shift_maps.shift_answers

    def interrupted(*arguments: Any, numbers: range | None = None, **options: Any) -> Any:
        asked.append(numbers)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return answers(*arguments, numbers=numbers, **options)

    monkeypatch.setattr(shift_maps, "shift_answers", interrupted)
    with pytest.raises(CommandError, match="Interrupted"):
        command(*windows)
    assert ShiftRun.objects.get().finished_at is None
    result = command(*windows)
    assert asked == [range(4), range(4, 8), range(8, 12), range(8, 12), range(12, 15)]
    expected = expected_probability(2)
    assert result["classifiers"]["luminance"]["maps"]["probability"]["mean"] == pytest.approx(expected.mean())
    # The parts are gone: two pictures would be too many, one picture and the maps are left.
    assert sorted(default_storage.listdir(f"shifts/{result['shift']}")[1]) == ["0.npz", "picture.png"]


def test_what_a_killed_worker_began_is_finished(
    windows: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shift_probe, "CHUNK", 4)
    job = Job.objects.get(pk=command(*windows, "--queue")["job"])
    # As a worker leaves it that was killed after it wrote and before it said so.
    first = Chunk.objects.get(job=job, number=0)
    shift_probe.map_chunk(first)
    Chunk.objects.filter(pk=first.pk).update(state="claimed", worker="gone", claim_ends_at=job.created_at)
    command(*windows)
    assert Job.objects.get().state == Job.State.DONE
    run = ShiftRun.objects.get()
    found = read_maps(run.maps.get().file)
    assert found is not None
    assert found.maps["probability"] == pytest.approx(expected_probability(2), abs=1e-6)


def test_an_image_of_a_dataset_is_shifted_too(tmp_path: Path, windows: tuple[str, ...]) -> None:
    (tmp_path / "pictures/dark").mkdir(parents=True)
    wide_picture(tmp_path / "pictures/dark/wide.png")
    command("import_dataset", "pictures", str(tmp_path / "pictures"), "--classes", f"{tmp_path}/classes.csv")
    from_file = command(*windows)
    with_dataset = list(windows)
    with_dataset[4] = "pictures:dark/wide.png"
    again = command(*with_dataset)
    # The same pixels under the same classifier: the run that is there.
    assert again["shift"] == from_file["shift"]
    with_dataset[4] = "pictures:dark/none.png"
    with pytest.raises(CommandError, match=r"no image dark/none.png \(it has dark/wide.png"):
        command(*with_dataset)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--class", "3"), r"Class 3 is not among the 3 classes of luminance \(0-2\)"),
        (("--layer", "ouput"), "has no layer 'ouput'. Nearest: output"),
        (("--layer", "other=1"), "other is none of luminance"),
        (("--stride", "0"), "--stride 0 is out of range"),
        (("--stride", "9"), "there is only one place"),
        (("--side", "9"), "does not take pictures of 9 x 9"),
        (("--side", "0"), "--side 0 is out of range"),
        (("--side", "11"), "window of 11 x 11 pixels does not fit into 12 x 10"),
        (("--image", "nowhere.png"), "neither a file nor DATASET:NAME"),
        (("--background", "black"), "belong to a --patch"),
        (("luminance",), "name each once"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    windows: tuple[str, ...], arguments: tuple[str, ...], said: str
) -> None:
    order = (*windows[:2], *arguments, *windows[2:]) if arguments == ("luminance",) else windows + arguments
    with pytest.raises(CommandError, match=said):
        call_command(*order, stdout=StringIO())
    assert not ShiftRun.objects.exists()
    assert not Job.objects.exists()
    assert not default_storage.exists("shifts")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--patch-size", "9"), "patch of 9 x 9 pixels does not fit into 8 x 8"),
        (("--background", "nocolour"), "nor a colour such as black"),
        (("--background", ""), "A patch needs a --background"),
        (("--size", "9"), "--size belongs to --image"),
    ],
)
def test_patches_that_do_not_fit_are_refused(
    patch: tuple[str, ...], arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        call_command(*patch, *arguments, stdout=StringIO())
    assert not ShiftRun.objects.exists()


def test_a_patch_without_an_alpha_channel_and_a_file_that_is_no_picture(
    patch: tuple[str, ...], tmp_path: Path
) -> None:
    Picture.new("RGB", (2, 2)).save(tmp_path / "opaque.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(CommandError, match="no alpha channel"):
        call_command(*patch, "--patch", str(tmp_path / "opaque.png"))
    with pytest.raises(CommandError, match="no picture that can be read"):
        call_command(*patch, "--patch", str(tmp_path / "text.png"))
    assert not ShiftRun.objects.exists()


def test_what_is_exported_is_imported_value_for_value(windows: tuple[str, ...], tmp_path: Path) -> None:
    key = command(*windows)["shift"]
    written = command("export_shift_maps", key, str(tmp_path / "out"))["files"]
    assert "luminance-probability.csv" in written
    assert "luminance-bottom-left.csv" in written
    with (tmp_path / "out/luminance-probability.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["y", "x", "val"]
    assert len(rows) == 1 + ROWS * COLUMNS
    assert [(row[0], row[1]) for row in rows[1:3]] == [("0", "0"), ("0", "1")]
    command("add_classifier", "published", "--classes", str(tmp_path / "classes.csv"))
    files = [
        ("published", name, f"{tmp_path}/out/luminance-{name}.csv") for name in ("probability", "centre")
    ]
    asked = [part for file in files for part in ("--map", *file)]
    imported = command("import_shift_maps", *asked, *windows[3:])
    assert imported["new"]
    assert not command("import_shift_maps", *asked, *windows[3:])["new"]
    again = command("export_shift_maps", imported["shift"], str(tmp_path / "again"))["files"]
    for name in again:
        there = (tmp_path / "out" / name.replace("published", "luminance")).read_text()
        assert (tmp_path / "again" / name).read_text() == there
