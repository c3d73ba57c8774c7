"""Participants, sittings, presentations and answers in the admin: facts, all of them."""

from __future__ import annotations

from django.contrib import admin

from studyapp.admin.facts import FactAdmin, ManyFactsAdmin, RecordAdmin
from studyapp.models import (
    Answer,
    ExpertAnswer,
    Participant,
    ParticipantIdentity,
    Presentation,
    QuestionSlots,
    RecruitmentLink,
    Sitting,
)


@admin.register(Participant)
class ParticipantAdmin(ManyFactsAdmin):
    """People by their pseudonym."""

    list_display = ("__str__", "created_at")
    search_fields = ("pseudonym__startswith",)


@admin.register(ParticipantIdentity)
class ParticipantIdentityAdmin(FactAdmin):
    """That a panel's id is kept for a person; the id itself is never shown, encrypted or not."""

    hidden = ("ciphertext",)
    list_display = ("participant", "panel")
    list_select_related = ("participant",)
    list_filter = ("panel",)


@admin.register(RecruitmentLink)
class RecruitmentLinkAdmin(RecordAdmin):
    """Ways in; only the note can be changed."""

    editable = ("note",)
    list_display = ("__str__", "mode", "single_use", "panel", "note", "created_at", "spent_at")
    list_select_related = ("study",)
    list_filter = ("study", "mode", "single_use")
    search_fields = ("token__exact", "note")


@admin.register(Sitting)
class SittingAdmin(ManyFactsAdmin):
    """Visits of participants."""

    list_display = (
        "key",
        "study",
        "participant",
        "mode",
        "state",
        "questions_planned",
        "consented_at",
        "finished_at",
    )
    list_select_related = ("study", "participant")
    list_filter = ("study", "mode", "state")
    search_fields = ("key__exact", "participant__pseudonym__startswith", "completion_code__exact")


@admin.register(QuestionSlots)
class QuestionSlotsAdmin(ManyFactsAdmin):
    """How many answers each question still takes."""

    list_display = ("question", "study", "mode", "required", "taken", "counted", "positive", "open")
    list_select_related = ("question", "study")
    list_filter = ("study", "mode", "open")
    search_fields = ("question__key__exact",)


@admin.register(Presentation)
class PresentationAdmin(ManyFactsAdmin):
    """Questions shown to participants, with their leases."""

    list_display = (
        "sitting",
        "position",
        "question",
        "participant",
        "mode",
        "served_at",
        "lease_until",
        "holds_slot",
        "answered",
    )
    list_select_related = ("sitting", "question", "participant")
    list_filter = ("sitting__study", "mode", "holds_slot", "answered")
    search_fields = (
        "sitting__key__exact",
        "question__key__exact",
        "participant__pseudonym__startswith",
    )


@admin.register(Answer)
class AnswerAdmin(ManyFactsAdmin):
    """What participants chose."""

    list_display = ("question", "participant", "value", "mode", "origin", "status", "answered_at")
    list_select_related = ("question", "participant")
    list_filter = ("question__study", "mode", "status", "origin")
    search_fields = ("question__key__exact", "participant__pseudonym__startswith")


@admin.register(ExpertAnswer)
class ExpertAnswerAdmin(ManyFactsAdmin):
    """What experts said of questions."""

    list_display = ("question", "expert", "value", "created_at")
    list_select_related = ("question",)
    list_filter = ("question__study",)
    search_fields = ("question__key__exact", "expert__exact")
