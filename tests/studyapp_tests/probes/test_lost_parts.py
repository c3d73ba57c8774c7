"""A part of a probe that is lost from storage before the parts are put together is made again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError
from django.test import override_settings

from studyapp.models import Chunk, Job, ProbeRun, ShiftRun
from studyapp.services import jobs
from studyapp.services.jobs import ChunkPlan, start_job
from studyapp.services.probes import runs, shift_runs
from studyapp.services.probes.runs import COLUMNS, open_columns
from studyapp.services.probes.shift_maps import read_maps
from studyapp.tasks import chunks, probes, shift_probe
from tests.studyapp_tests.pictures import noise
from tests.studyapp_tests.probes.shifting import SIDE, command, register, wide_picture

pytestmark = pytest.mark.django_db(transaction=True)

PICTURES = 6
COLOUR = ("probe", "colour", "noise", "luminance", "--hues", "120,240", "--gains", "none")
TRANSFORM = ("probe", "transform", "noise", "luminance", "--sizes", "0.5", "--pairs", "2")


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "m"}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}
    monkeypatch.setattr(probes, "CHUNK", 2)
    monkeypatch.setattr(shift_probe, "CHUNK", 4)
    with override_settings(VAR=tmp_path / "var"):
        yield


@pytest.fixture
def pictures(tmp_path: Path) -> None:
    """A dataset of noise and the classifier `luminance`."""
    for number in range(PICTURES):
        path = tmp_path / f"pictures/{('dark', 'middle', 'bright')[number % 3]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(number, size=(SIDE + 1, SIDE + 1)).save(path)
    register(tmp_path)
    command("import_dataset", "noise", str(tmp_path / "pictures"), "--classes", f"{tmp_path}/classes.csv")


def stopped(*arguments: Any, **options: Any) -> None:
    """In the place of the last step: it stops before it has read a part."""
    raise RuntimeError("stopped before the parts are read")


def attempts() -> list[int]:
    """How often each chunk of the probe was begun."""
    return list(probing().chunks.order_by("number").values_list("attempts", flat=True))


def probing() -> Job:
    """The probe's job."""
    return Job.objects.get(kind__in=(probes.KIND, shift_probe.KIND))


@pytest.mark.parametrize("asked", [COLOUR, TRANSFORM], ids=["colour", "transform"])
def test_a_repeated_command_makes_the_lost_part_of_a_probe_again_and_no_other(
    pictures: None, monkeypatch: pytest.MonkeyPatch, asked: tuple[str, ...]
) -> None:
    with monkeypatch.context() as stopping:
        stopping.setattr(runs, "join_parts", stopped)
        with pytest.raises(CommandError, match="stopped before the parts are read"):
            command(*asked)
    run = ProbeRun.objects.get()
    before = part_of(run, 1)
    default_storage.delete(f"probes/{run.key}/1.npz")
    result = command(*asked)
    assert (result["images"], result["unreadable"]) == (PICTURES, 0)
    assert attempts() == [1, 2, 1]
    job = probing()
    assert (job.state, job.done, job.total) == (Job.State.DONE, PICTURES, PICTURES)
    run.refresh_from_db()
    with open_columns(run) as columns:
        assert columns.image.tolist() == list(run.dataset.images.order_by("pk").values_list("pk", flat=True))
        for column in COLUMNS:
            assert np.array_equal(columns.of(0, column)[2:4], before[f"0_{column}"])


def part_of(run: ProbeRun, number: int) -> dict[str, Any]:
    with default_storage.open(f"probes/{run.key}/{number}.npz") as file, np.load(file) as arrays:
        return dict(arrays)


def test_a_repeated_command_makes_the_lost_part_of_shift_maps_again_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tmp_path)
    wide = wide_picture(tmp_path / "wide.png")
    asked = ("probe", "shift", "luminance", "--image", str(wide), "--side", str(SIDE), "--class", "2")
    with monkeypatch.context() as stopping:
        stopping.setattr(shift_runs, "finish_run", stopped)
        with pytest.raises(CommandError, match="stopped before the parts are read"):
            command(*asked)
    run = ShiftRun.objects.get()
    name = f"shifts/{run.key}/parts/1.npz"
    before = read_maps(name)
    assert before is not None
    default_storage.delete(name)
    command(*asked)
    assert attempts() == [1, 2, 1, 1]
    found = read_maps(run.maps.get().file)
    assert found is not None
    assert np.array_equal(found.maps["probability"].ravel()[4:8], before.maps["probability"])
    assert probing().state == Job.State.DONE


def test_parts_that_were_joined_and_deleted_are_not_lost(
    pictures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as stopping:
        stopping.setattr(runs, "finish_probe", stopped)
        with pytest.raises(CommandError, match="stopped before the parts are read"):
            command(*COLOUR)
    run = ProbeRun.objects.get()
    assert run.file
    assert not runs.parts_there(run)
    command(*COLOUR)
    assert attempts() == [1, 1, 1]
    assert probing().state == Job.State.DONE


def test_a_part_that_is_lost_every_time_fails_in_the_end(
    pictures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*, run: ProbeRun, **kept: Any) -> None:
        """Storage that takes a part and does not keep it."""

    with monkeypatch.context() as losing:
        losing.setattr(runs, "write_part", lose)
        with pytest.raises(
            CommandError, match="Part 1 was begun 5 times; what it had made was gone from storage"
        ):
            command(*COLOUR)
    assert not ProbeRun.objects.get().file
    assert command(*COLOUR)["images"] == PICTURES


def test_workers_make_a_lost_part_again(pictures: None) -> None:
    job = Job.objects.get(pk=command(*COLOUR, "--queue")["job"])
    first = Chunk.objects.get(job=job, number=0)
    Chunk.objects.filter(pk=first.pk).update(state=Chunk.State.DONE)
    Job.objects.filter(pk=job.pk).update(done=first.size)
    chunks.work_at_job(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.done) == (Job.State.RUNNING, PICTURES - first.size)
    chunks.work_at_job(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.done) == (Job.State.DONE, PICTURES)


def test_only_done_chunks_are_worked_at_again() -> None:
    job = start_job(kind="probe", title="Toy", chunks=[ChunkPlan(payload={}, size=3)] * 3)
    job.chunks.filter(number=0).update(state=Chunk.State.DONE)
    Job.objects.filter(pk=job.pk).update(done=3)
    assert jobs.redo_chunks(job=job, numbers=[]) == 0
    assert jobs.redo_chunks(job=job, numbers=[0, 1, 9]) == 1
    job.refresh_from_db()
    assert job.done == 0
    assert set(job.chunks.values_list("state", flat=True)) == {Chunk.State.WAITING}
