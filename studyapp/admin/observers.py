"""Observers of cue-conflict pictures in the admin, and how long pictures of studies were shown."""

from __future__ import annotations

from django.contrib import admin

from studyapp.admin.facts import FactAdmin, ManyFactsAdmin
from studyapp.models import ChoiceSet, ChoiceTrial, Exposure, Observer


@admin.register(ChoiceSet)
class ChoiceSetAdmin(FactAdmin):
    """What observers choose among."""

    list_display = ("__str__", "key", "created_at")
    search_fields = ("key",)


@admin.register(Observer)
class ObserverAdmin(FactAdmin):
    """People and networks, published or measured."""

    list_display = ("name", "collection", "kind", "source", "created_at")
    list_filter = ("kind", "source")
    search_fields = ("name", "collection")


@admin.register(ChoiceTrial)
class ChoiceTrialAdmin(ManyFactsAdmin):
    """What each chose for each picture."""

    list_display = ("observer", "trial", "stimulus", "response", "seconds")
    list_select_related = ("observer",)
    search_fields = ("stimulus", "observer__name")
    raw_id_fields = ("image",)


@admin.register(Exposure)
class ExposureAdmin(ManyFactsAdmin):
    """How long pictures were on the screen."""

    list_display = ("answer", "shown_ms", "frames", "refresh_ms", "hidden", "again")
    list_select_related = ("answer__question",)
    list_filter = ("hidden", "again")
    search_fields = ("answer__question__key",)
