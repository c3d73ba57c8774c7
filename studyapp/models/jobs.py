"""Jobs and their chunks: the database is the truth, the broker only rings the bell."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

RECENT_CHUNKS = 10


class JobQuerySet(models.QuerySet["Job"]):
    """Sets of jobs that read aloud."""

    def unfinished(self) -> JobQuerySet:
        """Jobs that are waiting or running: neither done, failed nor cancelled."""
        return self.filter(state__in=(Job.State.QUEUED, Job.State.RUNNING))

    def closable(self) -> JobQuerySet:
        """Unfinished jobs whose chunks are all done and whose last step nobody works at."""
        undone = Chunk.objects.filter(job=OuterRef("pk")).exclude(state=Chunk.State.DONE)
        return self.unfinished().filter(
            ~Exists(undone), Q(closing_ends_at=None) | Q(closing_ends_at__lte=timezone.now())
        )

    def without_life_since(self, since: datetime) -> JobQuerySet:
        """Jobs of which nobody holds a claim that lasts, and no chunk has ended after `since`."""
        now = timezone.now()
        alive = Chunk.objects.filter(
            Q(state=Chunk.State.CLAIMED, claim_ends_at__gt=now) | Q(finished_at__gt=since)
        )
        return self.exclude(pk__in=alive.values("job")).exclude(closing_ends_at__gt=now)


class ChunkQuerySet(models.QuerySet["Chunk"]):
    """Sets of chunks that read aloud."""

    def claimable(self) -> ChunkQuerySet:
        """Chunks of unfinished jobs that nobody works at: waiting, or claimed with an ended claim."""
        return self.filter(
            Q(state=Chunk.State.WAITING) | Q(state=Chunk.State.CLAIMED, claim_ends_at__lte=timezone.now()),
            job__state__in=(Job.State.QUEUED, Job.State.RUNNING),
        )


class Job(models.Model):
    """A piece of background work as the researcher sees it."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    kind = models.CharField(max_length=40, help_text="Name of the job's function, such as 'predict'.")
    title = models.CharField(max_length=200)
    parameters = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    queue = models.CharField(max_length=20, default="default")
    total = models.PositiveIntegerField(default=0, help_text="Items to do, in the job's own unit.")
    done = models.PositiveIntegerField(default=0)
    unit = models.CharField(max_length=30, default="images")
    error = models.TextField(blank=True, help_text="The last failure, in plain words.")
    remedy = models.TextField(blank=True)
    worker = models.CharField(max_length=100, blank=True)
    closer = models.CharField(
        max_length=100, blank=True, help_text="Who takes the last step, once every chunk is done."
    )
    closing_ends_at = models.DateTimeField(null=True, blank=True, help_text="End of the closer's claim.")
    closings = models.PositiveSmallIntegerField(
        default=0, help_text="How often the last step was begun and did not come to an end."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.title

    @property
    def is_finished(self) -> bool:
        """Whether nothing more happens to it unless somebody retries it."""
        return self.state in (self.State.DONE, self.State.FAILED, self.State.CANCELLED)

    @property
    def can_be_retried(self) -> bool:
        """Whether `services.jobs.retry_job` takes it."""
        return self.state in (self.State.FAILED, self.State.CANCELLED)

    @property
    def percent(self) -> float:
        """How much of it is done, 0 to 100."""
        if self.total == 0:
            return 100.0 if self.state == self.State.DONE else 0.0
        return 100.0 * self.done / self.total

    def rate(self) -> float | None:
        """Items per second of its last ten chunks, pauses left out; None before the first is done."""
        recent = self.chunks.filter(state=Chunk.State.DONE).order_by("-finished_at")[:RECENT_CHUNKS]
        spans = sorted(
            (chunk.started_at, chunk.finished_at)
            for chunk in recent
            if chunk.started_at and chunk.finished_at
        )
        busy = timedelta()
        until: datetime | None = None
        for started, finished in spans:
            # Workers side by side work in the same seconds: those count once.
            begun = started if until is None else max(started, until)
            busy += max(finished - begun, timedelta())
            until = finished if until is None else max(finished, until)
        seconds = busy.total_seconds()
        return sum(chunk.size for chunk in recent) / seconds if seconds > 0 else None


class Chunk(models.Model):
    """A part of a job that one worker claims, computes and writes idempotently."""

    class State(models.TextChoices):
        WAITING = "waiting"
        CLAIMED = "claimed"
        DONE = "done"
        FAILED = "failed"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    size = models.PositiveIntegerField(default=0)
    payload = models.JSONField(default=dict, blank=True, help_text="What this chunk covers, such as keys.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    worker = models.CharField(max_length=100, blank=True)
    claim_ends_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ChunkQuerySet.as_manager()

    class Meta:
        ordering = ["job", "number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="chunk_once")]
        indexes = [models.Index(fields=["state", "claim_ends_at"], name="chunk_by_claim")]

    def __str__(self) -> str:
        return f"{self.job} [{self.number}]"
