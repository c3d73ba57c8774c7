"""Studies, stimuli, questions and the audit trail in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from studyapp.admin.facts import FactAdmin, ManyFactsAdmin, RecordAdmin
from studyapp.models import (
    Amendment,
    Arm,
    AuditEntry,
    Draw,
    Question,
    QuestionUse,
    Study,
    StudyClassifier,
)


@admin.register(Study)
class StudyAdmin(RecordAdmin):
    """Studies; only the owner can be changed: opening, pausing and closing have rules of their own."""

    editable = ("owner",)
    autocomplete_fields = ("owner",)
    list_display = ("name", "title", "kind", "dataset", "state", "owner", "created_at", "opened_at")
    list_select_related = ("dataset", "owner")
    list_filter = ("state", "kind", "dataset")
    search_fields = ("name", "title", "protocol_sha256__startswith")
    extra_fields = ("page",)

    @admin.display(description="Page")
    def page(self, study: Study) -> SafeString:
        """Where the study is run from."""
        return format_html('<a href="/studies/{0}/">/studies/{0}/</a>', study.name)


@admin.register(StudyClassifier)
class StudyClassifierAdmin(FactAdmin):
    """Which run of a classifier a study judges."""

    list_display = ("study", "classifier", "run", "position")
    list_select_related = ("study", "classifier", "run__classifier", "run__dataset")
    list_filter = ("study", "classifier")


@admin.register(Arm)
class ArmAdmin(FactAdmin):
    """Conditions of studies."""

    list_display = ("name", "study", "position", "wording")
    list_select_related = ("study",)
    list_filter = ("study",)


@admin.register(Question)
class QuestionAdmin(ManyFactsAdmin):
    """What is asked of a stimulus."""

    list_display = ("key", "study", "arm", "image", "label", "origin", "expected")
    list_select_related = ("study", "arm__study", "image", "label")
    list_filter = ("study", "origin")
    search_fields = ("key__exact", "image__name__exact", "content__exact")


@admin.register(QuestionUse)
class QuestionUseAdmin(ManyFactsAdmin):
    """Why questions are asked."""

    list_display = ("question", "role", "study_classifier", "stratum", "weight")
    list_select_related = ("question", "study_classifier__classifier")
    list_filter = ("question__study", "role")
    search_fields = ("question__key__exact",)


@admin.register(Draw)
class DrawAdmin(FactAdmin):
    """Random draws, stored so that they never have to be made again."""

    # A draw over 50,000 images is no reading matter; the export carries it.
    hidden = ("values",)
    list_display = ("study", "purpose", "seed", "created_at")
    list_select_related = ("study",)
    list_filter = ("study",)

    def get_queryset(self, request):  # type: ignore[no-untyped-def]
        """Without the values, which may be megabytes a row."""
        return super().get_queryset(request).defer("values")


@admin.register(Amendment)
class AmendmentAdmin(FactAdmin):
    """Changes of opened studies' plans."""

    list_display = ("study", "made_at", "made_by", "reason")
    list_select_related = ("study", "made_by")
    list_filter = ("study",)


@admin.register(AuditEntry)
class AuditEntryAdmin(ManyFactsAdmin):
    """Who decided what."""

    list_display = ("at", "actor", "verb", "study", "subject")
    list_select_related = ("study",)
    list_filter = ("verb", "study")
    search_fields = ("actor__exact", "subject")
