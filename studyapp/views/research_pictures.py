"""Pictures of attacks and explanations for researchers: files of storage under the keys of their rows.

A key's picture hardly ever changes, so browsers keep it for a day and ask again with its digest.
"""

from __future__ import annotations

import hashlib

from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404
from django.utils.http import parse_etags, quote_etag
from django.views.decorators.http import require_safe

from studyapp.models import AdversarialImage, Explanation
from studyapp.services.attacks.stored_pictures import clean_name
from studyapp.services.catalogue.thumbnails import thumbnail
from studyapp.services.refusals import Refused
from studyapp.views.researcher import researchers_file

KEPT = "private, max-age=86400"


@require_safe
@researchers_file
def adversarial(request: HttpRequest, key: str) -> HttpResponse:
    """The lossless picture that an attack made, as the classifier judged it."""
    return _stored(request, get_object_or_404(AdversarialImage, key=key).file)


@require_safe
@researchers_file
def explanation(request: HttpRequest, key: str) -> HttpResponse:
    """The image with attention, as its run's parameters draw it."""
    return _stored(request, get_object_or_404(Explanation, key=key).picture_file)


@require_safe
@researchers_file
def heat(request: HttpRequest, key: str) -> HttpResponse:
    """The overlay of all weights, transparent where they are none."""
    return _stored(request, get_object_or_404(Explanation, key=key).heat_file)


@require_safe
@researchers_file
def clean(request: HttpRequest, key: str) -> HttpResponse:
    """What the classifier saw before the attack; the image's thumbnail until that is stored."""
    row = get_object_or_404(AdversarialImage.objects.select_related("image__dataset"), key=key)
    content = _read(clean_name(row.key))
    if content is not None:
        return _answer(request, content, KEPT)
    try:
        return _answer(request, thumbnail(image=row.image), "private, no-cache")
    except Refused as refusal:
        raise Http404(str(refusal)) from refusal


def _stored(request: HttpRequest, name: str) -> HttpResponse:
    content = _read(name)
    if content is None:
        raise Http404("this picture is not stored")
    return _answer(request, content, KEPT)


def _read(name: str) -> bytes | None:
    """The bytes of a stored file; None where there is none."""
    if not name:
        return None
    try:
        with default_storage.open(name) as file:
            content: bytes = file.read()
    except FileNotFoundError:
        return None
    return content


def _answer(request: HttpRequest, content: bytes, kept: str) -> HttpResponse:
    """The picture with its digest, or "not modified" to a browser that has it."""
    digest = quote_etag(hashlib.sha256(content).hexdigest()[:32])
    response: HttpResponse
    if digest in parse_etags(request.headers.get("If-None-Match", "")):
        response = HttpResponseNotModified()
    else:
        kind = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
        response = HttpResponse(content, content_type=kind)
    response["ETag"] = digest
    response["Cache-Control"] = kept
    return response
