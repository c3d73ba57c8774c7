"""Files of the gallery: the pixels that an explanation explains, and the job that makes thumbnails."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from studyapp.admin.gallery.asked import posted_filter
from studyapp.admin.gallery.gate import deciding, looking_at_a_file, scope_or_404
from studyapp.models import Explanation
from studyapp.services.gallery.strips import start_strips
from studyapp.services.refusals import Refused

FOR_GOOD = "private, max-age=31536000, immutable"


@require_safe
@looking_at_a_file
def explained_pixels(request: HttpRequest, key: str) -> HttpResponse:
    """Exactly the pixels that an explanation explains."""
    name = Explanation.objects.filter(key=key).values_list("explained_file", flat=True).first()
    if not name:
        raise Http404("no such picture")
    try:
        with default_storage.open(name) as file:
            content = file.read()
    except FileNotFoundError as problem:
        raise Http404("its file is gone") from problem
    return HttpResponse(content, content_type="image/png", headers={"Cache-Control": FOR_GOOD})


@require_POST
@deciding
def make_thumbnails(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Start the job that makes the thumbnails that a gallery lacks."""
    scope = scope_or_404(kind, name)
    assert isinstance(request.user, User)
    try:
        wanted = posted_filter(request)
        job = start_strips(
            scope=scope, method=wanted.method, explained=wanted.explained, created_by=request.user
        )
    except Refused as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, f"Job {job.pk} makes the thumbnails; load the page again when it is done.")
    return redirect("gallery:gallery", kind=kind, name=name)
