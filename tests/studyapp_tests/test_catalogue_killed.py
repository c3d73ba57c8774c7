"""Imports and predictions killed half-way: a command's process, and a worker's."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from studyapp.models import Chunk, Classifier, Dataset, Image, Job, Prediction
from studyapp.tasks.catalogue import CHUNK
from studyapp.tasks.predict import predict_dataset
from tests.conftest import ROOT
from tests.studyapp_tests.networks import grey_picture, write_classes, write_weights
from tests.studyapp_tests.workers import Worker, process_environment, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PICTURES = 2 * CHUNK + 10
LEVELS = {"dark": 20, "middle": 128, "bright": 240}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(PICTURES):
        name = list(LEVELS)[number % 3]
        grey_picture(tmp_path / "pictures" / name / f"{number:04}.png", LEVELS[name], mark=number // 3)
    return tmp_path / "pictures"


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT])
def test_an_import_that_was_ended_half_way_goes_on_where_it_stood(
    root: Path, tmp_path: Path, death: signal.Signals
) -> None:
    command = [sys.executable, "manage.py", "import_dataset", "greys", str(root), "--json"]
    environment = dict(process_environment(tmp_path, ""))
    first = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    wait_until(lambda: Image.objects.count() >= CHUNK, what="the first chunk")
    # Held still, so that it is certain to be under way when it is ended.
    first.send_signal(signal.SIGSTOP)
    there = dict(Image.objects.values_list("name", "pk"))
    first.send_signal(death)
    first.send_signal(signal.SIGCONT)
    said = first.communicate(timeout=60)[1].decode()
    if death == signal.SIGINT and first.returncode:
        assert "run the same command again" in said

    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=120)
    assert Image.objects.count() == Image.objects.values("name").distinct().count() == PICTURES
    assert {name: pk for name, pk in Image.objects.values_list("name", "pk") if name in there} == there
    job = Job.objects.get()
    assert (job.state, job.done, job.total) == (Job.State.DONE, PICTURES, PICTURES)


def test_a_prediction_whose_worker_was_killed_is_finished_by_the_next(root: Path, tmp_path: Path) -> None:
    classes = str(write_classes(tmp_path / "classes.csv"))
    weights = str(write_weights(tmp_path / "grey.safetensors"))
    call_command("import_dataset", "greys", str(root), "--classes", classes)
    call_command(
        *("add_classifier", "grey", "--architecture", "digits_linear"),
        *("--weights", weights, "--classes", classes),
    )
    run, job = predict_dataset(
        Dataset.objects.get(), Classifier.objects.get(), queue="default", progress=False
    )
    assert job is not None
    with Worker(tmp_path) as worker:
        wait_until(lambda: Prediction.objects.exists(), what="the first chunk's predictions")
        worker.kill()
    there = set(run.predictions.values_list("pk", flat=True))
    with Worker(tmp_path):
        wait_until(lambda: Job.objects.get(pk=job.pk).state == Job.State.DONE, what="the rest of the run")
    assert run.predictions.count() == run.predictions.values("image").distinct().count() == PICTURES
    assert there <= set(run.predictions.values_list("pk", flat=True))
    assert not run.predictions.filter(top1_correct=False).exists()
    run.refresh_from_db()
    assert run.finished_at is not None
    assert not job.chunks.exclude(state=Chunk.State.DONE).exists()
