"""explain ended in the middle: a command's process by SIGKILL and SIGINT, and a worker's."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from studyapp.models import Classifier, Dataset, Explanation, ExplanationRun, Job
from studyapp.protocol.explanation import ExplanationPlan
from studyapp.services.explanations.runs import ExplanationSubject
from studyapp.services.stored_files import BEING_WRITTEN
from studyapp.tasks.explanations import ExplanationRequest, explain_images
from tests.conftest import ROOT
from tests.studyapp_tests.explanations.halves import make_halves
from tests.studyapp_tests.workers import Worker, process_environment, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

EACH = 12
PICTURES = 2 * EACH
SAMPLES = 1000


@pytest.fixture(autouse=True)
def same_files(settings: Any, tmp_path: Path) -> Path:
    """The files of the processes that the tests start."""
    settings.VAR = tmp_path
    folder = tmp_path / "media"
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}
    return folder


@pytest.fixture
def halves(tmp_path: Path) -> tuple[Dataset, Classifier]:
    return make_halves(tmp_path, each=EACH)


def no_file_is_astray(folder: Path) -> None:
    """Every file in storage is named by a row, and every file that a row names is there.

    What a killed process was writing lies apart and bears no file's name.
    """
    named: set[str] = set()
    for row in Explanation.objects.all():
        named |= {row.explained_file, row.segments_file, row.picture_file, row.heat_file}
    stored = {file.relative_to(folder) for file in folder.rglob("*") if file.is_file()}
    assert {str(file) for file in stored if file.parts[0] != BEING_WRITTEN} == named


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_ended_half_way_goes_on_where_it_stood(
    halves: tuple[Dataset, Classifier], tmp_path: Path, same_files: Path, death: signal.Signals
) -> None:
    command = [
        *(sys.executable, "manage.py", "explain", "halves", "compare"),
        *("--samples", str(SAMPLES), "--hidden", "black", "--limit", str(PICTURES), "--json"),
    ]
    environment = dict(process_environment(tmp_path, ""))
    first = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    wait_until(lambda: Explanation.objects.exists() or first.poll() is not None, what="the first explanation")
    assert first.poll() is None, first.communicate()[1].decode()
    # Held still, so that it is certain to be under way when it is ended.
    first.send_signal(signal.SIGSTOP)
    there = list(Explanation.objects.order_by("pk").values())
    first.send_signal(death)
    first.send_signal(signal.SIGCONT)
    said = first.communicate(timeout=120)[1].decode()
    if death == signal.SIGINT and first.returncode:
        assert "run the same command again" in said
    run = ExplanationRun.objects.get()
    chosen = run.chosen

    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=240)
    run.refresh_from_db()
    assert run.chosen == chosen
    assert sorted(run.explanations.values_list("image", flat=True)) == sorted(chosen)
    assert len(chosen) == PICTURES
    assert [row for row in Explanation.objects.order_by("pk").values() if row in there] == there
    assert run.finished_at is not None
    job = Job.objects.get(kind="explain")
    assert (job.state, job.done, job.total) == (Job.State.DONE, PICTURES, PICTURES)
    no_file_is_astray(same_files)


def test_a_run_whose_worker_was_killed_is_finished_by_the_next(
    halves: tuple[Dataset, Classifier], tmp_path: Path, same_files: Path
) -> None:
    dataset, classifier = halves
    (run,), job = explain_images(
        ExplanationRequest(
            dataset=dataset,
            classifier=classifier,
            subjects=[ExplanationSubject(version="clean")],
            plan=ExplanationPlan(samples=SAMPLES, hidden="black"),
        ),
        queue="default",
        progress=False,
    )
    assert job is not None
    with Worker(tmp_path) as worker:
        wait_until(lambda: Explanation.objects.exists(), what="the first explanation")
        worker.kill()
    there = set(run.explanations.values_list("pk", flat=True))
    with Worker(tmp_path):
        wait_until(lambda: Job.objects.get(pk=job.pk).state == Job.State.DONE, what="the rest of the run")
    images = run.explanations.values_list("image", flat=True)
    assert len(images) == len(set(images)) == PICTURES
    assert there <= set(run.explanations.values_list("pk", flat=True))
    run.refresh_from_db()
    assert run.finished_at is not None
    no_file_is_astray(same_files)
