"""Classifiers and what they predicted."""

from __future__ import annotations

from django.db import models

from studyapp.models.catalogue import Category, ClassList, Dataset, Image
from studyapp.models.jobs import Job


class Classifier(models.Model):
    """A registered classifier: architecture, weights digest, preprocessing and class list."""

    class Source(models.TextChoices):
        TORCHVISION = "torchvision", "torchvision architecture"
        PACKAGE = "package", "installed package"
        DIGITS = "digits", "trained on the spot on the digits"
        EXPORTED = "exported", "TorchScript or torch.export file"
        ELSEWHERE = "elsewhere", "predictions made elsewhere"

    name = models.SlugField(max_length=100, unique=True)
    source = models.CharField(max_length=20, choices=Source.choices)
    architecture = models.CharField(max_length=100, blank=True)
    weights = models.TextField(blank=True, help_text="Path of the weights file, or a weights name.")
    weights_sha256 = models.CharField(max_length=64, blank=True)
    preprocessing = models.JSONField(default=dict, blank=True)
    fixed_batch = models.PositiveIntegerField(
        null=True, blank=True, help_text="The one batch size that an exported network accepts."
    )
    class_list = models.ForeignKey(ClassList, on_delete=models.PROTECT, related_name="classifiers")
    trained_on = models.CharField(
        max_length=300, blank=True, help_text="What its weights were trained on, as the researcher says."
    )
    validated_on = models.CharField(
        max_length=300, blank=True, help_text="What its weights were validated on, as the researcher says."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class PredictionRun(models.Model):
    """One pass of a classifier over a dataset: what computed it, with which parameters, on what."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="prediction_runs")
    classifier = models.ForeignKey(Classifier, on_delete=models.CASCADE, related_name="prediction_runs")
    job = models.OneToOneField(
        Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="prediction_run"
    )
    weights_sha256 = models.CharField(max_length=64, blank=True)
    precision = models.CharField(max_length=20, default="float32")
    parameters = models.JSONField(default=dict, blank=True)
    versions = models.JSONField(default=dict, blank=True, help_text="Libraries and the code's own version.")
    device = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "classifier", "weights_sha256", "precision"], name="prediction_run_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.classifier} on {self.dataset}"


class Prediction(models.Model):
    """What one run says of one image: the classes it ranks highest, best first."""

    run = models.ForeignKey(PredictionRun, on_delete=models.CASCADE, related_name="predictions")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="predictions")
    predicted = models.ForeignKey(
        Category, on_delete=models.PROTECT, related_name="+", help_text="Top-1, in the classifier's list."
    )
    probability = models.FloatField(null=True, blank=True)
    ranking = models.JSONField(
        default=list, help_text="Class indices in the classifier's list, best first, at most 20."
    )
    probabilities = models.JSONField(default=list, help_text="Their softmax probabilities.")
    top1_correct = models.BooleanField()
    top5_correct = models.BooleanField(null=True, blank=True)

    class Meta:
        ordering = ["run", "image"]
        constraints = [models.UniqueConstraint(fields=["run", "image"], name="prediction_once")]
        indexes = [models.Index(fields=["run", "top1_correct"], name="prediction_by_outcome")]

    def __str__(self) -> str:
        return f"{self.image}: {self.predicted}"
