"""Bells and chunks of jobs: the loop that claims, computes and writes, for workers and commands.

A job function may run twice for one chunk (a worker died after it wrote and before it said so),
so it writes idempotently: an upsert on a natural key.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from celery import shared_task
from celery.signals import worker_ready
from django.db import close_old_connections, connections
from tqdm import tqdm

from studyapp.models import Chunk, Job
from studyapp.services import jobs
from studyapp.services.jobs import FOREGROUND, JobFailure
from studyapp.tasks.failures import explained

log = logging.getLogger(__name__)

# A worker hands the job back to the broker after this long, so that jobs take turns.
TURN_SECONDS = 20.0

ChunkFunction = Callable[[Chunk], None]
ChunkStream = Callable[[Iterator[Chunk]], Iterator[Chunk]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """How chunks of one kind of job are worked at, and what closes the job."""

    stream: ChunkStream
    finish: Callable[[Job], None] | None


JOB_KINDS: dict[str, JobKind] = {}


def job_function(
    kind: str, *, finish: Callable[[Job], None] | None = None
) -> Callable[[ChunkFunction], ChunkFunction]:
    """Register `function(chunk)` for jobs of `kind`; its rows are committed when it returns.

    `finish(job)` runs once every chunk is done and before the job is marked so; it may run twice.
    """

    def register(function: ChunkFunction) -> ChunkFunction:
        def stream(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
            for chunk in chunks:
                function(chunk)
                yield chunk

        JOB_KINDS[kind] = JobKind(stream=stream, finish=finish)
        return function

    return register


def job_stream(
    kind: str, *, finish: Callable[[Job], None] | None = None
) -> Callable[[ChunkStream], ChunkStream]:
    """Register `function(chunks)` for jobs of `kind`: it takes chunks ahead and yields each once written.

    For work that must not pause between chunks: the next one is claimed when the function asks for it.
    """

    def register(function: ChunkStream) -> ChunkStream:
        JOB_KINDS[kind] = JobKind(stream=function, finish=finish)
        return function

    return register


@shared_task(name=jobs.BELL)
def work_at_job(*, job_id: int) -> None:
    """A bell: work at a job for one turn, then ring again if somebody is still needed."""
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        log.warning("job %s is gone: its bell is dropped", job_id)
        return
    work_one_turn(job, seconds=TURN_SECONDS)
    if Chunk.objects.claimable().filter(job=job).exists():
        jobs.ring(job)


@shared_task(name="studyapp.tasks.chunks.ring_waiting_chunks")
def ring_waiting_chunks() -> None:
    """Every minute: ring for jobs whose bell was lost or whose worker died."""
    jobs.ring_waiting_jobs(silent_for=timedelta(minutes=1))


@worker_ready.connect
def ring_at_start(**_: object) -> None:
    """A worker that starts rings for whatever was left unfinished."""
    jobs.ring_waiting_jobs(silent_for=timedelta(0))
    connections.close_all()


def work_here(job: Job, *, progress: bool = True) -> Job:
    """Work at a job in this process until it is done, with a progress bar on stderr.

    An interrupted command leaves a job that the same command goes on with. Raises JobFailure with
    reason and remedy when the job fails or is cancelled.
    """
    jobs.end_claims_of_dead_processes()
    if job.queue != FOREGROUND or job.can_be_retried:
        job = jobs.hand_over(job=job, queue=FOREGROUND)
    with tqdm(
        total=job.total, initial=job.done, unit=f" {job.unit}", desc=job.title, disable=not progress
    ) as bar:
        while True:
            work_one_turn(job, seconds=None, on_done=lambda chunk: bar.update(chunk.size))
            job.refresh_from_db()
            bar.update(job.done - bar.n)
            if job.is_finished:
                break
            # What is left is claimed by another process: wait for it, or for its claim to end.
            time.sleep(0.5)
            jobs.end_claims_of_dead_processes()
    if job.state == Job.State.FAILED:
        raise JobFailure(job.error, job.remedy)
    if job.state == Job.State.CANCELLED:
        raise JobFailure(f"{job.title} was cancelled.", "Run the command again to go on with it.")
    return job


def work_one_turn(
    job: Job, *, seconds: float | None, on_done: Callable[[Chunk], object] = lambda chunk: None
) -> None:
    """Claim and work at chunks of `job` until none is free or `seconds` are over; close it if all are done.

    Failures become the chunk's and the job's error and remedy; an interruption gives the claims back.
    """
    kind = JOB_KINDS.get(job.kind)
    if kind is None:
        jobs.fail_job(
            job=job,
            reason=f"No job function is called {job.kind!r}.",
            remedy="This process runs another version of the code than what started the job: restart it.",
        )
        return
    held: dict[int, Chunk] = {}
    try:
        with _claims_kept(held):
            for chunk in kind.stream(_claims(job, held, seconds)):
                jobs.finish_chunk(chunk=chunk)
                held.pop(chunk.pk, None)
                on_done(chunk)
        if kind.finish is not None and jobs.chunks_are_done(job=job):
            job.refresh_from_db()
            kind.finish(job)
        if jobs.chunks_are_done(job=job):
            jobs.finish_job(job=job)
    except Exception as problem:  # whatever it is, the researcher is told and may retry
        log.exception("job %s (%s) failed", job.pk, job.title)
        failure = explained(problem)
        if held:
            chunk = held.pop(min(held, key=lambda pk: held[pk].number))
            jobs.fail_chunk(chunk=chunk, reason=failure.reason, remedy=failure.remedy)
        else:
            jobs.fail_job(job=job, reason=failure.reason, remedy=failure.remedy)
    finally:
        for chunk in held.values():
            jobs.release_chunk(chunk=chunk)


def _claims(job: Job, held: dict[int, Chunk], seconds: float | None) -> Iterator[Chunk]:
    """Chunks of `job` as they are asked for, each claimed and put among the held ones."""
    worker = jobs.worker_name()
    begun = time.monotonic()
    while seconds is None or time.monotonic() - begun < seconds:
        chunk = jobs.claim_chunk(job=job, worker=worker)
        if chunk is None:
            return
        held[chunk.pk] = chunk
        yield chunk


@contextlib.contextmanager
def _claims_kept(held: dict[int, Chunk]) -> Iterator[None]:
    """While inside, a thread renews the claims on the held chunks, four times a term."""
    stopped = threading.Event()

    def beat() -> None:
        while not stopped.wait(jobs.claim_length().total_seconds() / 4):
            try:
                close_old_connections()
                jobs.renew_claims(chunks=list(held.values()))
            except Exception:  # a beat that misses is made good by the next
                log.exception("claims could not be renewed")
        connections.close_all()

    thread = threading.Thread(target=beat, name="claims", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
