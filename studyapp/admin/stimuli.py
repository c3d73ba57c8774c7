"""Stimuli in the admin."""

from __future__ import annotations

from django.contrib import admin

from studyapp.admin.facts import ManyFactsAdmin
from studyapp.models import Stimulus


@admin.register(Stimulus)
class StimulusAdmin(ManyFactsAdmin):
    """What people are shown."""

    list_display = ("key", "study", "image", "kind", "review", "review_reason")
    list_select_related = ("study", "image")
    list_filter = ("study", "review", "kind")
    search_fields = ("key__exact", "image__name__exact")
