"""Observers of cue-conflict pictures, people and networks alike, and what each chose."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from studyapp.models.catalogue import Image, public_key
from studyapp.models.probes import ProbeClassifier


class ChoiceSet(models.Model):
    """What observers choose among: only those of one set can stand in one figure."""

    names = models.JSONField(help_text="The categories in alphabetical order; trials point into it.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the names.")
    key = models.CharField(max_length=32, unique=True, default=public_key, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{len(self.names)} categories"


class Observer(models.Model):
    """One person or network; `collection` tells equal names apart: a folder, or the dataset probed."""

    class Kind(models.TextChoices):
        PERSON = "person"
        NETWORK = "network"

    class Source(models.TextChoices):
        PUBLISHED = "published", "published, not re-run"
        MEASURED = "measured", "measured here"

    choice_set = models.ForeignKey(ChoiceSet, on_delete=models.PROTECT, related_name="observers")
    key = models.CharField(max_length=32, unique=True, default=public_key, editable=False)
    name = models.CharField(max_length=100)
    collection = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    source = models.CharField(max_length=10, choices=Source.choices)
    probe_classifier = models.OneToOneField(
        ProbeClassifier, on_delete=models.CASCADE, null=True, blank=True, related_name="observer"
    )
    digest = models.CharField(
        max_length=64,
        blank=True,
        help_text="SHA-256 of published trials: the same ones are not imported twice.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["choice_set", "kind", "collection", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["choice_set", "collection", "name"],
                condition=Q(source="published"),
                name="published_observer_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.collection})"


class ChoiceTrial(models.Model):
    """One picture shown to one observer: the row that people and networks share.

    `shape`, `texture` and `response` are places in the set's names; no response has none.
    """

    observer = models.ForeignKey(Observer, on_delete=models.CASCADE, related_name="trials")
    session = models.PositiveIntegerField(default=1)
    trial = models.PositiveIntegerField()
    seconds = models.FloatField(null=True, blank=True)
    response = models.PositiveSmallIntegerField(null=True, blank=True)
    shape = models.PositiveSmallIntegerField()
    texture = models.PositiveSmallIntegerField()
    condition = models.CharField(max_length=40, blank=True)
    stimulus = models.CharField(
        max_length=100, help_text="Such as cat7-elephant1: the picture, however named."
    )
    image_name = models.CharField(max_length=300, help_text="The name as the file or the dataset has it.")
    image = models.ForeignKey(
        Image, on_delete=models.SET_NULL, null=True, blank=True, related_name="choice_trials"
    )

    class Meta:
        ordering = ["observer", "session", "trial"]
        constraints = [
            models.UniqueConstraint(fields=["observer", "stimulus"], name="choice_trial_once_per_stimulus"),
            models.UniqueConstraint(fields=["observer", "session", "trial"], name="choice_trial_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.observer} #{self.trial}"
