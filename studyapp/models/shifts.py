"""Shift maps: what classifiers say of one picture at every place of a patch or of a window."""

from __future__ import annotations

from django.db import models

from studyapp.models.catalogue import public_key
from studyapp.models.jobs import Job
from studyapp.models.runs import Classifier


class ShiftRun(models.Model):
    """One set of places, a class asked about, and the maps of its classifiers; made here or brought in."""

    class Way(models.TextChoices):
        PATCH = "patch", "a patch over a background"
        CROP = "crop", "a window of a larger picture"

    class Origin(models.TextChoices):
        COMPUTED = "computed"
        IMPORTED = "imported"

    key = models.CharField(max_length=32, unique=True, default=public_key, editable=False)
    title = models.CharField(max_length=300, help_text="What is shifted over what.")
    way = models.CharField(max_length=8, choices=Way.choices)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.COMPUTED)
    target = models.PositiveIntegerField(help_text="Index of the class whose probability is mapped.")
    target_name = models.CharField(max_length=200, help_text="That class in the classifiers' own list.")
    rows = models.PositiveIntegerField(help_text="Places from top to bottom.")
    columns = models.PositiveIntegerField(help_text="Places from left to right.")
    stride = models.PositiveIntegerField(help_text="Pixels from one place to the next.")
    width = models.PositiveIntegerField(help_text="Of each picture that is predicted, in pixels.")
    height = models.PositiveIntegerField(help_text="Of each picture that is predicted, in pixels.")
    picture_file = models.CharField(max_length=200, help_text="Background or larger picture, in storage.")
    patch_file = models.CharField(max_length=200, blank=True, help_text="RGBA patch, in storage.")
    parameters = models.JSONField(default=dict, help_text="Where the pictures came from, and their sizes.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of what tells two runs apart.")
    job = models.OneToOneField(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="shift_run"
    )
    versions = models.JSONField(default=dict, blank=True)
    device = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.title

    @property
    def places(self) -> int:
        """How many pictures the set has."""
        return self.rows * self.columns


class ShiftMaps(models.Model):
    """The maps of one classifier in a run: one file, and what sums each map up."""

    run = models.ForeignKey(ShiftRun, on_delete=models.CASCADE, related_name="maps")
    classifier = models.ForeignKey(Classifier, on_delete=models.PROTECT, related_name="shift_maps")
    position = models.PositiveSmallIntegerField()
    layer = models.CharField(
        max_length=200, blank=True, help_text="Where activations are compared; empty without cosines."
    )
    weights_sha256 = models.CharField(max_length=64, blank=True)
    file = models.CharField(max_length=200, blank=True, help_text="Every map as an array, in storage.")
    bytes = models.PositiveBigIntegerField(default=0, help_text="Size of that file.")
    summary = models.JSONField(
        default=dict, blank=True, help_text="Mean, minimum and mean neighbour difference by map."
    )

    class Meta:
        ordering = ["run", "position"]
        verbose_name_plural = "shift maps"
        constraints = [
            models.UniqueConstraint(fields=["run", "classifier"], name="shift_classifier_once"),
            models.UniqueConstraint(fields=["run", "position"], name="shift_position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.classifier}: {self.run}"
