"""Explanation runs: the list with how far each is, and one run with its pictures, weights and paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.core.files.storage import default_storage
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studyapp.exports.explanation_figures import FIT, PATH, fit_figure, path_figure
from studyapp.models import Explanation, ExplanationRun
from studyapp.services.explanations.files import path_name
from studyapp.services.explanations.summaries import RunSummary, summarise_run
from studyapp.views.explanation_marks import Marks, fit_marks, weight_marks
from studyapp.views.figure_files import figure_response
from studyapp.views.paging import csv_response, page_of, searched, wants_csv
from studyapp.views.research_jobs import line_of
from studyapp.views.researcher import researcher

PAGE = 12
SORTS = {
    "image": ("image__name",),
    "fit": (F("fit").asc(nulls_last=True), "image__name"),
    "-fit": (F("fit").desc(nulls_last=True), "image__name"),
    "positive": ("positive", "image__name"),
    "probability": (F("probability").asc(nulls_last=True), "image__name"),
}
SORT_WORDS = {
    "image": "by image",
    "fit": "worst fit first",
    "-fit": "best fit first",
    "positive": "fewest positive first",
    "probability": "least probable first",
}
SHOWS = {"": "All", "few": "Fewer positive than shown", "failed": "Failed"}
_COLUMNS = (
    *("image", "category", "outcome", "reason", "explained", "probability", "predicted"),
    *("predicted_probability", "superpixels", "positive", "intercept", "fit", "seed", "masks_sha256"),
    *("path_area", "weights", "path"),
)


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in the list; `marks` is its histogram of fits."""

    summary: RunSummary
    marks: Marks | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One explanation on a page: the row, its bars, and whether its path has a strip of frames."""

    row: Explanation
    marks: Marks | None
    version: str


@require_safe
@researcher
def explanations(request: HttpRequest) -> HttpResponseBase:
    """Every run with its progress and how well it fits."""
    rows = ExplanationRun.objects.select_related(
        "dataset", "classifier", "attack_run", "category", "job"
    ).order_by("-created_at", "-pk")
    if query := searched(request):
        rows = rows.filter(
            Q(dataset__name__icontains=query)
            | Q(classifier__name__icontains=query)
            | Q(method__icontains=query)
        )
    if wants_csv(request):
        return csv_response("explanations", _RUN_COLUMNS, (_run_row(summarise_run(run)) for run in rows))
    page = page_of(request, rows, size=25)
    lines = [RunLine(summary, fit_marks(summary.histogram)) for summary in map(summarise_run, page.rows)]
    context = {"nav": "explanations", "page": page, "lines": lines}
    return render(request, "research/explanations.html", context)


@require_safe
@researcher
def explanation_run(request: HttpRequest, number: int) -> HttpResponseBase:
    """One run: counts and fit first, then its explanations, a page at a time."""
    run = _run(number)
    rows = _filtered(request, run)
    if wants_csv(request):
        return csv_response(f"explanations-{run.pk}", _COLUMNS, _rows(rows))
    page = page_of(request, rows, size=PAGE)
    summary = summarise_run(run)
    shown = run.parameters.get("superpixels", 0)
    # Browsers keep pictures by their address; another way of showing the weights is another picture.
    version = f"{shown}-{run.parameters.get('rest')}"
    context = {
        "nav": "explanations",
        "run": run,
        "summary": summary,
        "line": line_of(run.job) if run.job else None,
        "figure": fit_figure(summary),
        "parameters": sorted(run.parameters.items()),
        "page": page,
        "lines": [Shown(row, weight_marks(row.weights, shown), version) for row in page.rows],
        "tiny": _is_tiny(run),
        "sort": request.GET.get("sort", "image"),
        "sorts": SORT_WORDS.items(),
        "show": request.GET.get("show", ""),
        "shows": SHOWS.items(),
    }
    return render(request, "research/explanation_run.html", context)


@require_safe
@researcher
def fit_file(request: HttpRequest, number: int, kind: str) -> HttpResponse:
    """The histogram of a run's fit as SVG or PNG, or its numbers as CSV."""
    return figure_response(request, fit_figure(summarise_run(_run(number))), kind, FIT)


