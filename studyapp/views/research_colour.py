"""The colour probe: its progress, tables and figures, on the page and as files."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studyapp.models import ProbeRun
from studyapp.views.research_jobs import line_of
from studyapp.views.researcher import researcher


@require_safe
@researcher
def colour(request: HttpRequest, key: str) -> HttpResponseBase:
    """One colour probe."""
    run = _run(key)
    job = run.job if run.finished_at is None else None
    context = {"nav": "probes", "run": run, "job": job, "line": line_of(job) if job else None}
    return render(request, "research/probe_colour.html", context)


def _run(key: str) -> ProbeRun:
    runs = ProbeRun.objects.filter(kind=ProbeRun.Kind.COLOUR).select_related("dataset", "job")
    return get_object_or_404(runs, key=key)
