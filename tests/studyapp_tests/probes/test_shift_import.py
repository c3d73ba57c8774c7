"""`import_shift_maps`: the published maps, and files that do not give every place once."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError

from studyapp.models import ShiftRun
from studyapp.services.probes.shift_maps import read_maps
from tests.studyapp_tests.networks import write_classes
from tests.studyapp_tests.probes.shifting import COLUMNS, ROWS, SIDE, command, wide_picture

pytestmark = pytest.mark.django_db

LINES = [f"{y},{x},0.5" for y in range(ROWS) for x in range(COLUMNS)]


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> None:
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "m"}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}


@pytest.fixture
def shifted(tmp_path: Path) -> list[str]:
    command("add_classifier", "published", "--classes", str(write_classes(tmp_path / "classes.csv")))
    picture = wide_picture(tmp_path / "wide.png")
    return ["--image", str(picture), "--side", str(SIDE), "--class", "1"]


def write(path: Path, lines: list[str], header: str = "y,x,val") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (LINES[:-1], "1 of the 3 x 5 places are missing, the first at y 2, x 4"),
        ([*LINES, "0,0,0.5"], r"line 17: the place y 0, x 0 is there already in line 2"),
        ([*LINES[:-1], "2,5,0.5"], r"line 16: x '5' is no place of this set \(0 to 4\)"),
        ([*LINES[:-1], "2,-1,0.5"], "x '-1' is no place"),
        ([*LINES[:-1], "2,1.5,0.5"], "x '1.5' is no place"),
        ([*LINES[:-1], "2,4,half"], r"line 16: val 'half' is no value of a map of probability \(0 to 1\)"),
        ([*LINES[:-1], "2,4,nan"], "val 'nan' is no value"),
        ([*LINES[:-1], "2,4,1.01"], "val '1.01' is no value"),
        ([*LINES[:-1], "2,4"], "2 fields where the header has 3"),
    ],
)
def test_a_file_that_does_not_give_every_place_once_is_refused(
    shifted: list[str], tmp_path: Path, lines: list[str], said: str
) -> None:
    good = write(tmp_path / "good.csv", LINES)
    bad = write(tmp_path / "bad.csv", lines)
    with pytest.raises(CommandError, match=said):
        command(
            *("import_shift_maps", "--map", "published", "centre", str(good)),
            *("--map", "published", "probability", str(bad), *shifted),
        )
    assert not ShiftRun.objects.exists()
    assert not default_storage.exists("shifts")


def test_other_mistakes(shifted: list[str], tmp_path: Path) -> None:
    good = str(write(tmp_path / "good.csv", LINES))
    header = str(write(tmp_path / "header.csv", LINES, "row,x,val"))
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(Path(good).read_bytes())[:-9])
    for maps, said in (
        (("published", "middle", good), "There is no map 'middle': give one of probability, top-left"),
        (("published", "centre", good, "--map", "published", "centre", good), "centre of published is given"),
        (("nobody", "centre", good), "There is no classifier nobody"),
        (("published", "centre", header), "no column y among row, x, val"),
        (("published", "centre", f"{tmp_path}/cut.csv.gz"), "no whole gzip file"),
        (("published", "centre", f"{tmp_path}/none.csv"), "can not be read"),
    ):
        with pytest.raises(CommandError, match=said):
            command("import_shift_maps", "--map", *maps, *shifted)
    with pytest.raises(CommandError, match="Class 7 is not among the 3 classes"):
        command("import_shift_maps", "--map", "published", "centre", good, *shifted[:-1], "7")
    assert not ShiftRun.objects.exists()


def test_places_of_a_stride_are_in_pixels(shifted: list[str], tmp_path: Path) -> None:
    lines = [f"{y},{x},{(y + x) / 10}" for y in (0, 2) for x in (0, 2, 4)]
    file = write(tmp_path / "two.csv", lines[::-1])
    result = command(
        "import_shift_maps", "--map", "published", "probability", str(file), *shifted, "--stride", "2"
    )
    found = read_maps(ShiftRun.objects.get(key=result["shift"]).maps.get().file)
    assert found is not None
    assert found.maps["probability"].tolist() == [[0.0, 0.2, 0.4], [0.2, 0.4, 0.6]]
    assert found.top1 is None


@pytest.mark.shared_data
def test_the_published_maps_come_out_as_they_went_in(shared_data: Path, tmp_path: Path) -> None:
    from studyapp.tasks.class_tables import imagenet_table

    table = imagenet_table()
    classes = tmp_path / "imagenet.csv"
    with classes.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["class_index", "class_name", "wnid"])
        writer.writerows([entry.index, entry.name, entry.wnid] for entry in table.entries)
    folder = shared_data / "shift"
    asked = []
    for name, files in (("resnet50", "resnet50"), ("resnet50-aa", "resnet50AA")):
        command("add_classifier", name, "--classes", str(classes))
        asked += ["--map", name, "probability", str(folder / f"published/{files}-class-plane.csv.gz")]
        asked += ["--map", name, "centre", str(folder / f"published/{files}-fc-plane-c.csv.gz")]
    pictures = ["--image", str(folder / "warplane.png"), "--size", "356", "--class", "895"]
    result = command("import_shift_maps", *asked, *pictures)
    assert (result["rows"], result["columns"], result["class_name"]) == (133, 133, "warplane")
    values = np.loadtxt(folder / "published/resnet50-class-plane.csv.gz", delimiter=",", skiprows=1)
    summary = result["classifiers"]["resnet50"]["maps"]["probability"]
    assert summary["mean"] == pytest.approx(values[:, 2].mean())
    plain, blurred = (result["classifiers"][name]["maps"] for name in ("resnet50", "resnet50-aa"))
    # What anti-aliasing is for: neighbours differ less.
    assert blurred["probability"]["neighbours"] < plain["probability"]["neighbours"]
    command("export_shift_maps", result["shift"], str(tmp_path / "out"))
    for mine, theirs in (
        ("resnet50-probability", "resnet50-class-plane"),
        ("resnet50-aa-centre", "resnet50AA-fc-plane-c"),
    ):
        written = np.loadtxt(tmp_path / f"out/{mine}.csv", delimiter=",", skiprows=1)
        published = np.loadtxt(folder / f"published/{theirs}.csv.gz", delimiter=",", skiprows=1)
        assert (written == published).all()
