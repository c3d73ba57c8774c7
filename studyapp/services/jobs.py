"""Writes on jobs and their chunks: start, claim, finish, fail, retry, cancel.

A bell on the broker says "work at job J" and nothing more. Whoever hears one claims the next chunk
here by a conditional update, so bells may be lost, doubled or late.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from studyapp.models import Chunk, Job
from studyapp.models.jobs import ChunkQuerySet

log = logging.getLogger(__name__)

BELL = "studyapp.tasks.chunks.work_at_job"
# No worker listens to this queue: the command that started the job works at it itself.
FOREGROUND = "foreground"
# A chunk that has taken its worker down this often is not given to another.
MOST_ATTEMPTS = 5
# Bells rung at once for one job, so that several workers start on it together.
BELLS = 8


class JobFailure(Exception):
    """Why a chunk can not be done and what to do about it; raised by job functions and `work_here`."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}".strip())
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """A chunk to be: what it covers (plain JSON values) and how many of the job's items that is."""

    payload: Mapping[str, object]
    size: int


def worker_name() -> str:
    """This process among all that may hold a claim: host and process id."""
    return f"{platform.node()[:80]}:{os.getpid()}"


@transaction.atomic
def start_job(
    *,
    kind: str,
    title: str,
    chunks: Iterable[ChunkPlan],
    unit: str = "images",
    queue: str = "default",
    parameters: Mapping[str, object] | None = None,
    created_by: User | None = None,
) -> Job:
    """Write a job with its chunks and ring for it once the transaction is committed.

    `kind` names the job's function (see `tasks.chunks.job_function`). With `queue=FOREGROUND`
    nobody is rung for: the caller works at it with `tasks.chunks.work_here`.
    """
    plans = list(chunks)
    job = Job.objects.create(
        kind=kind,
        title=title,
        parameters=dict(parameters or {}),
        queue=queue,
        total=sum(plan.size for plan in plans),
        unit=unit,
        created_by=created_by,
    )
    Chunk.objects.bulk_create(
        (
            Chunk(job=job, number=number, size=plan.size, payload=dict(plan.payload))
            for number, plan in enumerate(plans)
        ),
        batch_size=1000,
    )
    _ring_when_committed(job, bells=min(BELLS, len(plans)))
    return job


def unfinished_job(*, kind: str, parameters: Mapping[str, object]) -> Job | None:
    """The newest job of this kind and these parameters that is not done: to be gone on with."""
    wanted = dict(parameters)
    for job in Job.objects.filter(kind=kind).exclude(state=Job.State.DONE).order_by("-pk"):
        if job.parameters == wanted:
            return job
    return None


def ring(job: Job, *, bells: int = 1) -> None:
    """Ask the workers of the job's queue to look at it; a broker that is away is no error.

    The workers look for unfinished jobs at their start and every minute, so that a bell which
    could not be rung only costs time.
    """
    if job.queue == FOREGROUND:
        return
    try:
        for _ in range(max(bells, 1)):
            current_app.send_task(BELL, kwargs={"job_id": job.pk}, queue=job.queue, retry=False)
    except (OperationalError, OSError) as problem:
        log.warning("job %s: its bell could not be rung (%s); workers look every minute", job.pk, problem)


def ring_waiting_jobs(*, silent_for: timedelta) -> int:
    """Ring for every unfinished job on which nothing has moved for `silent_for`; how many.

    Jobs that show life keep their own bells going, so this adds none for them.
    """
    end_claims_of_dead_processes()
    waiting = (
        Job.objects.unfinished()
        .exclude(queue=FOREGROUND)
        .without_life_since(timezone.now() - silent_for)
        .order_by("pk")
    )
    for job in waiting:
        ring(job)
    return len(waiting)


def end_claims_of_dead_processes() -> int:
    """End the claims of processes of this host that are no more, without waiting for their term.

    A process id that was given again to another process is not told apart: its claim ends by time.
    """
    host = platform.node()[:80]
    held = Chunk.objects.filter(state=Chunk.State.CLAIMED, worker__startswith=f"{host}:")
    dead = [name for name in set(held.values_list("worker", flat=True)) if not _process_lives(name)]
    return held.filter(worker__in=dead).update(claim_ends_at=timezone.now()) if dead else 0


def claim_chunk(*, job: Job, worker: str) -> Chunk | None:
    """Take the next chunk of `job` that nobody works at; None where there is none."""
    while True:
        chunk = Chunk.objects.claimable().filter(job=job).order_by("number").first()
        if chunk is None:
            return None
        if chunk.attempts >= MOST_ATTEMPTS:
            fail_chunk(
                chunk=chunk,
                reason=f"Part {chunk.number + 1} was begun {chunk.attempts} times; its worker always died.",
                remedy="Look at the worker's log: most often memory ran out. Then retry.",
            )
            return None
        now = timezone.now()
        # Only columns of the row itself: with a join the condition moves into a subquery, which
        # PostgreSQL does not look at again when two updates meet, and both would win.
        claimed = Chunk.objects.filter(
            pk=chunk.pk, state=chunk.state, attempts=chunk.attempts, claim_ends_at=chunk.claim_ends_at
        ).update(
            state=Chunk.State.CLAIMED,
            worker=worker,
            claim_ends_at=now + claim_length(),
            attempts=F("attempts") + 1,
            started_at=now,
            error="",
        )
        if claimed:
            Job.objects.filter(pk=job.pk, state=Job.State.QUEUED).update(
                state=Job.State.RUNNING, error="", remedy=""
            )
            Job.objects.filter(pk=job.pk, started_at=None).update(started_at=now)
            Job.objects.filter(pk=job.pk).exclude(worker=worker).update(worker=worker)
            chunk.refresh_from_db()
            return chunk


