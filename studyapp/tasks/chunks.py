"""Bells and chunks of jobs: the loop that claims, computes and writes, for workers and commands.

A job function may run twice for one chunk (a worker died after it wrote and before it said so),
so it writes idempotently: an upsert on a natural key.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from celery import shared_task
from celery.signals import worker_ready
from django.db import close_old_connections, connections
from tqdm import tqdm

from studyapp.models import Chunk, Job
from studyapp.services import claims, jobs
from studyapp.services.jobs import FOREGROUND, JobFailure
from studyapp.tasks.failures import explained

log = logging.getLogger(__name__)

# A worker hands the job back to the broker after this long, so that jobs take turns.
TURN_SECONDS = 20.0

ChunkFunction = Callable[[Chunk], None]
ChunkStream = Callable[[Iterator[Chunk]], Iterator[Chunk]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """How chunks of one kind of job are worked at, and what closes the job.

    `lost(job)`: the numbers of chunks that are done, and whose work is gone before it could be put together.
    """

    stream: ChunkStream
    finish: Callable[[Job], None] | None
    lost: Callable[[Job], Collection[int]] | None = None


JOB_KINDS: dict[str, JobKind] = {}


def job_function(
    kind: str,
    *,
    finish: Callable[[Job], None] | None = None,
    lost: Callable[[Job], Collection[int]] | None = None,
) -> Callable[[ChunkFunction], ChunkFunction]:
    """Register `function(chunk)` for jobs of `kind`; its rows are committed when it returns.

    `finish(job)` runs once every chunk is done and before the job is marked so: in one process at a time, and
    again from its start where that process was killed. Chunks that are `lost` then are worked at again.
    """

    def register(function: ChunkFunction) -> ChunkFunction:
        def stream(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
            for chunk in chunks:
                function(chunk)
                yield chunk

        JOB_KINDS[kind] = JobKind(stream=stream, finish=finish, lost=lost)
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
    claims.end_claims_of_dead_processes()
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
            # What is left, be it the closing, is claimed by another process: wait for it, or for its
            # claim to end.
            time.sleep(0.5)
            claims.end_claims_of_dead_processes()
    if job.state == Job.State.FAILED:
        raise JobFailure(job.error, job.remedy)
    if job.state == Job.State.CANCELLED:
        raise JobFailure(f"{job.title} was cancelled.", "Run the command again to go on with it.")
    return job


def work_or_hand_over(job: Job | None, *, queue: str, progress: bool = True) -> Job | None:
    """Work at a job here, or give it to the workers of `queue`; the job where they do it."""
    if job is None:
        return None
    if queue == FOREGROUND:
        work_here(job, progress=progress)
        return None
    if job.queue == queue and not job.can_be_retried:
        return job
    return jobs.hand_over(job=job, queue=queue)


def work_at_what_is_missing(
    begin: Callable[[Job | None], Job | None], *, queue: str, progress: bool = True
) -> Job | None:
    """Work at the job that `begin` gives, and then at what it did not cover; the job where workers do it.

    `begin(None)` gives the job that is begun or a new one, and `begin(job)` a new one of what is missing
    after that job, without what it has tried in vain; None: nothing is missing.
    """
    job = begin(None)
    waiting = work_or_hand_over(job, queue=queue, progress=progress)
    if job is None or waiting is not None:
        return waiting
    return work_or_hand_over(begin(job), queue=queue, progress=progress)


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
    held = _Held()
    try:
        with _claims_kept(held):
            for chunk in kind.stream(_claims(job, held, seconds)):
                claims.finish_chunk(chunk=chunk)
                held.chunks.pop(chunk.pk, None)
                on_done(chunk)
            _close(job, kind, held)
    except Exception as problem:  # whatever it is, the researcher is told and may retry
        log.exception("job %s (%s) failed", job.pk, job.title)
        failure = explained(problem)
        if held.closing is not None:
            claims.fail_closing(job=held.closing, reason=failure.reason, remedy=failure.remedy)
        elif held.chunks:
            chunk = held.chunks.pop(min(held.chunks, key=lambda pk: held.chunks[pk].number))
            claims.fail_chunk(chunk=chunk, reason=failure.reason, remedy=failure.remedy)
        else:
            jobs.fail_job(job=job, reason=failure.reason, remedy=failure.remedy)
    finally:
        for chunk in held.chunks.values():
            claims.release_chunk(chunk=chunk)
        if held.closing is not None:
            claims.release_closing(job=held.closing)


def _close(job: Job, kind: JobKind, held: _Held) -> None:
    """Take the last step of a job whose chunks are all done, unless another process is at it."""
    held.closing = claims.claim_closing(job=job, worker=claims.worker_name())
    if held.closing is None:
        return
    job.refresh_from_db()
    if kind.lost is not None and jobs.redo_chunks(job=job, numbers=kind.lost(job)):
        # Whoever works at the job goes on with them: this process, or the next that hears its bell.
        return
    if kind.finish is not None:
        kind.finish(job)
    if claims.finish_job(job=held.closing):
        held.closing = None


def _claims(job: Job, held: _Held, seconds: float | None) -> Iterator[Chunk]:
    """Chunks of `job` as they are asked for, each claimed and put among the held ones."""
    worker = claims.worker_name()
    begun = time.monotonic()
    while seconds is None or time.monotonic() - begun < seconds:
        chunk = claims.claim_chunk(job=job, worker=worker)
        if chunk is None:
            return
        held.chunks[chunk.pk] = chunk
        yield chunk


@dataclass(slots=True)
class _Held:
    """What this process has claimed of one job: chunks by primary key, and perhaps its closing."""

    chunks: dict[int, Chunk] = field(default_factory=dict)
    closing: Job | None = None


@contextlib.contextmanager
def _claims_kept(held: _Held) -> Iterator[None]:
    """While inside, a thread renews what is held, four times a term."""
    stopped = threading.Event()

    def beat() -> None:
        while not stopped.wait(claims.claim_length().total_seconds() / 4):
            try:
                close_old_connections()
                claims.renew_claims(chunks=list(held.chunks.values()), closing=held.closing)
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
