"""Explanations of single predictions by superpixels."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from studyapp.models.attacks import AdversarialImage, AttackRun
from studyapp.models.catalogue import Category, Dataset, Image, public_key
from studyapp.models.jobs import Job
from studyapp.models.runs import Classifier


class Version(models.TextChoices):
    """Which version of an image is meant: before or after the attack."""

    CLEAN = "clean"
    ADVERSARIAL = "adversarial"


class ExplanationRun(models.Model):
    """One method over chosen images, clean or adversarial, for one choice of class.

    `explained` is the class whose probability is explained: the one predicted for that version of the
    picture, the dataset's label, the class predicted for the adversarial version (`adversarial`), or
    `category`.
    """

    class Explained(models.TextChoices):
        PREDICTED = "predicted"
        TRUE = "true"
        ADVERSARIAL = "adversarial"
        GIVEN = "given"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="explanation_runs")
    classifier = models.ForeignKey(Classifier, on_delete=models.CASCADE, related_name="explanation_runs")
    attack_run = models.ForeignKey(
        AttackRun, on_delete=models.CASCADE, null=True, blank=True, related_name="explanation_runs"
    )
    job = models.ForeignKey(
        Job,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="explanation_runs",
        help_text="The last that worked at it; a job may work at several runs, whose passes it shares.",
    )
    version = models.CharField(max_length=12, choices=Version.choices)
    method = models.CharField(max_length=40)
    explained = models.CharField(max_length=12, choices=Explained.choices, default=Explained.PREDICTED)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    parameters = models.JSONField(default=dict, help_text="Of method and segmenter, defaults filled in.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of what tells two runs apart.")
    chosen = models.JSONField(
        default=list, blank=True, help_text="Ids of the images drawn for it; empty: all that there are."
    )
    seed = models.BigIntegerField(help_text="Of the draw of images and of the masks of each.")
    weights_sha256 = models.CharField(max_length=64, blank=True)
    versions = models.JSONField(default=dict, blank=True)
    device = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "classifier", "weights_sha256", "digest"], name="explanation_run_once"
            ),
            models.CheckConstraint(
                condition=Q(version="clean") | Q(attack_run__isnull=False),
                name="adversarial_explanations_have_an_attack",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} of {self.classifier} on {self.dataset}, {self.version}"


class Explanation(models.Model):
    """The weights that one method gives to the superpixels of one picture, for one class."""

    class Outcome(models.TextChoices):
        DONE = "done"
        FAILED = "failed"

    run = models.ForeignKey(ExplanationRun, on_delete=models.CASCADE, related_name="explanations")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="explanations")
    adversarial = models.ForeignKey(
        AdversarialImage,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="explanations",
        help_text="The picture explained, where it is not the clean one.",
    )
    key = models.CharField(max_length=32, unique=True, default=public_key, editable=False)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.DONE)
    reason = models.CharField(max_length=300, blank=True)
    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, null=True, related_name="+", help_text="The class explained."
    )
    probability = models.FloatField(null=True, blank=True, help_text="Of the class explained.")
    predicted = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, related_name="+")
    predicted_probability = models.FloatField(null=True, blank=True)
    explained_file = models.CharField(
        max_length=200,
        blank=True,
        help_text="PNG of exactly the pixels explained: the attacked picture, or the clean crop.",
    )
    segments_file = models.CharField(max_length=200, blank=True, help_text="PNG of superpixel numbers.")
    superpixels = models.PositiveSmallIntegerField(default=0)
    positive = models.PositiveSmallIntegerField(default=0, help_text="Superpixels of positive weight.")
    weights = models.JSONField(default=list, blank=True, help_text="One per superpixel, in their order.")
    intercept = models.FloatField(null=True, blank=True)
    fit = models.FloatField(null=True, blank=True, help_text="Weighted R² of the surrogate, if any.")
    seed = models.BigIntegerField(null=True, blank=True, help_text="Of its masks.")
    masks_sha256 = models.CharField(max_length=64, blank=True)
    details = models.JSONField(
        default=dict, blank=True, help_text="Flags and further figures of the method, by name."
    )
    picture_file = models.CharField(max_length=200, blank=True, help_text="Image with attention, as default.")
    heat_file = models.CharField(max_length=200, blank=True, help_text="Overlay of all weights, RGBA.")
    path = models.JSONField(
        default=list,
        blank=True,
        help_text="Probability of the class by the k heaviest superpixels.",
    )
    path_area = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["run", "image"]
        constraints = [models.UniqueConstraint(fields=["run", "image"], name="explanation_once")]
        indexes = [
            models.Index(fields=["run", "fit"], name="explanation_by_fit"),
            # Galleries join by both: without it SQLite takes all of a run for each picture.
            models.Index(fields=["adversarial", "run"], name="explanation_by_picture"),
        ]

    def __str__(self) -> str:
        return f"{self.image}, explained"
