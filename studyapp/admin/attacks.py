"""Attacks, adversarial images and explanations in the admin."""

from __future__ import annotations

from django.contrib import admin

from studyapp.admin.facts import FactAdmin, ManyFactsAdmin
from studyapp.models import AdversarialImage, AttackRun, Explanation, ExplanationRun


@admin.register(AttackRun)
class AttackRunAdmin(FactAdmin):
    """Attacks: on what, with which parameters."""

    list_display = ("__str__", "images", "device", "created_at", "finished_at")
    list_select_related = ("classifier", "dataset")
    list_filter = ("classifier", "dataset")
    search_fields = ("classifier__name", "dataset__name")


@admin.register(AdversarialImage)
class AdversarialImageAdmin(ManyFactsAdmin):
    """What an attack made of an image."""

    list_display = ("image", "run", "outcome", "steps_to_flip", "true", "displayed_predicted")
    list_select_related = ("image", "run__classifier", "run__dataset", "true", "displayed_predicted")
    list_filter = ("run", "outcome")
    search_fields = ("image__name__exact", "image__key__exact", "key__exact")
    search_help_text = "The whole name or key of an image, or the key of the picture."


@admin.register(ExplanationRun)
class ExplanationRunAdmin(FactAdmin):
    """Runs of explanations: by which method, of which version and class."""

    list_display = ("__str__", "explained", "category", "device", "created_at", "finished_at")
    list_select_related = ("classifier", "dataset", "category")
    list_filter = ("method", "version", "classifier", "dataset")
    search_fields = ("classifier__name", "dataset__name")


@admin.register(Explanation)
class ExplanationAdmin(ManyFactsAdmin):
    """The weights that a method gives to the superpixels of a picture."""

    list_display = ("image", "run", "outcome", "category", "probability", "fit", "superpixels", "positive")
    list_select_related = ("image", "run__classifier", "run__dataset", "category")
    list_filter = ("run", "outcome")
    search_fields = ("image__name__exact", "image__key__exact", "key__exact")
    search_help_text = "The whole name or key of an image, or the key of the explanation."
