"""The board of turned verdicts as a file: short ones at once, long ones by a job whose page leads to them."""

from __future__ import annotations

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from studyapp.exports.gallery_boards import AT_ONCE, BoardFormat, board_name
from studyapp.exports.turned_board import board_choice, classifiers_of_board
from studyapp.exports.turned_pictures import KIND, choice_of_job, start_turned_board, turned_board
from studyapp.models import Job, Mode, Study
from studyapp.services.plans import protocol_of
from studyapp.services.refusals import Refused
from studyapp.views.figure_files import FIGURE_TYPES
from studyapp.views.research_jobs import line_of
from studyapp.views.researcher import person, researcher
from studyapp.views.results_links import turned_address
from studyapp.views.study_frame import WATCHED, frame, study_or_404


@require_POST
@researcher
def board(request: HttpRequest, name: str) -> HttpResponse:
    """The rows that the page was filtered to, all pages of them; a job draws more than 50."""
    study = study_or_404(request, name)
    mode = request.POST.get("mode", "")
    if study.built_at is None or mode not in WATCHED:
        raise Http404("nothing to draw")
    file_format: BoardFormat = "pdf" if request.POST.get("format") == "pdf" else "png"
    choice = board_choice(
        request.POST.dict(), protocol=protocol_of(study), classifiers=classifiers_of_board(study)
    )
    chosen = turned_board(study, mode, choice)
    try:
        if not chosen.rows:
            raise Refused("No image came out this way between these two arms, so the board would be empty.")
        if len(chosen.rows) > AT_ONCE:
            job = start_turned_board(chosen, file_format=file_format, created_by=person(request))
            return redirect("study-turned-board-job", name=study.name, pk=job.pk)
    except Refused as refusal:
        messages.warning(request, str(refusal))
        return redirect(turned_address(study.name, mode, **choice.values()))
    # matplotlib takes most of a second to import, and most pages draw nothing.
    from studyapp.exports.gallery_drawing import board_file

    response = HttpResponse(
        board_file(list(chosen.pictures()), chosen.words(), file_format),
        content_type=FIGURE_TYPES[file_format],
    )
    response["Content-Disposition"] = f'attachment; filename="{_file_name(study, mode)}.{file_format}"'
    return response


@require_safe
@researcher
def finished(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """How far the job of a long board is, and its file."""
    study = study_or_404(request, name)
    job = _job_or_404(study, pk)
    context = frame(request, study, "results") | {
        "line": line_of(job),
        "ready": default_storage.exists(board_name(job)),
        "board_address": turned_address(
            study.name, str(job.parameters["mode"]), **choice_of_job(study, job).values()
        ),
    }
    return render(request, "results/turned_board.html", context)


@require_safe
@researcher
def download(request: HttpRequest, name: str, pk: int) -> FileResponse:
    """The file of a long board, streamed from storage."""
    study = study_or_404(request, name)
    job = _job_or_404(study, pk)
    stored = board_name(job)
    if not default_storage.exists(stored):
        raise Http404("this board is not drawn yet")
    filename = f"{_file_name(study, str(job.parameters['mode']))}.{stored.rpartition('.')[2]}"
    return FileResponse(default_storage.open(stored), as_attachment=True, filename=filename)


def _job_or_404(study: Study, pk: int) -> Job:
    job = get_object_or_404(Job, pk=pk, kind=KIND)
    if job.parameters["study"] != study.name:
        raise Http404("no such board of this study")
    return job


def _file_name(study: Study, mode: str) -> str:
    return f"{study.name}-{'' if mode == Mode.REAL else f'{mode}-'}turned-verdicts"
