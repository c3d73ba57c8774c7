"""Jobs and their chunks: the database is the truth, the broker only rings the bell."""

from __future__ import annotations

from django.conf import settings
from django.db import models


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
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.title


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

    class Meta:
        ordering = ["job", "number"]
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="chunk_once")]
        indexes = [models.Index(fields=["state", "claim_ends_at"], name="chunk_by_claim")]

    def __str__(self) -> str:
        return f"{self.job} [{self.number}]"
