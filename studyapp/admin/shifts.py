"""Shift maps in the admin."""

from __future__ import annotations

from django.contrib import admin

from studyapp.admin.facts import FactAdmin
from studyapp.models import ShiftMaps, ShiftRun


@admin.register(ShiftRun)
class ShiftRunAdmin(FactAdmin):
    """Sets of places and the class asked about."""

    list_display = ("title", "way", "origin", "rows", "columns", "stride", "created_at", "finished_at")
    list_filter = ("way", "origin")
    search_fields = ("title", "target_name")


@admin.register(ShiftMaps)
class ShiftMapsAdmin(FactAdmin):
    """The maps of one classifier."""

    list_display = ("classifier", "run", "layer", "bytes")
    list_select_related = ("classifier", "run")
    list_filter = ("classifier",)
    search_fields = ("classifier__name", "run__title")
