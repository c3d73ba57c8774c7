"""Attacks on a classifier and the adversarial images they make."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from studyapp.models.catalogue import Category, Dataset, Image, public_key
from studyapp.models.jobs import Job
from studyapp.models.runs import Classifier, PredictionRun


class AttackRun(models.Model):
    """One attack on one classifier over a dataset: with which parameters, on which categories, on what."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="attack_runs")
    classifier = models.ForeignKey(Classifier, on_delete=models.CASCADE, related_name="attack_runs")
    prediction_run = models.ForeignKey(
        PredictionRun,
        on_delete=models.PROTECT,
        related_name="attack_runs",
        help_text="Where the accuracy over the whole dataset comes from.",
    )
    job = models.OneToOneField(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="attack_run"
    )
    weights_sha256 = models.CharField(max_length=64, blank=True)
    parameters = models.JSONField(default=dict, help_text="Of the attack, every default filled in.")
    categories = models.JSONField(
        default=list, blank=True, help_text="Ids of the dataset's categories that were drawn; empty: all."
    )
    seed = models.BigIntegerField(null=True, blank=True, help_text="Of the draw of categories.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of parameters and categories.")
    images = models.PositiveIntegerField(default=0, help_text="Images of its categories, attacked or not.")
    versions = models.JSONField(default=dict, blank=True, help_text="Libraries and the code's own version.")
    device = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "classifier", "weights_sha256", "digest"], name="attack_run_once"
            )
        ]

    def __str__(self) -> str:
        return f"attack on {self.classifier} with {self.dataset}"


class AdversarialImage(models.Model):
    """What an attack made of one image. Categories are of the classifier's list; sizes: grey levels of 255.

    Steps run from 1 to M; M + 1 means never and 0 that the image was predicted wrongly at the start.
    """

    class Outcome(models.TextChoices):
        ATTACKED = "attacked"
        WRONG_AT_START = "wrong_at_start", "predicted wrongly before the attack"
        FAILED = "failed"

    run = models.ForeignKey(AttackRun, on_delete=models.CASCADE, related_name="adversarial_images")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="adversarial_images")
    key = models.CharField(max_length=32, unique=True, default=public_key, editable=False)
    outcome = models.CharField(max_length=15, choices=Outcome.choices)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it failed.")
    true = models.ForeignKey(
        Category, on_delete=models.PROTECT, null=True, related_name="+", help_text="The dataset's label."
    )
    steps_taken = models.PositiveSmallIntegerField(default=0)
    steps_to_flip = models.PositiveSmallIntegerField(null=True, blank=True)
    steps_to_displayed_flip = models.PositiveSmallIntegerField(null=True, blank=True)
    clean_predicted = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, related_name="+")
    clean_probability = models.FloatField(null=True, blank=True)
    float_predicted = models.ForeignKey(Category, on_delete=models.PROTECT, null=True, related_name="+")
    float_probability = models.FloatField(null=True, blank=True)
    float_true_probability = models.FloatField(null=True, blank=True)
    displayed_predicted = models.ForeignKey(
        Category,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="Top-1 of the stored 8-bit picture.",
    )
    displayed_probability = models.FloatField(null=True, blank=True)
    displayed_true_probability = models.FloatField(null=True, blank=True)
    displayed_ranking = models.JSONField(
        default=list, blank=True, help_text="Class indices of the stored picture, best first, at most 20."
    )
    float_linf = models.FloatField(null=True, blank=True)
    float_l2 = models.FloatField(null=True, blank=True)
    displayed_linf = models.FloatField(null=True, blank=True)
    displayed_l2 = models.FloatField(null=True, blank=True)
    file = models.CharField(max_length=200, blank=True, help_text="The lossless PNG in storage.")
    sha256 = models.CharField(max_length=64, blank=True)
    side = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["run", "image"]
        constraints = [
            models.UniqueConstraint(fields=["run", "image"], name="adversarial_image_once"),
            models.CheckConstraint(
                condition=~Q(outcome="attacked") | ~Q(file=""), name="attacked_image_has_its_file"
            ),
        ]
        indexes = [models.Index(fields=["run", "outcome", "steps_to_flip"], name="adversarial_by_steps")]

    def __str__(self) -> str:
        return f"{self.image}, attacked"
