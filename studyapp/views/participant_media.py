"""The exact pictures that people judge, under unguessable names."""

from __future__ import annotations

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

from studyapp.models import Stimulus


@require_safe
def stimulus(request: HttpRequest, key: str) -> FileResponse:
    """The lossless picture of a stimulus. Its content never changes under a key, so it may be kept for good.

    The key is 128 random bits and is the only thing that opens it: neither the name nor a header says
    anything of image, label or classifier.
    """
    file = Stimulus.objects.filter(key=key).exclude(file="").values_list("file", flat=True).first()
    if file is None:
        raise Http404("no such picture")
    try:
        content = default_storage.open(file)
    except FileNotFoundError as error:
        raise Http404("no such picture") from error
    response = FileResponse(content, content_type="image/png", filename=f"{key}.png")
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
