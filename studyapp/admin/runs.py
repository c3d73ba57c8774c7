"""Classifiers, their runs and predictions in the admin."""

from __future__ import annotations

from django.contrib import admin

from studyapp.admin.facts import FactAdmin, ManyFactsAdmin
from studyapp.models import Classifier, Prediction, PredictionRun


@admin.register(Classifier)
class ClassifierAdmin(FactAdmin):
    """Registered classifiers: to change one, register it under another name."""

    list_display = ("name", "source", "architecture", "class_list", "created_at")
    list_select_related = ("class_list",)
    list_filter = ("source",)
    search_fields = ("name", "architecture", "weights_sha256__startswith")


@admin.register(PredictionRun)
class PredictionRunAdmin(FactAdmin):
    """Runs: what computed the predictions, with which parameters, on what."""

    list_display = ("__str__", "precision", "device", "created_at", "finished_at")
    list_select_related = ("classifier", "dataset")
    list_filter = ("classifier", "dataset", "precision")
    search_fields = ("classifier__name", "dataset__name")


@admin.register(Prediction)
class PredictionAdmin(ManyFactsAdmin):
    """What a run says of an image."""

    list_display = ("image", "run", "predicted", "probability", "top1_correct", "top5_correct")
    list_select_related = ("image", "run__classifier", "run__dataset", "predicted")
    list_filter = ("run", "top1_correct")
    search_fields = ("image__name__exact", "image__key__exact")
    search_help_text = "The whole name or key of an image."
