"""Jobs of commands that are no more, on every page that shows a job's progress."""

from __future__ import annotations

import platform
import subprocess
import sys
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from studyapp.exports.archive import EXPORT
from studyapp.models import AttackRun, Chunk, ExplanationRun, Job, ProbeRun, ShiftRun
from studyapp.protocol.attack import AttackPlan
from studyapp.services import claims
from studyapp.services.attacks.runs import parameters_of
from studyapp.services.jobs import FOREGROUND, ChunkPlan, start_job
from tests.studyapp_tests.gallery.rows import make_attack
from tests.studyapp_tests.results.small_study import small_study
from tests.studyapp_tests.toy_jobs import dataset_for_rows

pytestmark = pytest.mark.django_db

GO_ON = "4 of 12 · Interrupted: give the same command again to go on"


@pytest.fixture
def dead() -> str:
    """A process of this host that has ended, as claims name it."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return f"{platform.node()[:80]}:{ended.pid}"


def half_done(worker: str, *, queue: str = FOREGROUND) -> Job:
    """A job of three chunks: the first done, the second claimed."""
    chunks = [ChunkPlan(payload={}, size=4)] * 3
    job = start_job(kind="toy_rows", title="Toy", chunks=chunks, queue=queue)
    done = claims.claim_chunk(job=job, worker=worker)
    assert done is not None
    claims.finish_chunk(chunk=done)
    Chunk.objects.filter(pk=done.pk).update(started_at=timezone.now() - timedelta(seconds=2))
    assert claims.claim_chunk(job=job, worker=worker) is not None
    return job


def pages(job: Job) -> list[str]:
    ProbeRun.objects.create(key="toy-probe", kind="toy", dataset=dataset_for_rows(), job=job)
    return ["/", "/jobs/", f"/jobs/{job.pk}/", "/probes/"]


@pytest.mark.parametrize("released", [False, True], ids=["killed", "interrupted"])
def test_a_job_whose_command_is_gone_says_how_to_go_on_and_nothing_is_written(
    alice: Client, dead: str, released: bool
) -> None:
    job = half_done(dead)
    if released:
        claims.release_chunk(chunk=job.chunks.get(state=Chunk.State.CLAIMED))
    before = (list(Job.objects.values()), list(Chunk.objects.values()))
    for address in pages(job):
        text = alice.get(address).content.decode()
        assert GO_ON in text, address
        assert "images/s" not in text, address
        assert " left" not in text, address
        assert 'class="state running"' not in text, address
    assert (list(Job.objects.values()), list(Chunk.objects.values())) == before


@pytest.mark.parametrize(
    "worker", [claims.worker_name(), "another-host:1"], ids=["this process", "another host"]
)
def test_a_job_that_a_live_command_works_at_keeps_its_rate(alice: Client, worker: str) -> None:
    for address in pages(half_done(worker)):
        text = alice.get(address).content.decode()
        assert "images/s" in text, address
        assert "Interrupted" not in text, address


def test_between_two_claims_a_job_is_not_called_interrupted(alice: Client) -> None:
    job = half_done(claims.worker_name())
    claims.release_chunk(chunk=job.chunks.get(state=Chunk.State.CLAIMED))
    assert "Interrupted" not in alice.get(f"/jobs/{job.pk}/").content.decode()


def test_a_claim_of_another_host_ends_by_time(alice: Client) -> None:
    job = half_done("another-host:1")
    long_ago = timezone.now() - timedelta(hours=1)
    job.chunks.filter(state=Chunk.State.CLAIMED).update(claim_ends_at=long_ago)
    job.chunks.filter(state=Chunk.State.DONE).update(finished_at=long_ago)
    assert GO_ON in alice.get(f"/jobs/{job.pk}/").content.decode()


def test_workers_take_up_what_was_theirs_so_that_is_not_interrupted(alice: Client, dead: str) -> None:
    job = half_done(dead, queue="default")
    assert "Interrupted" not in alice.get(f"/jobs/{job.pk}/").content.decode()


def pages_in_words(job: Job) -> list[str]:
    """Pages that say a job's state in a sentence or a cell, of runs with this job."""
    attacked = make_attack(images=3)
    images = [row.image_id for row in attacked.images]
    # One image of three is left to attack and to explain.
    attacked.clean.explanations.get(image=images[2]).delete()
    ExplanationRun.objects.filter(pk=attacked.clean.pk).update(job=job, chosen=images)
    attacked.explained.delete()
    attacked.images[2].delete()
    AttackRun.objects.update(job=job, finished_at=None, images=3, parameters=parameters_of(AttackPlan()))
    ShiftRun.objects.create(
        title="Toy",
        way="patch",
        target=0,
        target_name="ant",
        rows=2,
        columns=2,
        stride=1,
        width=4,
        height=4,
        job=job,
    )
    study = small_study().study
    Job.objects.filter(pk=job.pk).update(kind=EXPORT, parameters={"study": study.name, "mode": "real"})
    return [
        f"/attacks/{attacked.run.pk}/",
        f"/explanations/{attacked.clean.pk}/",
        "/probes/shift/",
        f"/studies/{study.name}/export/",
    ]


def test_pages_of_runs_say_interrupted_and_how_to_go_on(alice: Client, dead: str) -> None:
    attack, explanations, shifts, export = (
        alice.get(address).content.decode() for address in pages_in_words(half_done(dead))
    )
    assert "is interrupted. Go on with it: <code>python manage.py attack" in attack
    assert "is interrupted. Give the same command again to go on." in explanations
    assert "interrupted, 33 %" in shifts
    assert '<span class="state interrupted">Interrupted</span>' in export
    assert GO_ON in export


def test_pages_of_runs_that_a_command_works_at_say_running(alice: Client) -> None:
    attack, explanations, shifts, export = (
        alice.get(address).content.decode() for address in pages_in_words(half_done(claims.worker_name()))
    )
    assert "is running.</p>" in attack
    assert "is running.</p>" in explanations
    assert "running, 33 %" in shifts
    assert '<span class="state running">Running</span>' in export
