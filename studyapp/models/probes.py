"""Probes: how predictions change along a series of changed pictures."""

from __future__ import annotations

from django.db import models

from studyapp.models.catalogue import Dataset, public_key
from studyapp.models.jobs import Job
from studyapp.models.runs import Classifier


class ProbeRun(models.Model):
    """One series of changes over a dataset; the responses of all its classifiers are one file."""

    class Kind(models.TextChoices):
        COLOUR = "colour"
        TEXTURE = "texture", "shape or texture"
        TRANSFORM = "transform", "small transformations"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    key = models.CharField(max_length=32, unique=True, default=public_key, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="probe_runs")
    job = models.OneToOneField(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="probe_run"
    )
    parameters = models.JSONField(default=dict, help_text="The grid and every other parameter.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of what tells two runs apart.")
    images = models.PositiveIntegerField(default=0, help_text="Images that were probed.")
    unreadable = models.PositiveIntegerField(default=0, help_text="Images that could not be read.")
    file = models.CharField(max_length=200, blank=True, help_text="Columns of all responses, in storage.")
    bytes = models.PositiveBigIntegerField(default=0, help_text="Size of that file.")
    versions = models.JSONField(default=dict, blank=True)
    device = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["dataset", "digest"], name="probe_run_once")]

    def __str__(self) -> str:
        return f"{self.kind} probe of {self.dataset}"


class ProbeClassifier(models.Model):
    """A classifier of a probe, the weights that answered, and its summary."""

    run = models.ForeignKey(ProbeRun, on_delete=models.CASCADE, related_name="probe_classifiers")
    classifier = models.ForeignKey(Classifier, on_delete=models.PROTECT, related_name="probe_classifiers")
    position = models.PositiveSmallIntegerField()
    weights_sha256 = models.CharField(max_length=64, blank=True)
    summary = models.JSONField(default=dict, blank=True, help_text="The metrics of the finished run.")

    class Meta:
        ordering = ["run", "position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "classifier"], name="probe_classifier_once"),
            models.UniqueConstraint(fields=["run", "position"], name="probe_position_once"),
        ]

    def __str__(self) -> str:
        return str(self.classifier)
