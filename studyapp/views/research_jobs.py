"""Jobs: how far they are, why one failed, retry and cancel."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Case, Count, IntegerField, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from studyapp.models import Chunk, Job
from studyapp.services.jobs import JobFailure, cancel_job, is_interrupted, retry_job
from studyapp.templatetags.formats import lasting, number
from studyapp.views.paging import page_of, searched
from studyapp.views.researcher import researcher

GO_ON = "Interrupted: give the same command again to go on"

LIVE_FIRST = Case(
    When(state__in=(Job.State.RUNNING, Job.State.QUEUED), then=Value(0)),
    default=Value(1),
    output_field=IntegerField(),
)


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job as pages show it: the row, its state (style class and word), and how far it is in words."""

    job: Job
    state: str
    label: str
    words: str


def line_of(job: Job) -> JobLine:
    """ "12 430 of 50 000 · 212 images/s · about 3 min left", as far as it is known."""
    if is_interrupted(job):
        return JobLine(job, "interrupted", "Interrupted", f"{_done(job)} · {GO_ON}")
    return JobLine(job, job.state, job.get_state_display(), _words(job))


def _words(job: Job) -> str:
    parts = [_done(job)]
    if job.is_finished:
        parts[0] += f" {job.unit}"
        if job.started_at and job.finished_at:
            parts.append(f"took {lasting(job.finished_at - job.started_at)}")
        return " · ".join(parts)
    rate = job.rate()
    if rate:
        parts.append(f"{number(rate, 0 if rate >= 10 else 1)} {job.unit}/s")
        parts.append(f"about {lasting((job.total - job.done) / rate)} left")
    elif job.state == Job.State.QUEUED:
        parts.append("waiting for a worker")
    return " · ".join(parts)


def _done(job: Job) -> str:
    return f"{number(job.done)} of {number(job.total)}"


@require_safe
@researcher
def jobs(request: HttpRequest) -> HttpResponse:
    """Every job, those under way first."""
    rows = Job.objects.order_by(LIVE_FIRST, "-created_at", "-pk")
    if query := searched(request):
        rows = rows.filter(title__icontains=query)
    state = request.GET.get("state", "")
    if state in Job.State.values:
        rows = rows.filter(state=state)
    page = page_of(request, rows)
    lines = [line_of(job) for job in page.rows]
    context = {
        "nav": "jobs",
        "page": page,
        "lines": lines,
        "state": state,
        "states": Job.State.choices,
        "live": any(not line.job.is_finished for line in lines),
    }
    template = "research/_job_table.html" if request.headers.get("HX-Request") else "research/jobs.html"
    return render(request, template, context)


@require_safe
@researcher
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """One job: bar, worker, last error and its remedy, the state of its chunks."""
    row = get_object_or_404(Job.objects.select_related("created_by"), pk=pk)
    counts = dict(row.chunks.order_by().values_list("state").annotate(Count("pk")))
    context = {
        "nav": "jobs",
        "line": line_of(row),
        "job": row,
        "chunks": [(label, counts.get(value, 0)) for value, label in Chunk.State.choices],
        "failed": row.chunks.filter(state=Chunk.State.FAILED).order_by("number")[:20],
        "live": not row.is_finished,
    }
    template = "research/_job.html" if request.headers.get("HX-Request") else "research/job.html"
    return render(request, template, context)


@require_POST
@researcher
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a failed or cancelled job back to the workers."""
    row = get_object_or_404(Job, pk=pk)
    try:
        retry_job(job=row)
    except JobFailure as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, f"{row.title} is waiting for a worker again.")
    return redirect("job", pk=pk)


@require_POST
@researcher
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop a job: chunks under way are finished, no other is begun."""
    row = get_object_or_404(Job, pk=pk)
    if cancel_job(job=row):
        messages.success(request, f"{row.title} is cancelled; a retry goes on where it stopped.")
    else:
        messages.warning(request, f"{row.title} had already ended.")
    return redirect("job", pk=pk)
