"""Stylised copies in the admin."""

from __future__ import annotations

from django.contrib import admin

from studyapp.admin.facts import FactAdmin
from studyapp.models import Style, StylisedPicture, StyliseRun


@admin.register(StyliseRun)
class StyliseRunAdmin(FactAdmin):
    """Copies of datasets in the styles of other pictures."""

    list_display = ("name", "content", "folder", "created_at", "finished_at")
    list_select_related = ("content",)
    search_fields = ("name", "content__name")


@admin.register(Style)
class StyleAdmin(FactAdmin):
    """Pictures whose style could be drawn."""

    list_display = ("name", "run", "sha256")
    list_select_related = ("run__content",)
    search_fields = ("name",)


@admin.register(StylisedPicture)
class StylisedPictureAdmin(FactAdmin):
    """Which image was drawn in which style."""

    list_display = ("name", "content", "style", "problem")
    list_select_related = ("content", "style")
    search_fields = ("name",)
