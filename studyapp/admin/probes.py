"""Probes in the admin."""

from __future__ import annotations

from django.contrib import admin

from studyapp.admin.facts import FactAdmin
from studyapp.models import ProbeClassifier, ProbeRun


@admin.register(ProbeRun)
class ProbeRunAdmin(FactAdmin):
    """Probes: which changes of which pictures."""

    list_display = ("__str__", "images", "unreadable", "device", "created_at", "finished_at")
    list_select_related = ("dataset",)
    list_filter = ("kind", "dataset")
    search_fields = ("dataset__name",)


@admin.register(ProbeClassifier)
class ProbeClassifierAdmin(FactAdmin):
    """The classifiers of a probe."""

    list_display = ("classifier", "run", "position")
    list_select_related = ("classifier", "run__dataset")
    list_filter = ("classifier",)
    search_fields = ("classifier__name", "run__dataset__name")
