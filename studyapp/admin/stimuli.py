"""Stimuli in the admin: thumbnails, and approve or hold back through the service."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from studyapp.admin.facts import ManyFactsAdmin
from studyapp.models import Stimulus
from studyapp.services.refusals import Refused
from studyapp.services.studies.life import review_stimulus

# The admin's actions ask for no text; the study's review page does.
HELD_BACK_HERE = "held back in the admin"


@admin.register(Stimulus)
class StimulusAdmin(ManyFactsAdmin):
    """What people are shown."""

    list_display = ("picture", "key", "study", "image", "kind", "review", "review_reason")
    list_display_links = ("picture", "key")
    list_select_related = ("study", "image")
    list_filter = ("study", "review", "kind")
    search_fields = ("key__exact", "image__name__exact")
    extra_fields = ("picture",)
    actions = ("approve", "hold_back")

    def has_review_permission(self, request: HttpRequest) -> bool:
        """Whether the person may decide: whoever may change stimuli."""
        return request.user.has_perm("studyapp.change_stimulus")

    @admin.display(description="Picture")
    def picture(self, stimulus: Stimulus) -> SafeString | str:
        """The very picture that participants see, small."""
        if not stimulus.file:
            return "none"
        address = reverse("participant:stimulus", args=[stimulus.key])
        return format_html('<img src="{}" width="72" height="72" alt="" loading="lazy">', address)

    @admin.action(description="Approve", permissions=["review"])
    def approve(self, request: HttpRequest, stimuli: QuerySet[Stimulus]) -> None:
        """Approve the chosen stimuli."""
        self._review(request, stimuli, approve=True)

    @admin.action(description="Hold back", permissions=["review"])
    def hold_back(self, request: HttpRequest, stimuli: QuerySet[Stimulus]) -> None:
        """Hold the chosen stimuli back: participants are not shown them."""
        self._review(request, stimuli, approve=False)

    def _review(self, request: HttpRequest, stimuli: QuerySet[Stimulus], *, approve: bool) -> None:
        reason = "" if approve else HELD_BACK_HERE
        chosen = list(stimuli.select_related("study"))
        done = 0
        for stimulus in chosen:
            try:
                review_stimulus(
                    stimulus=stimulus, actor=request.user.get_username(), approve=approve, reason=reason
                )
            except Refused as refusal:
                self.message_user(request, f"{stimulus.key}: {refusal}", messages.WARNING)
            else:
                done += 1
        self.message_user(request, f"{done} stimuli {'approved' if approve else 'held back'}.")
