"""Features, prototypes and criticisms, and pairs of pictures in the admin."""

from __future__ import annotations

from django.contrib import admin

from studyapp.admin.facts import FactAdmin, ManyFactsAdmin
from studyapp.models import ExampleSelection, FeatureRun, ImagePair, SelectedExample


@admin.register(FeatureRun)
class FeatureRunAdmin(FactAdmin):
    """Features: of which layer, for how many images."""

    list_display = ("__str__", "images", "dimensions", "device", "created_at", "finished_at")
    list_select_related = ("classifier", "dataset")
    list_filter = ("classifier", "dataset")
    search_fields = ("layer", "classifier__name", "dataset__name")


@admin.register(ExampleSelection)
class ExampleSelectionAdmin(FactAdmin):
    """Selections: by which method, from which split."""

    list_display = ("__str__", "dataset", "split", "created_at", "finished_at")
    list_select_related = ("classifier", "dataset")
    list_filter = ("method", "classifier", "dataset")
    search_fields = ("classifier__name", "dataset__name")


@admin.register(SelectedExample)
class SelectedExampleAdmin(ManyFactsAdmin):
    """The images that selections picked."""

    list_display = (
        "image",
        "selection",
        "category",
        "role",
        "rank",
        "steps_to_flip",
        "probability",
        "witness",
    )
    list_select_related = ("image", "selection__classifier", "category")
    list_filter = ("selection", "role")
    search_fields = ("image__name__exact", "image__key__exact")
    search_help_text = "The whole name or key of an image."


@admin.register(ImagePair)
class ImagePairAdmin(ManyFactsAdmin):
    """Pictures alike but for one thing."""

    list_display = ("name", "position", "dataset", "first", "second", "note")
    list_select_related = ("dataset", "first", "second")
    list_filter = ("name", "dataset")
    search_fields = ("name", "note")
