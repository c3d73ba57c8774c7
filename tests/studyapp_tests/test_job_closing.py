"""The last step of a job: one process at a time, another where that one dies, in processes and in rows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from studyapp.models import Job
from studyapp.services import claims, jobs
from studyapp.services.jobs import FOREGROUND, JobFailure
from studyapp.tasks.chunks import JOB_KINDS, JobKind, work_at_job, work_here, work_one_turn
from tests.conftest import ROOT
from tests.studyapp_tests.toy_jobs import job_to_close, said
from tests.studyapp_tests.workers import Worker, process_environment, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 8
MINUTE = timedelta(minutes=1)


def process(folder: Path, code: str) -> subprocess.Popen[bytes]:
    """A process of ours beside the test, with the toy jobs."""
    return subprocess.Popen(
        [*(sys.executable, "manage.py", "shell", "--no-imports", "-c"), code],
        cwd=ROOT,
        env={**process_environment(folder, ""), "PYTHONPATH": str(ROOT)},
    )


def closer(folder: Path, job: Job) -> subprocess.Popen[bytes]:
    """A process that is in the middle of closing a job."""
    begun = process(
        folder,
        "import tests.studyapp_tests.toy_jobs; from studyapp.tasks.chunks import work_at_job; "
        f"work_at_job(job_id={job.pk})",
    )
    wait_until(lambda: ("begun", begun.pid) in said(folder), what="the closing's beginning")
    return begun


def closing_of(job: Job) -> tuple[str, int, bool]:
    """State, begun closings and whether somebody holds the closing."""
    job.refresh_from_db()
    return job.state, job.closings, job.closing_ends_at is not None


def test_a_job_that_another_process_closes_is_left_to_it_and_counts_as_alive(tmp_path: Path) -> None:
    job = job_to_close(tmp_path)
    assert jobs.ring_waiting_jobs(silent_for=MINUTE) == 1
    other = closer(tmp_path, job)
    assert jobs.ring_waiting_jobs(silent_for=timedelta(0)) == 0
    work_at_job(job_id=job.pk)
    assert closing_of(job) == (Job.State.RUNNING, 1, True)
    (tmp_path / "go").touch()
    assert other.wait(timeout=240) == 0
    assert closing_of(job) == (Job.State.DONE, 0, False)
    assert said(tmp_path) == [("begun", other.pid), ("ended", other.pid)]


def test_of_two_processes_that_reach_the_closing_at_once_one_closes(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(ROUNDS)]
    keys = []
    for folder in folders:
        folder.mkdir()
        keys.append(job_to_close(folder).pk)
    code = f"from tests.studyapp_tests import toy_jobs; toy_jobs.close_beside_another(*{keys})"
    both = [process(tmp_path, code) for _ in range(2)]
    assert [each.wait(timeout=300) for each in both] == [0, 0]
    for folder in folders:
        assert [word for word, _ in said(folder)] == ["begun", "ended"]
    assert set(Job.objects.values_list("state", "closings")) == {(Job.State.DONE, 0)}


def test_a_command_waits_for_another_process_that_closes(tmp_path: Path) -> None:
    job = job_to_close(tmp_path, queue=FOREGROUND)
    other = closer(tmp_path, job)

    def work() -> str:
        try:
            return work_here(job, progress=False).state
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(work)
        # Until it has looked once, found nothing to do, and looks for the dead among the closers.
        with pytest.raises(TimeoutError):
            waiting.result(timeout=2)
        (tmp_path / "go").touch()
        assert waiting.result(timeout=240) == Job.State.DONE
    assert other.wait(timeout=240) == 0
    assert said(tmp_path) == [("begun", other.pid), ("ended", other.pid)]


def test_a_job_whose_closer_is_killed_is_closed_by_the_command(tmp_path: Path) -> None:
    job = job_to_close(tmp_path, queue=FOREGROUND)
    other = closer(tmp_path, job)
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert closing_of(job) == (Job.State.RUNNING, 1, True)
    (tmp_path / "go").touch()
    assert work_here(job, progress=False).state == Job.State.DONE
    assert said(tmp_path) == [("begun", other.pid), ("begun", os.getpid()), ("ended", os.getpid())]
    assert closing_of(job) == (Job.State.DONE, 0, False)


def test_a_job_whose_worker_is_killed_while_it_closes_is_closed_by_the_next(tmp_path: Path) -> None:
    job = job_to_close(tmp_path)
    with Worker(tmp_path) as worker:
        wait_until(lambda: bool(said(tmp_path)), what="the closing's beginning")
        worker.kill()
    (tmp_path / "go").touch()
    with Worker(tmp_path) as next_one:
        wait_until(lambda: closing_of(job)[0] == Job.State.DONE, what="the closing")
        assert said(tmp_path) == [
            ("begun", worker.process.pid),
            *(("begun", next_one.process.pid), ("ended", next_one.process.pid)),
        ]


def test_the_claim_on_a_closing_is_renewed_while_it_lasts_and_locks_nothing(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CLAIM_SECONDS = 1.0
    job = job_to_close(tmp_path)
    ends: list[object] = []

    def finish(job: Job) -> None:
        def renewed() -> bool:
            ends.append(Job.objects.get(pk=job.pk).closing_ends_at)
            return len(set(ends)) > 2

        # The beats come from another connection: with a lock held here they could not.
        wait_until(renewed, what="two beats")

    monkeypatch.setitem(JOB_KINDS, "toy_closes", JobKind(JOB_KINDS["toy_closes"].stream, finish))
    work_one_turn(job, seconds=None)
    assert closing_of(job) == (Job.State.DONE, 0, False)


def test_an_ended_claim_on_a_closing_is_taken_over_and_the_late_one_decides_nothing(tmp_path: Path) -> None:
    job = job_to_close(tmp_path)
    first = claims.claim_closing(job=job, worker="host-a:1")
    assert first is not None
    assert claims.claim_closing(job=job, worker="host-b:2") is None
    Job.objects.update(closing_ends_at=timezone.now() - timedelta(seconds=1))
    second = claims.claim_closing(job=job, worker="host-b:2")
    assert second is not None
    assert (second.closer, second.closings) == ("host-b:2", 2)
    # The first wakes up late: what it did is done again, and what went wrong with it says nothing.
    assert claims.renew_claims(chunks=[], closing=first) == 0
    assert not claims.fail_closing(job=first, reason="The parts are gone.", remedy="")
    assert not claims.finish_job(job=first)
    claims.release_closing(job=first)
    assert closing_of(job) == (Job.State.RUNNING, 2, True)
    assert claims.renew_claims(chunks=[], closing=second) == 1
    assert claims.finish_job(job=second)
    assert closing_of(job) == (Job.State.DONE, 0, False)
    assert claims.claim_closing(job=job, worker="host-a:1") is None


def test_a_job_with_a_chunk_left_is_not_closed(tmp_path: Path) -> None:
    job = job_to_close(tmp_path)
    job.chunks.filter(number=1).update(state="failed")
    assert claims.claim_closing(job=job, worker="host-a:1") is None


def test_a_closing_that_kills_its_workers_fails_the_job_and_a_retry_begins_to_count_anew(
    tmp_path: Path,
) -> None:
    job = job_to_close(tmp_path)
    for _ in range(claims.MOST_ATTEMPTS):
        assert claims.claim_closing(job=job, worker="host-a:1") is not None
        Job.objects.update(closing_ends_at=timezone.now())
    assert claims.claim_closing(job=job, worker="host-a:1") is None
    assert closing_of(job) == (Job.State.FAILED, 0, False)
    assert "its worker always died" in job.error
    (tmp_path / "go").touch()
    assert work_here(job, progress=False).state == Job.State.DONE


def test_a_closing_that_fails_gives_reason_and_remedy_and_is_taken_again_after_a_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_to_close(tmp_path, queue=FOREGROUND)

    def refuse(job: Job) -> None:
        raise JobFailure("The shelf is full.", "Clear the shelf.")

    with monkeypatch.context() as patch:
        patch.setitem(JOB_KINDS, "toy_closes", JobKind(JOB_KINDS["toy_closes"].stream, refuse))
        with pytest.raises(JobFailure, match=r"The shelf is full\. Clear the shelf\."):
            work_here(job, progress=False)
    assert closing_of(job) == (Job.State.FAILED, 0, False)
    (tmp_path / "go").touch()
    assert work_here(job, progress=False).state == Job.State.DONE


def test_an_interrupted_closing_gives_its_claim_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_to_close(tmp_path)

    def interrupt(job: Job) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(JOB_KINDS, "toy_closes", JobKind(JOB_KINDS["toy_closes"].stream, interrupt))
    with pytest.raises(KeyboardInterrupt):
        work_one_turn(job, seconds=None)
    assert closing_of(job) == (Job.State.RUNNING, 0, False)


def test_a_job_cancelled_while_it_is_closed_stays_cancelled_and_can_be_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_to_close(tmp_path, queue=FOREGROUND)
    with monkeypatch.context() as patch:
        finish = lambda job: jobs.cancel_job(job=job)  # noqa: E731
        patch.setitem(JOB_KINDS, "toy_closes", JobKind(JOB_KINDS["toy_closes"].stream, finish))
        work_one_turn(job, seconds=None)
    assert closing_of(job) == (Job.State.CANCELLED, 0, False)
    (tmp_path / "go").touch()
    assert work_here(job, progress=False).state == Job.State.DONE
