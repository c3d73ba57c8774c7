"""Attacks ended in the middle: a command by SIGKILL, SIGINT and SIGTERM, a worker by SIGKILL."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from studyapp.models import AdversarialImage, AttackRun, Chunk, Classifier, Dataset, Job
from studyapp.protocol.attack import AttackPlan
from studyapp.tasks.attacks import CHUNK, attack_dataset
from tests.conftest import ROOT
from tests.studyapp_tests.networks import grey_picture, write_classes, write_weights
from tests.studyapp_tests.workers import Worker, process_environment, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PICTURES = 4 * CHUNK + 6
LEVELS = {"dark": 20, "middle": 128, "bright": 240}
# Long enough that an attack can be met under way.
STEPS = 100


@pytest.fixture(autouse=True)
def same_files(settings: Any, tmp_path: Path) -> Path:
    """The files of the processes that the tests start."""
    settings.VAR = tmp_path
    folder = tmp_path / "media"
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}
    return folder


@pytest.fixture(autouse=True)
def greys(tmp_path: Path, same_files: Path) -> None:
    """The dataset "greys", the classifier "grey" and its predictions."""
    for number in range(PICTURES):
        name = list(LEVELS)[number % 3]
        grey_picture(tmp_path / "pictures" / name / f"{number:04}.png", LEVELS[name], mark=number // 3)
    classes = str(write_classes(tmp_path / "classes.csv"))
    weights = str(write_weights(tmp_path / "grey.safetensors"))
    call_command("import_dataset", "greys", str(tmp_path / "pictures"), "--classes", classes)
    call_command(
        *("add_classifier", "grey", "--architecture", "digits_linear"),
        *("--weights", weights, "--classes", classes),
    )
    call_command("predict", "greys", "grey")


def stored(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in (folder / "adversarial").rglob("*") if file.is_file()}


def every_image_has_one_row_and_every_file_its_row(folder: Path) -> None:
    run = AttackRun.objects.get()
    rows = run.adversarial_images
    assert rows.count() == rows.values("image").distinct().count() == PICTURES
    assert not rows.exclude(outcome=AdversarialImage.Outcome.ATTACKED).exists()
    assert stored(folder) == set(rows.values_list("file", flat=True))
    assert run.finished_at is not None
    job = Job.objects.get(kind="attack")
    assert (job.state, job.done, job.total) == (Job.State.DONE, PICTURES, PICTURES)
    assert not job.chunks.exclude(state=Chunk.State.DONE).exists()


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_an_attack_that_was_ended_half_way_goes_on_where_it_stood(
    tmp_path: Path, same_files: Path, death: signal.Signals
) -> None:
    command = [
        *(sys.executable, "manage.py", "attack", "greys", "grey", "--space", "pixel"),
        *("--steps", str(STEPS), "--stop", "never", "--json"),
    ]
    environment = dict(process_environment(tmp_path, ""))
    first = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    wait_until(lambda: AdversarialImage.objects.exists(), what="the first rows")
    # Held still, so that it is certain to be under way when it is ended.
    first.send_signal(signal.SIGSTOP)
    there = list(AdversarialImage.objects.order_by("pk").values())
    assert len(there) < PICTURES
    first.send_signal(death)
    first.send_signal(signal.SIGCONT)
    said = first.communicate(timeout=120)[1].decode()
    if death != signal.SIGKILL and first.returncode:
        assert "run the same command again" in said

    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=240)
    every_image_has_one_row_and_every_file_its_row(same_files)
    assert [row for row in AdversarialImage.objects.order_by("pk").values() if row in there] == there


def test_a_worker_killed_between_its_pictures_and_its_rows_leaves_no_stray_file(
    tmp_path: Path, same_files: Path
) -> None:
    plan = AttackPlan(space="pixel", steps=STEPS, stop="never")
    _, job = attack_dataset(
        Dataset.objects.get(), Classifier.objects.get(), plan, queue="default", progress=False
    )
    assert job is not None
    with Worker(tmp_path) as worker:
        wait_until(lambda: bool(stored(same_files)), what="the first picture")
        worker.kill()
    there = list(AdversarialImage.objects.order_by("pk").values())
    # Pictures without rows: what the next worker has to replace.
    assert len(stored(same_files)) > len(there)
    assert len(there) < PICTURES
    with Worker(tmp_path):
        wait_until(lambda: Job.objects.get(pk=job.pk).state == Job.State.DONE, what="the rest of the attack")
    every_image_has_one_row_and_every_file_its_row(same_files)
    assert [row for row in AdversarialImage.objects.order_by("pk").values() if row in there] == there
