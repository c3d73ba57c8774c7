"""Writes on jobs: start, find again, ring, hand over, retry, cancel.

A bell on the broker says "work at job J" and nothing more. Whoever hears one claims the next chunk
(`services.claims`), so bells may be lost, doubled or late.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from celery import current_app
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.utils import timezone
from kombu.exceptions import OperationalError

from studyapp.models import Chunk, Job
from studyapp.services.claims import LOST, end_claims_of_dead_processes, is_worked_at

log = logging.getLogger(__name__)

BELL = "studyapp.tasks.chunks.work_at_job"
# No worker listens to this queue: the command that started the job works at it itself.
FOREGROUND = "foreground"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlan:
    """A job to be, told apart by `kind` and `parameters`; the rest is as in `start_job`.

    `chunks` is called only where no such job is begun; None from it: there is nothing to do.
    """

    kind: str
    title: str
    parameters: Mapping[str, object]
    chunks: Callable[[], Sequence[ChunkPlan] | None]
    unit: str = "images"
    queue: str = "default"
    created_by: User | None = None


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


@transaction.atomic
def begun_or_new_job(*, rows: QuerySet[Any], plan: JobPlan) -> Job | None:
    """The unfinished job of a plan, or a new one; None where `rows` are none or there is nothing to do.

    `rows` are what the job works at. They are locked while we look: of processes that start the same work at
    once, one starts the job and the others are given it.
    """
    if not list(rows.order_by("pk").select_for_update().values_list("pk")):
        return None
    begun = unfinished_job(kind=plan.kind, parameters=plan.parameters)
    chunks = plan.chunks() if begun is None else None
    if chunks is None:
        return begun
    return start_job(
        kind=plan.kind,
        title=plan.title,
        chunks=chunks,
        unit=plan.unit,
        queue=plan.queue,
        parameters=plan.parameters,
        created_by=plan.created_by,
    )


@transaction.atomic
def job_of_runs(*, runs: QuerySet[Any], plan: JobPlan) -> Job | None:
    """The same for runs, which name the job that works at them."""
    job = begun_or_new_job(rows=runs, plan=plan)
    if job is not None:
        runs.update(job=job)
    return job


def unfinished_job(*, kind: str, parameters: Mapping[str, object]) -> Job | None:
    """The newest job of this kind and these parameters that is not done: to be gone on with."""
    wanted = dict(parameters)
    for job in Job.objects.filter(kind=kind).exclude(state=Job.State.DONE).order_by("-pk"):
        if job.parameters == wanted:
            return job
    return None


def is_interrupted(job: Job) -> bool:
    """Whether the command that worked at a job here in the foreground is gone: no worker takes it up."""
    return job.queue == FOREGROUND and not job.is_finished and not is_worked_at(job=job)


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


def fail_job(*, job: Job, reason: str, remedy: str) -> None:
    """Mark a job failed whose chunks are done but whose last step could not be made."""
    Job.objects.filter(pk=job.pk).unfinished().update(
        state=Job.State.FAILED, error=reason, remedy=remedy, finished_at=timezone.now()
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
    job.chunks.filter(state__in=(Chunk.State.FAILED, Chunk.State.WAITING)).update(
        state=Chunk.State.WAITING, attempts=0, worker="", error="", finished_at=None
    )
    Job.objects.filter(pk=job.pk, state=job.state).update(
        state=Job.State.QUEUED, queue=target, error="", remedy="", finished_at=None
    )
    job.refresh_from_db()
    _ring_when_committed(job, bells=min(BELLS, job.chunks.exclude(state=Chunk.State.DONE).count()))
    return job


@transaction.atomic
def redo_chunks(*, job: Job, numbers: Collection[int]) -> int:
    """Have done chunks worked at again, because what they made is gone; how many of them.

    Their attempts go on being counted, so that what is lost every time fails in the end.
    """
    gone = job.chunks.filter(number__in=numbers, state=Chunk.State.DONE)
    size = gone.aggregate(size=Sum("size"))["size"] or 0
    many = gone.update(state=Chunk.State.WAITING, worker="", finished_at=None, error=LOST)
    if many:
        Job.objects.filter(pk=job.pk).update(done=F("done") - size)
    return many


@transaction.atomic
def hand_over(*, job: Job, queue: str) -> Job:
    """Give an unfinished job to another queue: to the workers, or to a command in the foreground."""
    # Locked: of two commands that take a failed job up at once, one retries it.
    job = Job.objects.select_for_update().get(pk=job.pk)
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


def _ring_when_committed(job: Job, *, bells: int) -> None:
    transaction.on_commit(partial(ring, job, bells=bells))
