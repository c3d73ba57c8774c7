"""Buttons of a study: open, pause, resume, close. Refusals are shown where the button was."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from studyapp.models import Study
from studyapp.services.refusals import Refused
from studyapp.services.studies.life import close_study, open_study, pause_study, resume_study
from studyapp.views.researcher import person, researcher
from studyapp.views.study_frame import study_or_404


@require_POST
@researcher
def open_(request: HttpRequest, name: str) -> HttpResponse:
    """Freeze the plan and let participants in."""

    def change(study: Study, actor: str) -> str:
        reason = request.POST.get("unrehearsed", "").strip()[:300]
        opened = open_study(study=study, actor=actor, unrehearsed=reason)
        more = "its open link is under Links" if opened.link else "make invitations under Links"
        return f"{study.title} is open: {more}."

    return _changed(request, name, change)


@require_POST
@researcher
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Stop giving out questions for a while."""

    def change(study: Study, actor: str) -> str:
        pause_study(study=study, actor=actor)
        return f"{study.title} is paused: whoever holds a question may still answer it."

    return _changed(request, name, change)


@require_POST
@researcher
def resume(request: HttpRequest, name: str) -> HttpResponse:
    """Go on after a pause."""

    def change(study: Study, actor: str) -> str:
        resume_study(study=study, actor=actor)
        return f"{study.title} is open again."

    return _changed(request, name, change)


@require_POST
@researcher
def close(request: HttpRequest, name: str) -> HttpResponse:
    """End the collection of answers for good."""

    def change(study: Study, actor: str) -> str:
        close_study(study=study, actor=actor)
        return f"{study.title} is closed."

    return _changed(request, name, change)


def _changed(request: HttpRequest, name: str, change: Callable[[Study, str], str]) -> HttpResponse:
    study = study_or_404(request, name)
    try:
        said = change(study, person(request).get_username())
    except Refused as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, said)
    return redirect("study", name=name)
