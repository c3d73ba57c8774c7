"""Stylised copies of datasets: which picture was drawn in which style, and what came of it."""

from __future__ import annotations

from django.db import models

from studyapp.models.catalogue import Dataset, Image, public_key
from studyapp.models.jobs import Job


class StyliseRun(models.Model):
    """One copy of a dataset in the styles of other pictures; it becomes a dataset once it is complete."""

    key = models.CharField(max_length=32, unique=True, default=public_key, editable=False)
    name = models.SlugField(max_length=100, help_text="Of the dataset that it becomes.")
    content = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="stylise_runs")
    stylised = models.OneToOneField(
        Dataset, on_delete=models.SET_NULL, null=True, blank=True, related_name="stylised_by"
    )
    job = models.OneToOneField(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="stylise_run"
    )
    folder = models.CharField(max_length=500, unique=True, help_text="Where the pictures are written.")
    styles_folder = models.TextField(help_text="Where the styles were read.")
    parameters = models.JSONField(default=dict, help_text="Size, alpha, styles per image, seed.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of what tells two runs apart.")
    encoder = models.TextField(help_text="Path of the encoder's weights.")
    decoder = models.TextField(help_text="Path of the decoder's weights.")
    encoder_sha256 = models.CharField(max_length=64)
    decoder_sha256 = models.CharField(max_length=64)
    unreadable_styles = models.PositiveIntegerField(default=0, help_text="Pictures that are no style.")
    versions = models.JSONField(default=dict, blank=True)
    device = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.content} stylised as {self.name}"


class Style(models.Model):
    """One picture whose style may be drawn."""

    run = models.ForeignKey(StyliseRun, on_delete=models.CASCADE, related_name="styles")
    name = models.CharField(max_length=500, help_text="Path relative to the run's styles.")
    sha256 = models.CharField(max_length=64, help_text="Digest of the file's bytes.")

    class Meta:
        ordering = ["run", "name"]
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="style_once")]

    def __str__(self) -> str:
        return self.name


class StylisedPicture(models.Model):
    """One picture to write: the image it shows, the style drawn for it, its file once that is there."""

    run = models.ForeignKey(StyliseRun, on_delete=models.CASCADE, related_name="pictures")
    content = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="stylised_pictures")
    number = models.PositiveSmallIntegerField(help_text="Which of the image's styles, from 0.")
    style = models.ForeignKey(Style, on_delete=models.PROTECT, related_name="pictures")
    name = models.CharField(max_length=500, help_text="Path relative to the run's folder.")
    sha256 = models.CharField(max_length=64, blank=True, help_text="Digest of the written file.")
    problem = models.CharField(max_length=500, blank=True, help_text="Why there is no file.")

    class Meta:
        ordering = ["run", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "content", "number"], name="stylised_picture_once"),
            models.UniqueConstraint(fields=["run", "name"], name="stylised_name_once"),
        ]

    def __str__(self) -> str:
        return self.name
