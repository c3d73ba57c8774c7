"""One image: the picture, what the dataset and the classifiers say of it, what is asked about it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studyapp.models import Image, Question
from studyapp.services.catalogue.thumbnails import full_picture, thumbnail
from studyapp.services.refusals import Refused
from studyapp.services.studies.outcomes import ranked_classes
from studyapp.views.researcher import researcher

# Files of a dataset may be mended in their folder, so a day is long enough.
KEPT = "private, max-age=86400"
QUESTIONS_SHOWN = 100


@require_safe
@researcher
def image(request: HttpRequest, key: str) -> HttpResponse:
    """Everything that is known of an image."""
    row = get_object_or_404(Image.objects.select_related("dataset", "category", "source"), key=key)
    predictions = list(
        row.predictions.select_related("run__classifier", "run__dataset", "predicted").order_by(
            "run__classifier__name", "run"
        )
    )
    classes = ranked_classes(predictions)
    questions = (
        Question.objects.filter(image=row)
        .select_related("study", "label", "arm__study")
        .order_by("study", "pk")[:QUESTIONS_SHOWN]
    )
    context = {
        "nav": "datasets",
        "image": row,
        "pixels": row.dataset.layout != row.dataset.Layout.NAMES,
        "predictions": [(prediction, classes[prediction.pk]) for prediction in predictions],
        "questions": questions,
    }
    return render(request, "research/image.html", context)


@researcher
def picture(request: HttpRequest, key: str) -> HttpResponse:
    """The whole picture as PNG."""
    row = get_object_or_404(Image.objects.select_related("dataset"), key=key)
    try:
        content = full_picture(image=row)
    except Refused as refusal:
        raise Http404(str(refusal)) from refusal
    return HttpResponse(content, content_type="image/png", headers={"Cache-Control": KEPT})


@researcher
def thumb(request: HttpRequest, key: str) -> HttpResponse:
    """The small picture for galleries."""
    row = get_object_or_404(Image.objects.select_related("dataset"), key=key)
    try:
        content = thumbnail(image=row)
    except Refused as refusal:
        raise Http404(str(refusal)) from refusal
    kind = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
    return HttpResponse(content, content_type=kind, headers={"Cache-Control": KEPT})
