"""Boards: short ones at once, long ones by a job whose page leads to the file."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from studyapp.admin.gallery.asked import Addresses, posted_filter, posted_images
from studyapp.admin.gallery.gate import context, looking, scope_or_404
from studyapp.exports.gallery_boards import (
    AT_ONCE,
    KIND,
    BoardRequest,
    board_name,
    board_rows,
    board_words,
    file_name,
    start_board,
)
from studyapp.models import Job
from studyapp.services.gallery.filters import read_filter
from studyapp.services.refusals import Refused

TYPES = {"png": "image/png", "pdf": "application/pdf"}


@require_POST
@looking
def board(request: HttpRequest, kind: str, name: str) -> HttpResponseBase:
    """The board of the ticked images, or of all that pass the filter, as a file; a job for more than 50."""
    # matplotlib is half a second of start-up that no other page of the admin needs.
    from studyapp.exports.gallery_drawing import board_file

    scope = scope_or_404(kind, name)
    wanted = posted_filter(request)
    file_format = "pdf" if request.POST.get("format") == "pdf" else "png"
    asked = BoardRequest(scope, wanted, posted_images(request), "pdf" if file_format == "pdf" else "png")
    try:
        keys = asked.keys()
    except Refused as refusal:
        messages.warning(request, str(refusal))
        return redirect(Addresses(scope, wanted).grid)
    if len(keys) > AT_ONCE:
        assert isinstance(request.user, User)
        job = start_board(asked, keys=keys, created_by=request.user)
        return redirect("gallery:board-job", pk=job.pk)
    content = board_file(
        list(board_rows(scope, wanted, keys)), board_words(scope, wanted, len(keys)), asked.file_format
    )
    return HttpResponse(
        content,
        content_type=TYPES[file_format],
        headers={
            "Content-Disposition": f'attachment; filename="{file_name(scope.name, wanted)}.{file_format}"',
            "Cache-Control": "private, no-store",
        },
    )


@require_safe
@looking
def finished(request: HttpRequest, pk: int) -> HttpResponse:
    """How far the job of a long board is, and its file."""
    job = get_object_or_404(Job, pk=pk, kind=KIND)
    ready = default_storage.exists(board_name(job))
    return render(request, "admin/gallery/board.html", context(request, job.title, job=job, ready=ready))


@require_safe
@looking
def download(request: HttpRequest, pk: int) -> FileResponse:
    """The file of a long board, streamed from storage."""
    job = get_object_or_404(Job, pk=pk, kind=KIND)
    name = board_name(job)
    if not default_storage.exists(name):
        raise Http404("this board is not drawn yet")
    wanted = read_filter(QueryDict(str(job.parameters["filter"])).dict()).wanted
    subject = file_name(str(job.parameters["gallery"]), wanted)
    return FileResponse(
        default_storage.open(name), as_attachment=True, filename=f"{subject}-board.{name.rpartition('.')[2]}"
    )
