"""`stylise`: a copy with its sources and digests, repeats, a real kill in the middle, what is refused."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from PIL import Image as Picture

from studyapp.models import Chunk, Dataset, Job, StylisedPicture, StyliseRun
from studyapp.tasks import stylise
from tests.conftest import ROOT
from tests.inference_tests.adain_files import write_adain
from tests.studyapp_tests.pictures import class_folders, write_picture
from tests.studyapp_tests.workers import process_environment, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

IMAGES = 6


def command(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path) -> Iterator[None]:
    with override_settings(VAR=tmp_path / "var"):
        yield


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A dataset `birds` of six images, four styles, weights where they are looked for."""
    class_folders(tmp_path / "birds", {"crane": 3, "heron": 3})
    for number in range(4):
        write_picture(tmp_path / f"styles/{number}.png", 100 + number, size=(40, 30))
    (tmp_path / "var/weights/adain").mkdir(parents=True)
    write_adain(tmp_path / "var/weights/adain")
    command("import_dataset", "birds", str(tmp_path / "birds"))
    return tmp_path


def run(made: Path, *more: str, out: str = "painted") -> dict[str, Any]:
    return command("stylise", "birds", str(made / "styles"), str(made / out), "--size", "64", *more)


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.png")
    }


def test_a_copy_is_a_dataset_of_its_own_whose_images_name_their_source(
    made: Path, admin_client: Client
) -> None:
    result = run(made)
    assert (result["images"], result["styles"], result["unreadable_styles"]) == (IMAGES, 4, 0)
    dataset = Dataset.objects.get(name="painted")
    digests = contents(made / "painted")
    for image in dataset.images.select_related("source", "category"):
        assert image.source is not None
        assert image.source.dataset.name == "birds"
        assert image.name == image.source.name
        assert image.category_id == image.source.category_id
        assert digests[image.name] == image.sha256
        assert (image.width, image.height) == (64, 64)
        assert image.remark.startswith("in the style of ")
        with Picture.open(made / "painted" / image.name) as picture:
            assert picture.size == (64, 64)
    assert len(digests) == dataset.images.count() == IMAGES
    labels = list(csv.DictReader((made / "painted/labels.csv").open()))
    assert {row["path"]: row["sha256"] for row in labels} == digests
    assert {row["class_name"] for row in labels} == {"crane", "heron"}
    assert [path.name for path in (made / "painted").iterdir() if path.is_file()] == ["labels.csv"]
    stylised = StyliseRun.objects.get()
    assert stylised.stylised == dataset
    assert (stylised.content.name, stylised.parameters["alpha"]) == ("birds", 1.0)
    assert stylised.device
    page = admin_client.get("/datasets/painted/").content.decode()
    assert "birds</a>, stylised at 224 pixels, written at 64" in page
    assert "Made from" not in admin_client.get("/datasets/birds/").content.decode()
    # The same again does nothing, in another folder the same pictures come out, another seed draws others.
    modified = {path: path.stat().st_mtime_ns for path in (made / "painted").rglob("*.png")}
    assert run(made) == result
    assert modified == {path: path.stat().st_mtime_ns for path in (made / "painted").rglob("*.png")}
    run(made, out="again")
    assert contents(made / "again") == digests
    run(made, "--seed", "5", out="other")
    assert contents(made / "other") != digests


def test_several_styles_of_an_image_are_all_different(made: Path) -> None:
    result = run(made, "--styles-per-image", "3", "--alpha", "0.5")
    assert result["images"] == 3 * IMAGES
    drawn = StylisedPicture.objects.values_list("content_id", "style_id")
    assert len(set(drawn)) == 3 * IMAGES
    assert (made / "painted/crane/00-1.png").is_file()
    assert (made / "painted/crane/00-3.png").is_file()


def test_bad_pictures_are_counted_and_left_out(made: Path) -> None:
    (made / "styles/torn.png").write_bytes(b"no picture")
    (made / "birds/crane/00.png").write_bytes(b"gone bad")
    with pytest.raises(CommandError, match="1 pictures were left out") as refusal:
        run(made)
    assert refusal.value.returncode == 3
    dataset = Dataset.objects.get(name="painted")
    assert dataset.images.count() == IMAGES - 1
    assert StyliseRun.objects.get().unreadable_styles == 1
    (skipped,) = dataset.skipped_files.all()
    assert "has changed since it was imported" in skipped.reason


def test_files_that_were_damaged_before_the_end_are_made_again(made: Path) -> None:
    run(made, out="whole")
    command("stylise", "birds", str(made / "styles"), str(made / "painted"), "--size", "64", "--queue")
    job = Job.objects.get(kind="stylise", title__endswith="painted")
    for chunk in Chunk.objects.filter(job=job):
        stylise.stylise_chunk(chunk)
        stylise.stylise_chunk(chunk)
    assert not Dataset.objects.filter(name="painted").exists()
    (made / "painted/crane/00.png").write_bytes(b"half a pict")
    (made / "painted/heron/01.png").unlink()
    assert run(made)["images"] == IMAGES
    assert contents(made / "painted") == contents(made / "whole")


