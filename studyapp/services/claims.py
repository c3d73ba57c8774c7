"""Claims of processes on the chunks of jobs, and on closing a job: taken, renewed, given back, ended.

A claim is taken by a conditional update, lasts for a term unless it is renewed, and ends at once when its
process of this host dies. No lock of the database is held while it stands.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from studyapp.models import Chunk, Job
from studyapp.models.jobs import ChunkQuerySet, JobQuerySet

# What has taken its worker down this often, a chunk or the closing of a job, is not given to another.
MOST_ATTEMPTS = 5
_WORKERS_DIED = "Look at the worker's log: most often memory ran out. Then retry."
#: Why a chunk that was done waits again.
LOST = "what it had made was gone from storage"
_KEEP_IT = "See that the storage keeps what is written to it. Then retry."


def worker_name() -> str:
    """This process among all that may hold a claim: host and process id."""
    return f"{_host()}:{os.getpid()}"


def claim_length() -> timedelta:
    """How long a claim lasts unless it is renewed (setting SECOND_LOOK_CLAIM_SECONDS)."""
    return timedelta(seconds=settings.CLAIM_SECONDS)


def claim_chunk(*, job: Job, worker: str) -> Chunk | None:
    """Take the next chunk of `job` that nobody works at; None where there is none."""
    while True:
        chunk = Chunk.objects.claimable().filter(job=job).order_by("number").first()
        if chunk is None:
            return None
        if chunk.attempts >= MOST_ATTEMPTS:
            fail_chunk(
                chunk=chunk,
                reason=f"Part {chunk.number + 1} was begun {chunk.attempts} times; "
                f"{chunk.error or 'its worker always died'}.",
                remedy=_KEEP_IT if chunk.error else _WORKERS_DIED,
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


def claim_closing(*, job: Job, worker: str) -> Job | None:
    """Take the last step of a job, with which `finish_job`, `fail_closing` or `release_closing` then deal.

    None where chunks are left, somebody else takes that step, or the job has ended.
    """
    while True:
        found = Job.objects.closable().filter(pk=job.pk).first()
        if found is None:
            return None
        seen = Job.objects.filter(
            pk=found.pk,
            state=found.state,
            closer=found.closer,
            closings=found.closings,
            closing_ends_at=found.closing_ends_at,
        )
        now = timezone.now()
        if found.closings >= MOST_ATTEMPTS:
            reason = f"Its last step was begun {found.closings} times; its worker always died."
            _end(seen, Job.State.FAILED, error=reason, remedy=_WORKERS_DIED)
            return None
        if seen.update(
            state=Job.State.RUNNING,
            worker=worker,
            closer=worker,
            closings=F("closings") + 1,
            closing_ends_at=now + claim_length(),
            started_at=Coalesce("started_at", now),
        ):
            found.refresh_from_db()
            return found


def renew_claims(*, chunks: Iterable[Chunk], closing: Job | None = None) -> int:
    """Push the end of claims that are still ours into the future; how many of them are."""
    ends = timezone.now() + claim_length()
    renewed = sum(_ours(chunk).update(claim_ends_at=ends) for chunk in chunks)
    return renewed + (_our_closing(closing).update(closing_ends_at=ends) if closing else 0)


def release_chunk(*, chunk: Chunk) -> None:
    """Give a claim back untouched, as an interrupted command does."""
    _ours(chunk).update(state=Chunk.State.WAITING, claim_ends_at=None, worker="", attempts=F("attempts") - 1)


def release_closing(*, job: Job) -> None:
    """Give the claim on a job's last step back, as an interrupted command does."""
    _our_closing(job).update(closer="", closing_ends_at=None, closings=F("closings") - 1)


@transaction.atomic
def finish_chunk(*, chunk: Chunk) -> bool:
    """Mark a chunk done and count it once; False where the claim was lost to another worker."""
    finished = _ours(chunk).update(
        state=Chunk.State.DONE, claim_ends_at=None, finished_at=timezone.now(), error=""
    )
    if finished:
        Job.objects.filter(pk=chunk.job_id).update(done=F("done") + chunk.size)
    return bool(finished)