@require_safe
@researcher
def path_file(request: HttpRequest, key: str, kind: str) -> HttpResponse:
    """The curve of an explanation path as SVG or PNG, or its numbers as CSV."""
    row = get_object_or_404(Explanation.objects.select_related("category", "image"), key=key)
    return figure_response(request, path_figure(row), kind, PATH)


@require_safe
@researcher
def path_frames(request: HttpRequest, key: str) -> HttpResponse:
    """The frames of an explanation path side by side, PNG."""
    row = get_object_or_404(Explanation, key=key)
    if not row.path:
        raise Http404("this explanation has no path")
    return _png(path_name(row.key), f"path-{row.key}.png")


@require_safe
@researcher
def explained(request: HttpRequest, key: str) -> HttpResponse:
    """Exactly the pixels that were explained, PNG."""
    return _png(get_object_or_404(Explanation, key=key).explained_file)


def _run(number: int) -> ExplanationRun:
    return get_object_or_404(
        ExplanationRun.objects.select_related("dataset", "classifier", "attack_run", "category", "job"),
        pk=number,
    )


def _filtered(request: HttpRequest, run: ExplanationRun) -> QuerySet[Explanation]:
    rows = run.explanations.select_related("image__category", "category", "predicted", "adversarial")
    if query := searched(request):
        rows = rows.filter(
            Q(image__name__icontains=query)
            | Q(category__name__icontains=query)
            | Q(image__category__name__icontains=query)
        )
    show = request.GET.get("show")
    if show == "failed":
        rows = rows.filter(outcome=Explanation.Outcome.FAILED)
    elif show == "few":
        rows = rows.filter(
            outcome=Explanation.Outcome.DONE, positive__lt=run.parameters.get("superpixels", 0)
        )
    return rows.order_by(*SORTS.get(request.GET.get("sort", ""), SORTS["image"]))


def _is_tiny(run: ExplanationRun) -> bool:
    """Whether the pictures have so few pixels that each is to be seen as a square."""
    crop = run.classifier.preprocessing.get("crop") or {}
    return int(crop.get("side", 224)) < 64


def _rows(rows: QuerySet[Explanation]) -> Iterator[list[object]]:
    for row in rows.iterator(chunk_size=500):
        yield [
            *(row.image.name, row.image.category.name, row.outcome, row.reason),
            *(row.category.name if row.category else "", row.probability),
            *(row.predicted.name if row.predicted else "", row.predicted_probability),
            *(row.superpixels, row.positive, row.intercept, row.fit, row.seed, row.masks_sha256),
            row.path_area,
            " ".join(f"{weight:.9g}" for weight in row.weights),
            " ".join(f"{value:.9g}" for value in row.path),
        ]


_RUN_COLUMNS = (
    *("run", "method", "version", "explained", "category", "classifier", "dataset", "attack", "images"),
    *("done", "failed", "fit_median", "superpixels_median", "fewer_positive_than_shown", "seed"),
)


def _run_row(summary: RunSummary) -> list[object]:
    run = summary.run
    return [
        *(run.pk, run.method, run.version, run.explained, run.category.name if run.category else ""),
        *(run.classifier.name, run.dataset.name, run.attack_run_id, summary.wanted, summary.done),
        *(summary.failed, summary.fit.median if summary.fit else None),
        *(summary.superpixels.median if summary.superpixels else None, summary.few, run.seed),
    ]


def _png(name: str, saved_as: str = "") -> HttpResponse:
    try:
        with default_storage.open(name) as file:
            response = HttpResponse(file.read(), content_type="image/png")
    except (FileNotFoundError, IsADirectoryError) as problem:
        raise Http404("this picture is not stored") from problem
    if saved_as:
        response["Content-Disposition"] = f'inline; filename="{saved_as}"'
    return response
