"""Prototypes and criticisms of a classifier's categories, and pairs of pictures to compare."""

from __future__ import annotations

from django.db import models

from studyapp.models.attacks import AttackRun
from studyapp.models.catalogue import Category, Dataset, Image
from studyapp.models.jobs import Job
from studyapp.models.runs import Classifier, PredictionRun


class FeatureRun(models.Model):
    """Activations of one layer for every image of a dataset, kept as one file."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="feature_runs")
    classifier = models.ForeignKey(Classifier, on_delete=models.CASCADE, related_name="feature_runs")
    job = models.OneToOneField(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="feature_run"
    )
    layer = models.CharField(max_length=200)
    weights_sha256 = models.CharField(max_length=64, blank=True)
    file = models.CharField(max_length=200, blank=True, help_text="Image ids and features in storage.")
    images = models.PositiveIntegerField(default=0)
    dimensions = models.PositiveIntegerField(default=0)
    versions = models.JSONField(default=dict, blank=True)
    device = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "classifier", "layer", "weights_sha256"], name="feature_run_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.layer} of {self.classifier} on {self.dataset}"


class ExampleSelection(models.Model):
    """One method's prototypes and criticisms for the categories of a dataset."""

    class Method(models.TextChoices):
        MMD_CRITIC = "mmd_critic", "MMD-critic"
        ADVERSARIAL = "adversarial", "adversarial steps"
        PROBABILITY = "probability"
        RANDOM = "random"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="example_selections")
    classifier = models.ForeignKey(Classifier, on_delete=models.CASCADE, related_name="example_selections")
    method = models.CharField(max_length=12, choices=Method.choices)
    prototypes = models.PositiveSmallIntegerField()
    criticisms = models.PositiveSmallIntegerField(default=0)
    parameters = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, help_text="SHA-256 of what tells two selections apart.")
    split = models.CharField(max_length=20, blank=True, help_text="Split it was drawn from; empty: all.")
    categories = models.JSONField(default=list, blank=True, help_text="Category ids; empty: all.")
    feature_run = models.ForeignKey(FeatureRun, on_delete=models.PROTECT, null=True, blank=True)
    attack_run = models.ForeignKey(AttackRun, on_delete=models.PROTECT, null=True, blank=True)
    prediction_run = models.ForeignKey(PredictionRun, on_delete=models.PROTECT, null=True, blank=True)
    job = models.OneToOneField(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="example_selection"
    )
    weights_sha256 = models.CharField(max_length=64, blank=True)
    seed = models.BigIntegerField()
    draws = models.JSONField(default=dict, blank=True, help_text="Every random draw, by category.")
    notes = models.JSONField(default=list, blank=True, help_text="[category id, shortage in a sentence].")
    versions = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "classifier", "weights_sha256", "digest"], name="example_selection_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_method_display()} {self.prototypes} + {self.criticisms} of {self.classifier}"


class SelectedExample(models.Model):
    """One image that a selection picks to explain its category."""

    class Role(models.TextChoices):
        PROTOTYPE = "prototype"
        CRITICISM = "criticism"

    selection = models.ForeignKey(ExampleSelection, on_delete=models.CASCADE, related_name="examples")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+")
    image = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="selected_as")
    role = models.CharField(max_length=10, choices=Role.choices)
    rank = models.PositiveSmallIntegerField(help_text="From 1, in the order of selection.")
    steps_to_flip = models.PositiveSmallIntegerField(null=True, blank=True)
    probability = models.FloatField(null=True, blank=True, help_text="Of its own category.")
    witness = models.FloatField(null=True, blank=True, help_text="MMD-critic's witness function there.")
    flag = models.CharField(max_length=200, blank=True, help_text="Why it is there although it fell short.")

    class Meta:
        ordering = ["selection", "category", "-role", "rank"]
        constraints = [
            models.UniqueConstraint(
                fields=["selection", "category", "role", "rank"], name="selected_example_rank_once"
            ),
            models.UniqueConstraint(
                fields=["selection", "category", "image"], name="selected_example_image_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category}: {self.role} {self.rank}"


class ImagePair(models.Model):
    """Two pictures alike but for one thing, whose predictions are compared."""

    name = models.SlugField(max_length=100, help_text="Of the set of pairs.")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="image_pairs")
    first = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")
    second = models.ForeignKey(Image, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=300, blank=True)
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ["name", "position"]
        constraints = [
            models.UniqueConstraint(fields=["name", "dataset", "first", "second"], name="image_pair_once")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.position}"
