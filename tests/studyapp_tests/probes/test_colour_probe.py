"""`probe colour`: answers worked out by hand, repeats, resumption after a real kill, what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import override_settings
from PIL import Image as Picture

from studyapp.models import Category, Chunk, Classifier, Dataset, Job, ProbeRun
from studyapp.services.probes.runs import images_since, open_columns
from studyapp.services.refusals import Refused
from studyapp.tasks import probes
from studyapp.tasks.colour_probe import probe_colour
from tests.studyapp_tests.networks import write_classes, write_weights
from tests.studyapp_tests.workers import Worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

# Luminances of 255: red 76, green 150, blue 29. Below 64 is dark, up to 191 middle.
COLOURS = {
    "middle/red.png": (255, 0, 0),
    "middle/green.png": (0, 255, 0),
    "dark/blue.png": (0, 0, 255),
    "dark/grey.png": (130, 130, 130),
}
THIRDS = ("--hues", "120,240", "--gains", "none")


def command(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(np.full((8, 8, 3), colour, dtype=np.uint8)).save(path)


def register(folder: Path, pictures: Path) -> None:
    classes = str(write_classes(folder / "classes.csv"))
    weights = str(write_weights(folder / "luminance.safetensors"))
    command("import_dataset", "colours", str(pictures), "--classes", classes)
    command(
        *("add_classifier", "luminance", "--architecture", "digits_linear"),
        *("--weights", weights, "--classes", classes),
    )


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path) -> Iterator[None]:
    with override_settings(VAR=tmp_path / "var"):
        yield


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    for name, colour in COLOURS.items():
        paint(tmp_path / "pictures" / name, colour)
    register(tmp_path, tmp_path / "pictures")
    return tmp_path / "pictures"


def test_the_metrics_are_those_worked_out_by_hand(colours: Path) -> None:
    result = command("probe", "colour", "colours", "luminance", *THIRDS)
    summary = result["classifiers"]["luminance"]
    # Red, green and blue are right; the grey is called middle and is labelled dark.
    assert summary["top1_original"] == 0.75
    every = summary["sets"][0]
    # By 120 degrees red turns green (and stays middle), green blue, blue red; by 240 red turns blue, green
    # red, blue green; grey stays.
    assert every["equal"]["mean"] == 0.5
    assert every["equal_right"]["mean"] == pytest.approx(1 / 3)
    assert every["equal_wrong"]["mean"] == 1.0
    assert [row[2] for row in summary["curve"]] == [0.5, 0.5]
    assert summary["changed"] == [2, 2]


def test_every_response_is_kept_in_one_file(colours: Path) -> None:
    command("probe", "colour", "colours", "luminance", *THIRDS)
    run = ProbeRun.objects.get()
    names = dict(run.dataset.images.values_list("pk", "name"))
    with open_columns(run) as columns:
        top1 = {
            names[pk]: row
            for pk, row in zip(columns.image.tolist(), columns.of(0, "top1").tolist(), strict=True)
        }
    assert top1["middle/red.png"] == [1, 1, 0]
    assert top1["dark/blue.png"] == [0, 1, 1]
    assert top1["dark/grey.png"] == [1, 1, 1]
    assert run.bytes == default_storage.size(run.file)
    assert run.file == f"probes/{run.key}.npz"
    assert not default_storage.exists(f"probes/{run.key}")


def test_a_repeated_command_does_nothing_more(colours: Path) -> None:
    first = command("probe", "colour", "colours", "luminance", *THIRDS)
    modified = default_storage.get_modified_time(ProbeRun.objects.get().file)
    assert command("probe", "colour", "colours", "luminance", *THIRDS) == first
    assert (ProbeRun.objects.count(), Job.objects.filter(kind="probe").count()) == (1, 1)
    assert default_storage.get_modified_time(ProbeRun.objects.get().file) == modified


def test_images_imported_since_are_in_another_run_and_the_first_stays(colours: Path, tmp_path: Path) -> None:
    first = command("probe", "colour", "colours", "luminance", *THIRDS)
    paint(colours / "dark/late.png", (0, 0, 9))
    command("import_dataset", "colours", str(colours), "--classes", str(tmp_path / "classes.csv"))
    run = ProbeRun.objects.get()
    assert images_since(run) == 1
    second = command("probe", "colour", "colours", "luminance", *THIRDS)
    assert (first["images"], second["images"]) == (4, 5)
    assert second["key"] != first["key"]
    assert images_since(ProbeRun.objects.get(key=second["key"])) == 0
    kept = ProbeRun.objects.get(key=first["key"])
    assert (kept.images, kept.finished_at, kept.file) == (run.images, run.finished_at, run.file)
    assert command("probe", "colour", "colours", "luminance", *THIRDS) == second
    assert ProbeRun.objects.count() == 2


def test_images_imported_into_a_run_under_way_are_in_another(colours: Path, tmp_path: Path) -> None:
    begun, job = probe_colour(
        Dataset.objects.get(), [Classifier.objects.get()], grid=[("hue", 120.0)], queue="default"
    )
    assert job is not None
    paint(colours / "dark/late.png", (0, 0, 9))
    command("import_dataset", "colours", str(colours), "--classes", str(tmp_path / "classes.csv"))
    later = command("probe", "colour", "colours", "luminance", "--hues", "120", "--gains", "none")
    assert later["images"] == 5
    assert later["key"] != begun.key
    with Worker(tmp_path):
        wait_until(lambda: Job.objects.get(pk=job.pk).state == Job.State.DONE, what="the first run")
    begun.refresh_from_db()
    assert (begun.images, images_since(begun)) == (4, 1)


def test_a_run_that_was_told_apart_without_its_images_is_found_until_there_are_more(
    colours: Path, tmp_path: Path
) -> None:
    (colours / "middle/red.png").write_bytes(b"gone bad")
    first = command("probe", "colour", "colours", "luminance", *THIRDS)
    run, classifier = ProbeRun.objects.get(), Classifier.objects.get()
    told = [run.kind, run.parameters, [[classifier.pk, classifier.weights_sha256]]]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    ProbeRun.objects.update(digest=digest)
    assert command("probe", "colour", "colours", "luminance", *THIRDS) == first
    assert ProbeRun.objects.get().digest == digest
    paint(colours / "dark/late.png", (0, 0, 9))
    command("import_dataset", "colours", str(colours), "--classes", str(tmp_path / "classes.csv"))
    second = command("probe", "colour", "colours", "luminance", *THIRDS)
    assert (second["images"], second["unreadable"]) == (4, 1)
    assert ProbeRun.objects.count() == 2


def test_a_chunk_that_runs_twice_is_there_once(colours: Path) -> None:
    run, job = probe_colour(
        Dataset.objects.get(), [Classifier.objects.get()], grid=[("hue", 120.0)], queue="default"
    )
    assert job is not None
    chunk = Chunk.objects.get(job=job)
    probes.probe_chunk(chunk)
    probes.probe_chunk(chunk)
    call_command(
        "probe", "colour", "colours", "luminance", "--hues", "120", "--gains", "none", stdout=StringIO()
    )
    run.refresh_from_db()
    with open_columns(run) as columns:
        assert len(set(columns.image.tolist())) == run.images == len(COLOURS)


def test_a_file_that_went_bad_is_counted_and_the_rest_goes_on(colours: Path) -> None:
    (colours / "middle/red.png").write_bytes(b"gone bad")
    result = command("probe", "colour", "colours", "luminance", *THIRDS)
    assert (result["images"], result["unreadable"]) == (3, 1)


def test_a_probe_whose_worker_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    pictures = 3 * probes.CHUNK
    for number in range(pictures):
        paint(tmp_path / f"pictures/middle/{number:04}.png", (255, number, 0))
    register(tmp_path, tmp_path / "pictures")
    run, job = probe_colour(
        Dataset.objects.get(),
        [Classifier.objects.get()],
        grid=[("hue", float(degrees)) for degrees in range(1, 360)],
        queue="default",
    )
    assert job is not None
    with Worker(tmp_path) as worker:
        wait_until(lambda: Chunk.objects.filter(job=job, state="done").exists(), what="the first chunk")
        worker.kill()
    with Worker(tmp_path):
        wait_until(lambda: Job.objects.get(pk=job.pk).state == Job.State.DONE, what="the rest of the probe")
    run.refresh_from_db()
    assert run.images == pictures


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--hues", "400"), "Hue rotation 400"),
        (("--gains", "-1"), "Saturation gain -1"),
        (("--hues", "none", "--gains", "1"), "no setting"),
        (("--hues", "720"), "Hue rotation 720"),
        (("--hues", "10,10"), "twice: hue 10 and 10; take one out of --hues"),
        (("--hues", "350,-10"), r"twice: hue 350 and -10 \(360 degrees apart\)"),
        (("--hues", "10.1,-349.9"), "twice: hue 10.1 and -349.9"),
        (("--hues=-180:180:10",), "twice: hue -180 and 180"),
        (("--hues", "0,360", "--gains", "none"), "no setting"),
        (("--gains", "2,2"), "twice: saturation 2 and 2; take one out of --gains"),
        (("--hues", "10:350"), "FIRST:LAST:STEP"),
        (("--hues", "10:350:0"), "FIRST:LAST:STEP"),
        (("--hues", "0:nan:1"), "FIRST:LAST:STEP"),
        (("--gains", "0:2:1e-12"), "--gains 0:2:1e-12 has more than the 1,000 changes"),
        (("--gains", "0:inf:1"), "--gains 0:inf:1 has more than the 1,000 changes"),
        (("--hues", "0.5:359.5:0.5", "--gains", "0:50:0.1"), "1,219 changes of every image are more than"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused_before_any_work(
    colours: Path, arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("probe", "colour", "colours", "luminance", *arguments)
    assert not ProbeRun.objects.exists()


def test_the_original_is_left_out_of_ranges_and_refused_in_a_grid(colours: Path) -> None:
    command("probe", "colour", "colours", "luminance", "--hues", "0:360:120", "--gains", "0:2:0.5")
    assert ProbeRun.objects.get().parameters["grid"] == [
        *(["hue", 120.0], ["hue", 240.0]),
        *(["saturation", 0.0], ["saturation", 0.5], ["saturation", 1.5], ["saturation", 2.0]),
    ]
    for axis, amount in (("hue", -360.0), ("saturation", 1.0)):
        with pytest.raises(Refused, match=f"the original itself .{axis} {amount:g}."):
            probe_colour(Dataset.objects.get(), [Classifier.objects.get()], grid=[(axis, amount)])


def test_a_classifier_with_more_classes_than_a_run_can_keep_is_refused(colours: Path) -> None:
    classes = Classifier.objects.get().class_list
    Category.objects.create(class_list=classes, index=65_535, name="one too many")
    with pytest.raises(CommandError, match="luminance has a class 65,535"):
        call_command("probe", "colour", "colours", "luminance", *THIRDS)
    assert not ProbeRun.objects.exists()


def test_classifiers_without_a_network_and_named_twice_are_refused(colours: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="name each once"):
        call_command("probe", "colour", "colours", "luminance", "luminance")
    command("add_classifier", "elsewhere", "--classes", str(tmp_path / "classes.csv"))
    with pytest.raises(CommandError, match="no network here"):
        call_command("probe", "colour", "colours", "elsewhere")
    assert not ProbeRun.objects.exists()
