"""Jobs and chunks in one process: claims, failures, retries, figures."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from studyapp.models import Chunk, Dataset, Job, SkippedFile
from studyapp.services import claims, jobs
from studyapp.services.jobs import FOREGROUND, JobFailure
from studyapp.tasks.chunks import work_at_job, work_here, work_one_turn
from studyapp.views.research_jobs import line_of
from tests.studyapp_tests.toy_jobs import dataset_for_rows, plans

pytestmark = pytest.mark.django_db


def start(kind: str = "toy_rows", *, chunks: int = 3, **extra: object) -> tuple[Job, Dataset]:
    dataset = dataset_for_rows()
    job = jobs.start_job(
        kind=kind,
        title="Toy",
        chunks=plans(dataset, chunks=chunks, **extra),
        unit="rows",
        queue=FOREGROUND,
        parameters={"dataset": dataset.pk},
    )
    return job, dataset


def names(dataset: Dataset) -> list[str]:
    return sorted(SkippedFile.objects.filter(dataset=dataset).values_list("name", flat=True))


ALL = [f"row-{chunk:03}-{item}" for chunk in range(3) for item in range(4)]


def test_a_job_worked_at_here_writes_every_row_and_is_done() -> None:
    job, dataset = start()
    assert (job.total, job.done, job.percent) == (12, 0, 0.0)
    job = work_here(job, progress=False)
    assert names(dataset) == ALL
    assert (job.state, job.done, job.percent) == (Job.State.DONE, 12, 100.0)
    assert job.started_at is not None
    assert job.finished_at is not None


def test_every_chunk_may_run_twice_and_is_counted_once() -> None:
    job, dataset = start()
    work_here(job, progress=False)
    # As after a worker that wrote and died before it said so.
    job.chunks.update(state=Chunk.State.CLAIMED, claim_ends_at=timezone.now(), worker="elsewhere:1")
    Job.objects.update(state=Job.State.RUNNING, done=0)
    job.refresh_from_db()
    job = work_here(job, progress=False)
    assert names(dataset) == ALL
    assert job.done == 12


def test_a_living_claim_is_not_taken_and_an_ended_one_is() -> None:
    job, _ = start(chunks=1)
    first = claims.claim_chunk(job=job, worker="host-a:1")
    assert first is not None
    assert claims.claim_chunk(job=job, worker="host-b:2") is None
    Chunk.objects.update(claim_ends_at=timezone.now() - timedelta(seconds=1))
    second = claims.claim_chunk(job=job, worker="host-b:2")
    assert second is not None
    assert (second.pk, second.attempts) == (first.pk, 2)
    # The first worker wakes up late: its claim counts for nothing any more.
    assert claims.renew_claims(chunks=[first]) == 0
    assert not claims.finish_chunk(chunk=first)
    assert claims.finish_chunk(chunk=second)
    job.refresh_from_db()
    assert job.done == 4


def test_renewing_pushes_the_end_of_a_claim() -> None:
    job, _ = start(chunks=1)
    chunk = claims.claim_chunk(job=job, worker="host-a:1")
    assert chunk is not None
    Chunk.objects.update(claim_ends_at=timezone.now() + timedelta(seconds=1))
    assert claims.renew_claims(chunks=[chunk]) == 1
    chunk.refresh_from_db()
    assert chunk.claim_ends_at is not None
    assert chunk.claim_ends_at > timezone.now() + timedelta(seconds=60)


def test_the_claim_of_a_dead_process_of_this_host_ends_at_once() -> None:
    job, _ = start(chunks=2)
    host = claims.worker_name().rpartition(":")[0]
    claims.claim_chunk(job=job, worker=f"{host}:999999999")
    claims.claim_chunk(job=job, worker=claims.worker_name())
    assert claims.end_claims_of_dead_processes() == 1
    taken = claims.claim_chunk(job=job, worker=claims.worker_name())
    assert taken is not None
    assert taken.number == 0


def test_a_failed_chunk_gives_reason_and_remedy_and_retry_goes_on_where_it_stood(tmp_path: Path) -> None:
    missing_file = tmp_path / "weights.bin"
    job, dataset = start("toy_needs_file", file=str(missing_file))
    done = job.chunks.get(number=0)
    done.state = Chunk.State.DONE
    done.save()
    Job.objects.update(done=4)
    with pytest.raises(JobFailure) as failure:
        work_here(job, progress=False)
    job.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert "weights.bin" in job.error
    assert "Put the file back" in job.remedy
    assert (failure.value.reason, failure.value.remedy) == (job.error, job.remedy)
    assert list(job.chunks.values_list("state", flat=True)) == ["done", "failed", "waiting"]

    missing_file.write_text("here")
    job = work_here(job, progress=False)
    assert (job.state, job.done, job.error, job.remedy) == (Job.State.DONE, 12, "", "")
    assert names(dataset) == ALL[4:]


def test_a_refusal_speaks_in_its_own_words() -> None:
    job, _ = start("toy_refuses")
    with pytest.raises(JobFailure, match=r"The shelf is empty\. Fill the shelf\."):
        work_here(job, progress=False)


def test_retrying_puts_a_foreground_job_on_the_workers_queue() -> None:
    job, _ = start("toy_refuses")
    work_one_turn(job, seconds=None)
    job = jobs.retry_job(job=job)
    assert (job.state, job.queue, job.error) == (Job.State.QUEUED, "default", "")
    assert not job.chunks.exclude(state=Chunk.State.WAITING).exists()


def test_a_job_that_runs_can_not_be_retried() -> None:
    job, _ = start()
    with pytest.raises(JobFailure, match="Only a failed or cancelled job"):
        jobs.retry_job(job=job)


def test_a_job_without_its_function_says_so() -> None:
    job, _ = start("toy_unknown")
    with pytest.raises(JobFailure, match="toy_unknown"):
        work_here(job, progress=False)


def test_a_cancelled_job_begins_no_further_chunk() -> None:
    job, dataset = start()
    assert jobs.cancel_job(job=job)
    assert not jobs.cancel_job(job=job)
    work_one_turn(job, seconds=None)
    assert names(dataset) == []


def test_a_chunk_that_kills_its_workers_fails_instead_of_killing_another() -> None:
    job, _ = start(chunks=1)
    for _ in range(claims.MOST_ATTEMPTS):
        assert claims.claim_chunk(job=job, worker="host-a:1") is not None
        Chunk.objects.update(claim_ends_at=timezone.now())
    assert claims.claim_chunk(job=job, worker="host-a:1") is None
    job.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert "its worker always died" in job.error


def test_work_ahead_holds_two_chunks_and_closes_the_job_once_all_are_done() -> None:
    job, dataset = start("toy_ahead")
    job = work_here(job, progress=False)
    assert names(dataset) == ["closed", *ALL]
    assert SkippedFile.objects.get(name="closed").reason == "12"
    assert job.state == Job.State.DONE


def test_a_worker_killed_before_closing_a_job_leaves_it_to_the_next_bell() -> None:
    job, dataset = start("toy_ahead")
    job.chunks.update(state=Chunk.State.DONE)
    Job.objects.update(state=Job.State.RUNNING, done=12)
    work_at_job(job_id=job.pk)
    assert names(dataset) == ["closed"]
    job.refresh_from_db()
    assert job.state == Job.State.DONE


def test_a_turn_that_is_over_gives_nothing_up() -> None:
    job, dataset = start()
    work_one_turn(job, seconds=0.0)
    assert names(dataset) == []
    assert not job.chunks.exclude(state=Chunk.State.WAITING).exists()


def test_an_interruption_gives_the_claims_back_and_the_same_work_goes_on() -> None:
    job, dataset = start("toy_ahead")

    def interrupt(chunk: Chunk) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_one_turn(job, seconds=None, on_done=interrupt)
    assert list(job.chunks.values_list("state", "attempts")) == [("done", 1), ("waiting", 0), ("waiting", 0)]
    same = jobs.unfinished_job(kind="toy_ahead", parameters={"dataset": dataset.pk})
    assert same == job
    work_here(job, progress=False)
    assert names(dataset) == ["closed", *ALL]


def test_silent_jobs_are_rung_for_and_living_ones_are_not() -> None:
    job, _ = start(chunks=2)
    minute = timedelta(minutes=1)
    assert jobs.ring_waiting_jobs(silent_for=minute) == 0  # in the foreground: nobody's business
    Job.objects.update(queue="default")
    assert jobs.ring_waiting_jobs(silent_for=minute) == 1
    chunk = claims.claim_chunk(job=job, worker=claims.worker_name())
    assert chunk is not None
    assert jobs.ring_waiting_jobs(silent_for=minute) == 0
    claims.finish_chunk(chunk=chunk)
    assert jobs.ring_waiting_jobs(silent_for=minute) == 0
    assert jobs.ring_waiting_jobs(silent_for=timedelta(0)) == 1


def test_rate_and_time_left_leave_pauses_out_and_count_side_by_side_seconds_once() -> None:
    job, _ = start(chunks=4)
    assert job.rate() is None
    assert " left" not in line_of(job).words
    noon = timezone.now()
    # Two chunks of four rows overlap within 3 s; a third follows after an hour's pause and takes 3 s.
    spans = [(0, 2), (1, 3), (3600, 3603)]
    for number, (begun, ended) in enumerate(spans):
        job.chunks.filter(number=number).update(
            state=Chunk.State.DONE,
            started_at=noon + timedelta(seconds=begun),
            finished_at=noon + timedelta(seconds=ended),
        )
    Job.objects.update(done=12, state=Job.State.RUNNING)
    job.refresh_from_db()
    assert job.rate() == pytest.approx(12 / 6)
    assert line_of(job).words == "12 of 16 · 2.0 rows/s · about 2 s left"
    assert job.percent == pytest.approx(75.0)
    Job.objects.update(state=Job.State.DONE)
    job.refresh_from_db()
    assert " left" not in line_of(job).words
