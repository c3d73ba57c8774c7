"""Jobs in the admin: facts, with the two things a person may do to one."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from studyapp.admin.facts import FactAdmin, ManyFactsAdmin
from studyapp.models import Chunk, Job
from studyapp.services.jobs import JobFailure, cancel_job, retry_job


@admin.register(Job)
class JobAdmin(FactAdmin):
    """Background work, with retry and cancel."""

    list_display = ("title", "kind", "state", "done", "total", "unit", "worker", "created_at", "finished_at")
    list_filter = ("state", "kind", "queue")
    search_fields = ("title", "error")
    actions = ("retry", "cancel")

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whether the person may retry and cancel: whoever may change jobs."""
        return request.user.has_perm("studyapp.change_job")

    @admin.action(description="Retry the failed or cancelled jobs", permissions=["act"])
    def retry(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        """Hand the chosen jobs back to the workers."""
        for job in jobs:
            try:
                retry_job(job=job)
            except JobFailure as refusal:
                self.message_user(request, str(refusal), messages.WARNING)
            else:
                self.message_user(request, f"{job.title} is waiting for a worker again.")

    @admin.action(description="Cancel the unfinished jobs", permissions=["act"])
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        """Stop the chosen jobs: chunks under way are finished, no other is begun."""
        for job in jobs:
            if cancel_job(job=job):
                self.message_user(request, f"{job.title} is cancelled.")
            else:
                self.message_user(request, f"{job.title} had already ended.", messages.WARNING)


@admin.register(Chunk)
class ChunkAdmin(ManyFactsAdmin):
    """Parts of jobs."""

    list_display = ("job", "number", "size", "state", "worker", "attempts", "claim_ends_at", "finished_at")
    list_select_related = ("job",)
    list_filter = ("state",)
    search_fields = ("job__title", "job__id__exact")