def test_a_copy_that_was_killed_in_the_middle_is_gone_on_with(made: Path) -> None:
    arguments = ["stylise", "birds", str(made / "styles"), str(made / "painted")]
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=process_environment(made / "var", ""),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: any((made / "painted").rglob("*.png")), what="the first picture")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not Dataset.objects.filter(name="painted").exists()
    (made / f"painted/crane/00.png.{os.getpid()}.part").write_bytes(b"half")
    assert command(*arguments)["images"] == IMAGES
    whole = command("stylise", "birds", str(made / "styles"), str(made / "whole"))
    assert whole["images"] == IMAGES
    assert contents(made / "painted") == contents(made / "whole")
    assert StylisedPicture.objects.filter(run__name="painted").count() == IMAGES


def test_the_last_step_may_be_taken_again_wherever_it_was_killed(made: Path) -> None:
    run(made)
    job = Job.objects.get(kind="stylise")
    before = contents(made / "painted")
    stylise._finish(job)
    assert Dataset.objects.filter(name="painted").count() == 1
    # As it is left before the copy is registered, with a file half written and labels of an earlier try.
    Dataset.objects.get(name="painted").delete()
    StyliseRun.objects.update(finished_at=None)
    (made / "painted/labels.csv").write_text("earlier")
    (made / "painted/crane/00.png.1.part").write_bytes(b"half")
    stylise._finish(job)
    assert Dataset.objects.get(name="painted").images.count() == IMAGES
    assert contents(made / "painted") == before
    assert not list((made / "painted").rglob("*.part"))
    assert (made / "painted/labels.csv").read_text().startswith("path,wnid")


def test_missing_weights_are_told_exactly_and_nothing_is_written(made: Path) -> None:
    (made / "var/weights/adain/decoder.pth").unlink()
    with pytest.raises(CommandError) as refusal:
        run(made)
    said = str(refusal.value)
    assert str(made / "var/weights/adain/decoder.pth") in said
    assert "1.weight (256, 512, 3, 3)" in said
    assert "pytorch-AdaIN" in said
    assert "--decoder" in said
    assert "vgg_normalised" not in said
    assert not (made / "painted").exists()
    assert not StyliseRun.objects.exists()


def test_a_place_that_is_no_place_to_write_to_is_refused(made: Path) -> None:
    for out, said in (
        ("birds/painted", "lie in one another"),
        ("styles/new", "lie in one another"),
        (".", "lie in"),
    ):
        with pytest.raises(CommandError, match=said):
            run(made, "--name", "painted", out=out)
    (made / "full").mkdir()
    (made / "full/thesis.txt").write_text("mine")
    with pytest.raises(CommandError, match=r"did not write, thesis\.txt"):
        run(made, out="full")
    (made / "file").write_text("mine")
    with pytest.raises(CommandError, match="is a file"):
        run(made, out="file")
    with pytest.raises(CommandError, match="A dataset birds is there"):
        run(made, "--name", "birds")
    assert not StyliseRun.objects.exists()
    run(made)
    with pytest.raises(CommandError, match="made of other styles, weights or options"):
        run(made, "--alpha", "0.5")
    (made / "painted/stray.txt").write_text("mine")
    with pytest.raises(CommandError, match="did not write"):
        run(made)


def test_styles_and_numbers_that_make_no_sense_are_refused(made: Path) -> None:
    (made / "none").mkdir()
    (made / "torn").mkdir()
    (made / "torn/a.png").write_bytes(b"no picture")
    for styles, more, said in (
        ("none", (), "holds no picture"),
        ("torn", (), "None of the 1 pictures"),
        ("nowhere", (), "is no folder"),
        ("styles", ("--styles-per-image", "5"), "4 readable pictures"),
        ("styles", ("--alpha", "1.5"), "from 0"),
        ("styles", ("--size", "100"), "224 or 64"),
        ("styles", ("--size", "224", "--stylise-at", "64"), "cannot come from 64"),
        ("styles", ("--seed", "-1"), "whole number"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command(
                "stylise", "birds", str(made / styles), str(made / "painted"), *more, stdout=io.StringIO()
            )
    assert not StyliseRun.objects.exists()
    assert not (made / "painted").exists()


def test_a_style_that_is_gone_stops_the_copy_and_says_which(made: Path) -> None:
    command("stylise", "birds", str(made / "styles"), str(made / "painted"), "--queue")
    for style in (made / "styles").iterdir():
        pixels = np.zeros((8, 8, 3), dtype=np.uint8)
        Picture.fromarray(pixels).save(style)
    with pytest.raises(CommandError, match="can no longer be read"):
        command("stylise", "birds", str(made / "styles"), str(made / "painted"))
    assert not Dataset.objects.filter(name="painted").exists()
