"""The same work started twice at once: one run and one job, which both starts share."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import pytest
from django.db import connections
from django.utils import timezone

from studyapp.models import (
    AttackRun,
    Chunk,
    Classifier,
    ExampleSelection,
    Job,
    PredictionRun,
    ProbeRun,
    ShiftMaps,
    ShiftRun,
    StylisedPicture,
    StyliseRun,
)
from studyapp.protocol.attack import AttackPlan
from studyapp.services import jobs
from studyapp.services.attacks.drawn import open_drawn_attack
from studyapp.services.examples.plan import ExampleRequest, plan_examples
from studyapp.services.examples.selections import open_selection
from studyapp.services.jobs import FOREGROUND, ChunkPlan, JobPlan
from studyapp.services.probes.shift_runs import AskedClassifier, ShiftFacts, open_shift_run
from studyapp.services.probes.stylising import StyleFile, StyliseRequest, open_run
from studyapp.services.refusals import Refused
from studyapp.tasks.chunks import work_here
from tests.conftest import ROOT
from tests.studyapp_tests.factories import make_dataset
from tests.studyapp_tests.networks import grey_picture, write_classes, write_weights
from tests.studyapp_tests.pages.rows import add_run
from tests.studyapp_tests.probes.shifting import command, register, wide_picture
from tests.studyapp_tests.toy_jobs import dataset_for_rows, plans
from tests.studyapp_tests.workers import process_environment

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")
ROUNDS = 6


def at_once(start: Callable[[], T]) -> list[T]:
    """What two threads get that start the same at the same moment, each on its own connection."""
    barrier = Barrier(2)

    def one() -> T:
        try:
            # A connection that is open already: nothing but the start itself comes after the barrier.
            connections["default"].ensure_connection()
            barrier.wait()
            return start()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        return [each.result() for each in [pool.submit(one), pool.submit(one)]]


def toy_plan(run: ProbeRun, *, queue: str = FOREGROUND) -> JobPlan:
    def chunks() -> list[ChunkPlan]:
        return plans(dataset_for_rows(), chunks=3)

    return JobPlan(kind="toy_rows", title="Toy", parameters={"run": run.pk}, chunks=chunks, queue=queue)


def make_run(number: int = 0) -> ProbeRun:
    dataset = make_dataset(f"set-{number}", images=1)
    return ProbeRun.objects.create(kind=ProbeRun.Kind.COLOUR, dataset=dataset, digest="0" * 64)


def test_two_starts_of_a_run_share_one_job() -> None:
    for number in range(ROUNDS):
        run = make_run(number)
        found = at_once(
            lambda run=run: jobs.job_of_runs(  # type: ignore[misc]
                runs=ProbeRun.objects.filter(pk=run.pk, finished_at=None), plan=toy_plan(run)
            )
        )
        job = Job.objects.get(parameters__run=run.pk)
        assert found == [job, job]
        run.refresh_from_db()
        assert run.job == job
        assert job.chunks.count() == 3


def test_a_run_that_was_finished_meanwhile_gets_no_second_job() -> None:
    run = make_run()
    unfinished = ProbeRun.objects.filter(pk=run.pk, finished_at=None)
    job = jobs.job_of_runs(runs=unfinished, plan=toy_plan(run))
    assert job is not None
    work_here(job, progress=False)
    ProbeRun.objects.update(finished_at=job.created_at)
    assert jobs.job_of_runs(runs=unfinished, plan=toy_plan(run)) is None
    assert Job.objects.count() == 1


def test_a_failed_job_that_another_command_has_just_taken_up_is_shared() -> None:
    run = make_run()
    job = jobs.job_of_runs(runs=ProbeRun.objects.filter(pk=run.pk), plan=toy_plan(run))
    assert job is not None
    job.chunks.filter(number=1).update(state=Chunk.State.FAILED)
    Job.objects.update(state=Job.State.FAILED, error="The shelf is empty.")
    first, second = Job.objects.get(), Job.objects.get()
    assert jobs.hand_over(job=first, queue=FOREGROUND).state == Job.State.QUEUED
    # The second has read it while it was failed.
    assert jobs.hand_over(job=second, queue=FOREGROUND).state == Job.State.QUEUED
    assert set(job.chunks.values_list("state", flat=True)) == {Chunk.State.WAITING}


def test_two_starts_of_a_shift_share_the_run() -> None:
    class_list = make_dataset("set", images=1).class_list
    names = ("first", "second")
    classifiers = [Classifier.objects.create(name=name, class_list=class_list) for name in names]
    for number in range(ROUNDS):
        facts = ShiftFacts(ShiftRun.Way.CROP, "wide", b"picture %d" % number, b"", 3, 5, 1, 8, 8)
        asked = [AskedClassifier(classifier) for classifier in classifiers]
        found = at_once(
            lambda facts=facts, asked=asked: open_shift_run(  # type: ignore[misc]
                facts=facts, target=0, target_name="dark", asked=asked
            )
        )
        assert found[0] == found[1]
        assert (ShiftRun.objects.count(), ShiftMaps.objects.count()) == (number + 1, 2 * (number + 1))


def test_two_starts_of_a_stylised_copy_share_the_run_and_another_copy_is_refused(tmp_path: Path) -> None:
    content = make_dataset("birds", images=4)
    styles = [StyleFile(f"{number}.png", str(number) * 64) for number in range(3)]

    def request(number: int, **more: Any) -> StyliseRequest:
        folder = tmp_path / f"painted-{number}"
        return StyliseRequest(f"painted-{number}", folder, tmp_path, tmp_path / "e", tmp_path / "d", **more)

    def opened(asked: StyliseRequest) -> StyliseRun:
        return open_run(request=asked, content=content, weights=("e", "d"), styles=styles, unreadable=0)

    for number in range(ROUNDS):
        found = at_once(lambda number=number: opened(request(number)))  # type: ignore[misc]
        assert found[0] == found[1]
        assert StyliseRun.objects.count() == number + 1
        assert StylisedPicture.objects.count() == 4 * (number + 1)
    with pytest.raises(Refused, match="made of other styles, weights or options"):
        opened(request(0, alpha=0.5))


def test_two_draws_of_an_attacks_categories_without_a_seed_are_one() -> None:
    dataset = make_dataset("set", images=8)
    predictions = add_run(dataset, "toy")
    PredictionRun.objects.update(finished_at=timezone.now())
    for number in range(ROUNDS):
        plan = AttackPlan(steps=number + 1)
        found = at_once(
            lambda plan=plan: open_drawn_attack(  # type: ignore[misc]
                dataset=dataset, classifier=predictions.classifier, plan=plan, count=3, seed=None
            )
        )
        assert found[0] == found[1]
        assert AttackRun.objects.count() == number + 1


def test_two_selections_without_a_seed_are_one() -> None:
    dataset = make_dataset("set", images=20)
    predictions = add_run(dataset, "toy")
    for number in range(ROUNDS):
        request = ExampleRequest(method="random", prototypes=1, categories=(str(number),))
        plan = plan_examples(dataset=dataset, classifier=predictions.classifier, request=request)
        found = at_once(
            lambda plan=plan: open_selection(  # type: ignore[misc]
                dataset=dataset, classifier=predictions.classifier, plan=plan
            )
        )
        assert found[0] == found[1]
        assert ExampleSelection.objects.count() == number + 1


def both(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """What the same command says in two processes at once."""
    processes = [
        subprocess.Popen(
            [*(sys.executable, "manage.py"), *arguments, "--json"],
            cwd=ROOT,
            env=dict(process_environment(folder / "var", "")),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    said = [each.communicate(timeout=300) for each in processes]
    assert [each.returncode for each in processes] == [0, 0], [error.decode() for _, error in said]
    return [json.loads(out) for out, _ in said]


def test_two_commands_map_one_shift_together(tmp_path: Path) -> None:
    register(tmp_path)
    picture = str(wide_picture(tmp_path / "wide.png"))
    first, second = both(
        tmp_path, *("probe", "shift", "luminance", "--image", picture, "--side", "8", "--class", "2")
    )
    assert first == second
    assert (ShiftRun.objects.count(), ShiftMaps.objects.count()) == (1, 1)
    assert ShiftRun.objects.get().finished_at is not None
    assert Job.objects.get(kind="shift").state == Job.State.DONE


def test_two_commands_import_a_folder_and_probe_it_together(tmp_path: Path) -> None:
    classes = str(write_classes(tmp_path / "classes.csv"))
    weights = str(write_weights(tmp_path / "luminance.safetensors"))
    command(
        *("add_classifier", "toy", "--architecture", "digits_linear"),
        *("--weights", weights, "--classes", classes),
    )
    for place, name in enumerate(("dark1-bright1", "dark2-middle1", "middle1-dark1", "bright1-dark2")):
        grey_picture(tmp_path / "greys" / f"{name}.png", 60 * place, mark=place)
    (tmp_path / "categories.json").write_text(json.dumps({"dark": [0], "middle": [1], "bright": [2]}))
    categories = ("--categories", str(tmp_path / "categories.json"))
    first, second = both(tmp_path, "probe", "texture", str(tmp_path / "greys"), "toy", *categories)
    assert first == second
    assert first["images"] == 4
    assert ProbeRun.objects.get().finished_at is not None
    assert dict(Job.objects.values_list("kind", "state")) == {
        "import_dataset": Job.State.DONE,
        "probe_texture": Job.State.DONE,
    }
    assert Job.objects.count() == 2
