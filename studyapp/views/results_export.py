"""The export page: ask for a bundle, watch its job, download it."""

from __future__ import annotations

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from studyapp.exports.archive import EXPORT, archive_exists, archive_name
from studyapp.models import Job, Mode
from studyapp.services.jobs import ChunkPlan, start_job, unfinished_job
from studyapp.views.research_jobs import line_of
from studyapp.views.researcher import person, researcher
from studyapp.views.study_frame import WATCHED, frame, mode_of, study_or_404


@require_safe
@researcher
def export(request: HttpRequest, name: str) -> HttpResponse:
    """What a bundle holds, and the one of the present answers if it is there."""
    study = study_or_404(request, name)
    context = frame(request, study, "export")
    mode = context["mode"]
    parameters = {"study": study.name, "mode": mode}
    newest = Job.objects.filter(kind=EXPORT).order_by("-pk")[:200]
    job = next((job for job in newest if job.parameters == parameters), None)
    context |= {
        "ready": study.built_at is not None and archive_exists(study, mode),
        "job": job,
        "line": line_of(job) if job else None,
        "tail": "" if mode == Mode.REAL else f"?mode={mode}",
    }
    return render(request, "results/export.html", context)


@require_POST
@researcher
def start(request: HttpRequest, name: str) -> HttpResponse:
    """Start the job that writes the bundle, unless it is under way."""
    study = study_or_404(request, name)
    mode = request.POST.get("mode", "")
    if study.built_at is None or mode not in WATCHED:
        raise Http404("nothing to export")
    parameters = {"study": study.name, "mode": mode}
    job = unfinished_job(kind=EXPORT, parameters=parameters)
    if job is None or job.is_finished:
        start_job(
            kind=EXPORT,
            title=f"Export of {study.title}"[:170] + f" ({mode} answers)",
            chunks=[ChunkPlan(payload={"study": study.pk, "mode": mode}, size=1)],
            unit="bundles",
            parameters=parameters,
            created_by=person(request),
        )
    tail = "" if mode == Mode.REAL else f"?mode={mode}"
    return redirect(reverse("study-export", kwargs={"name": study.name}) + tail)


@require_safe
@researcher
def download(request: HttpRequest, name: str) -> FileResponse:
    """The zip, streamed from storage."""
    study = study_or_404(request, name)
    mode = mode_of(request)
    if not archive_exists(study, mode):
        raise Http404("this bundle is not written yet")
    content = default_storage.open(archive_name(study, mode))
    return FileResponse(content, as_attachment=True, filename=f"{study.name}-{mode}.zip")