def renew_claims(*, chunks: Iterable[Chunk]) -> int:
    """Push the end of claims that are still ours into the future; how many of them are."""
    return sum(_ours(chunk).update(claim_ends_at=timezone.now() + claim_length()) for chunk in chunks)


def release_chunk(*, chunk: Chunk) -> None:
    """Give a claim back untouched, as an interrupted command does."""
    _ours(chunk).update(state=Chunk.State.WAITING, claim_ends_at=None, worker="", attempts=F("attempts") - 1)


@transaction.atomic
def finish_chunk(*, chunk: Chunk) -> bool:
    """Mark a chunk done and count it once; False where the claim was lost to another worker."""
    finished = _ours(chunk).update(
        state=Chunk.State.DONE, claim_ends_at=None, finished_at=timezone.now(), error=""
    )
    if finished:
        Job.objects.filter(pk=chunk.job_id).update(done=F("done") + chunk.size)
    return bool(finished)


@transaction.atomic
def fail_chunk(*, chunk: Chunk, reason: str, remedy: str) -> None:
    """Mark a chunk and its job failed: no further chunk is begun until somebody retries."""
    failed = Chunk.objects.filter(pk=chunk.pk, attempts=chunk.attempts).exclude(state=Chunk.State.DONE)
    if failed.update(state=Chunk.State.FAILED, claim_ends_at=None, finished_at=timezone.now(), error=reason):
        Job.objects.filter(pk=chunk.job_id).unfinished().update(
            state=Job.State.FAILED, error=reason, remedy=remedy, finished_at=timezone.now()
        )


def fail_job(*, job: Job, reason: str, remedy: str) -> None:
    """Mark a job failed whose chunks are done but whose last step could not be made."""
    Job.objects.filter(pk=job.pk).unfinished().update(
        state=Job.State.FAILED, error=reason, remedy=remedy, finished_at=timezone.now()
    )


def chunks_are_done(*, job: Job) -> bool:
    """Whether every chunk of a job that is still unfinished is done, so that it can be closed."""
    return (
        Job.objects.filter(pk=job.pk).unfinished().exists()
        and not job.chunks.exclude(state=Chunk.State.DONE).exists()
    )


def finish_job(*, job: Job) -> bool:
    """Mark a job done whose chunks all are; False where somebody else did or cancelled it."""
    now = timezone.now()
    return bool(
        Job.objects.filter(pk=job.pk)
        .unfinished()
        .update(state=Job.State.DONE, error="", remedy="", finished_at=now)
    )


@transaction.atomic
def retry_job(*, job: Job, queue: str | None = None) -> Job:
    """Give the failed chunks of a failed or cancelled job back to the workers and ring.

    A job that a command worked at in the foreground goes to the default queue unless `queue` says
    otherwise. Raises JobFailure when the job is neither failed nor cancelled.
    """
    job.refresh_from_db()
    if not job.can_be_retried:
        raise JobFailure(
            f"Job {job.pk} ({job.title}) is {job.get_state_display()}.",
            "Only a failed or cancelled job can be retried.",
        )
    target = queue or ("default" if job.queue == FOREGROUND else job.queue)
    job.chunks.filter(state=Chunk.State.FAILED).update(
        state=Chunk.State.WAITING, attempts=0, worker="", error="", finished_at=None
    )
    Job.objects.filter(pk=job.pk, state=job.state).update(
        state=Job.State.QUEUED, queue=target, error="", remedy="", finished_at=None
    )
    job.refresh_from_db()
    _ring_when_committed(job, bells=min(BELLS, job.chunks.exclude(state=Chunk.State.DONE).count()))
    return job


def hand_over(*, job: Job, queue: str) -> Job:
    """Give an unfinished job to another queue: to the workers, or to a command in the foreground."""
    if job.can_be_retried:
        return retry_job(job=job, queue=queue)
    Job.objects.filter(pk=job.pk).update(queue=queue)
    job.refresh_from_db()
    _ring_when_committed(job, bells=BELLS)
    return job


def cancel_job(*, job: Job) -> bool:
    """Stop a job: chunks under way are finished, no other is begun. False where it had ended."""
    return bool(
        Job.objects.filter(pk=job.pk)
        .unfinished()
        .update(state=Job.State.CANCELLED, finished_at=timezone.now())
    )


def claim_length() -> timedelta:
    """How long a claim lasts unless it is renewed (setting SECOND_LOOK_CLAIM_SECONDS)."""
    return timedelta(seconds=settings.CLAIM_SECONDS)


def _ring_when_committed(job: Job, *, bells: int) -> None:
    transaction.on_commit(partial(ring, job, bells=bells))


def _ours(chunk: Chunk) -> ChunkQuerySet:
    """The chunk if our claim on it still stands: every claim counts one attempt more."""
    return Chunk.objects.filter(
        pk=chunk.pk, state=Chunk.State.CLAIMED, worker=chunk.worker, attempts=chunk.attempts
    )


def _process_lives(worker: str) -> bool:
    try:
        os.kill(int(worker.rpartition(":")[2]), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