def finish_job(*, job: Job) -> bool:
    """Mark a job done whose last step is taken; False where that claim was lost, or the job cancelled."""
    return _end(_our_closing(job).unfinished(), Job.State.DONE, error="", remedy="")


@transaction.atomic
def fail_chunk(*, chunk: Chunk, reason: str, remedy: str) -> None:
    """Mark a chunk and its job failed: no further chunk is begun until somebody retries."""
    failed = Chunk.objects.filter(pk=chunk.pk, attempts=chunk.attempts).exclude(state=Chunk.State.DONE)
    if failed.update(state=Chunk.State.FAILED, claim_ends_at=None, finished_at=timezone.now(), error=reason):
        Job.objects.filter(pk=chunk.job_id).unfinished().update(
            state=Job.State.FAILED, error=reason, remedy=remedy, finished_at=timezone.now()
        )


def fail_closing(*, job: Job, reason: str, remedy: str) -> bool:
    """Mark a job failed whose chunks are done but whose last step could not be taken.

    False where that claim was lost, or the job cancelled: then it is no longer ours to fail.
    """
    return _end(_our_closing(job).unfinished(), Job.State.FAILED, error=reason, remedy=remedy)


def is_worked_at(*, job: Job) -> bool:
    """Whether a process holds a claim of `job`, or has just begun or ended one; writes nothing.

    Between two claims, and before the first, a process may take its time: as long as a claim lasts. Of this
    host's processes only those that live count.
    """
    now = timezone.now()
    lately = now - claim_length()
    claimed = job.chunks.filter(state=Chunk.State.CLAIMED, claim_ends_at__gt=now)
    ended = job.chunks.filter(state=Chunk.State.DONE, finished_at__gt=lately)
    names = {*claimed.values_list("worker", flat=True), *ended.values_list("worker", flat=True)}
    if job.closing_ends_at is not None and job.closing_ends_at > now:
        names.add(job.closer)
    if any(_may_live(name) for name in names):
        return True
    return job.started_at is None and job.created_at > lately


def end_claims_of_dead_processes() -> int:
    """End the claims of processes of this host that are no more, without waiting for their term.

    A process id that was given again to another process is not told apart: its claim ends by time.
    """
    now = timezone.now()
    held = Chunk.objects.filter(state=Chunk.State.CLAIMED, worker__startswith=f"{_host()}:")
    closing = Job.objects.filter(closing_ends_at__gt=now, closer__startswith=f"{_host()}:")
    names = {*held.values_list("worker", flat=True), *closing.values_list("closer", flat=True)}
    dead = [name for name in names if not _process_lives(name)]
    if not dead:
        return 0
    return held.filter(worker__in=dead).update(claim_ends_at=now) + closing.filter(closer__in=dead).update(
        closing_ends_at=now
    )


def _ours(chunk: Chunk) -> ChunkQuerySet:
    """The chunk if our claim on it still stands: every claim counts one attempt more."""
    return Chunk.objects.filter(
        pk=chunk.pk, state=Chunk.State.CLAIMED, worker=chunk.worker, attempts=chunk.attempts
    )


def _our_closing(job: Job) -> JobQuerySet:
    """The job if our claim on its last step still stands: every claim counts one closing more."""
    return Job.objects.filter(pk=job.pk, closer=job.closer, closings=job.closings).exclude(
        closing_ends_at=None
    )


def _end(job: JobQuerySet, state: Job.State, *, error: str, remedy: str) -> bool:
    """End a job, and with it the claim on its last step; False where there is none such."""
    return bool(
        job.update(
            state=state,
            error=error,
            remedy=remedy,
            finished_at=timezone.now(),
            closer="",
            closing_ends_at=None,
            closings=0,
        )
    )


def _host() -> str:
    return platform.node()[:80]


def _may_live(worker: str) -> bool:
    """Whether a process lives, as far as this host can tell."""
    return not worker.startswith(f"{_host()}:") or _process_lives(worker)


def _process_lives(worker: str) -> bool:
    try:
        os.kill(int(worker.rpartition(":")[2]), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
