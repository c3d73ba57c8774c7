"""Files of the gallery: strips of thumbnails, which never change under their name, and their job."""

from __future__ import annotations

import re

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from studyapp.admin.gallery.asked import posted_filter
from studyapp.admin.gallery.gate import deciding, looking_at_a_file, scope_or_404
from studyapp.models import Explanation
from studyapp.services.gallery.strips import start_strips, strip_name
from studyapp.services.refusals import Refused

FOR_GOOD = "private, max-age=31536000, immutable"
_DIGEST = re.compile(r"[0-9a-f]{40}")


@require_safe
@looking_at_a_file
def strip(request: HttpRequest, digest: str) -> HttpResponse:
    """The small pictures of one image: its name is made of what it shows, so nothing is looked up."""
    if not _DIGEST.fullmatch(digest):
        raise Http404("no such strip")
    return _file(strip_name(digest), "image/webp")


@require_safe
@looking_at_a_file
def explained_pixels(request: HttpRequest, key: str) -> HttpResponse:
    """Exactly the pixels that an explanation explains."""
    name = Explanation.objects.filter(key=key).values_list("explained_file", flat=True).first()
    if not name:
        raise Http404("no such picture")
    return _file(name, "image/png")


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


def _file(name: str, kind: str) -> HttpResponse:
    try:
        with default_storage.open(name) as file:
            content = file.read()
    except FileNotFoundError as problem:
        raise Http404("not made yet") from problem
    return HttpResponse(content, content_type=kind, headers={"Cache-Control": FOR_GOOD})
