"""Datasets: the list, the gallery of one, its categories, the files that were left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studyapp.models import Category, Dataset, Image, Prediction, PredictionRun
from studyapp.services.attacks.summaries import attack_lines
from studyapp.services.studies.outcomes import RunErrors, errors_of
from studyapp.views.paging import csv_response, page_of, searched, wants_csv
from studyapp.views.researcher import researcher

SHOTS = 60
ATTACKS = 20
OUTCOMES = (("", "Any outcome"), ("wrong", "Mistakes"), ("right", "Right"))


@dataclass(frozen=True, slots=True)
class DatasetLine:
    """A dataset with its counts."""

    dataset: Dataset
    images: int
    categories: int
    skipped: int


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run with its errors."""

    run: PredictionRun
    errors: RunErrors


@dataclass(frozen=True, slots=True)
class Choice:
    """What the gallery is narrowed to."""

    query: str
    category: Category | None
    split: str
    run: PredictionRun | None
    outcome: str
    predicted: Category | None


def lines_of(datasets: list[Dataset]) -> list[DatasetLine]:
    """Datasets with their counts, in three queries however many there are."""
    images = dict(
        Image.objects.filter(dataset__in=datasets).order_by().values_list("dataset").annotate(Count("pk"))
    )
    used = dict(
        Image.objects.filter(dataset__in=datasets)
        .order_by()
        .values_list("dataset")
        .annotate(Count("category", distinct=True))
    )
    skipped = dict(
        Dataset.objects.filter(pk__in=[each.pk for each in datasets])
        .order_by()
        .values_list("pk")
        .annotate(Count("skipped_files"))
    )
    return [
        DatasetLine(each, images.get(each.pk, 0), used.get(each.pk, 0), skipped.get(each.pk, 0))
        for each in datasets
    ]


@require_safe
@researcher
def datasets(request: HttpRequest) -> HttpResponseBase:
    """Every dataset with its counts."""
    rows = Dataset.objects.select_related("class_list").order_by("name")
    if query := searched(request):
        rows = rows.filter(name__icontains=query)
    if wants_csv(request):
        return csv_response(
            "datasets",
            ["name", "layout", "images", "categories", "skipped_files", "licence"],
            (
                [
                    *(line.dataset.name, line.dataset.layout, line.images, line.categories),
                    *(line.skipped, line.dataset.licence),
                ]
                for line in lines_of(list(rows))
            ),
        )
    page = page_of(request, rows)
    context = {"nav": "datasets", "page": page, "lines": lines_of(list(page.rows))}
    return render(request, "research/datasets.html", context)


@require_safe
@researcher
def dataset(request: HttpRequest, name: str) -> HttpResponseBase:
    """One dataset: what it is, the classifiers that ran on it, its pictures."""
    row = get_object_or_404(Dataset.objects.select_related("class_list"), name=name)
    runs = list(row.prediction_runs.select_related("classifier").order_by("classifier__name", "pk"))
    choice = _choice(request, row, runs)
    images = _chosen(row, choice)
    if wants_csv(request):
        return csv_response(
            f"{row.name}-images",
            ["name", "key", "wnid", "class_index", "class_name", "split", "width", "height", "remark"],
            (
                [
                    *(each.name, each.key, each.category.wnid, each.category.index, each.category.name),
                    *(each.split, each.width, each.height, each.remark),
                ]
                for each in images.iterator(chunk_size=2000)
            ),
        )
    page = page_of(request, images, size=SHOTS)
    errors = errors_of(runs)
    [line] = lines_of([row])
    context = {
        "nav": "datasets",
        "dataset": row,
        "line": line,
        "pixels": row.layout != Dataset.Layout.NAMES,
        "runs": [RunLine(run, errors[run.pk]) for run in runs],
        "attacks": attack_lines(
            runs=list(row.attack_runs.select_related("dataset", "classifier").order_by("-pk")[:ATTACKS])
        ),
        "choice": choice,
        "outcomes": OUTCOMES,
        "splits": row.images.order_by("split").values_list("split", flat=True).distinct(),
        "page": page,
        "shots": [(each, _said(each, choice.run)) for each in page.rows],
    }
    return render(request, "research/dataset.html", context)


@require_safe
@researcher
def categories(request: HttpRequest, name: str) -> HttpResponseBase:
    """The dataset's categories with how many images each has."""
    row = get_object_or_404(Dataset, name=name)
    found = (
        Category.objects.filter(class_list=row.class_list_id)
        .annotate(many=Count("images", filter=Q(images__dataset=row)))
        .filter(many__gt=0)
        .order_by("index")
    )
    if query := searched(request):
        found = found.filter(Q(name__icontains=query) | Q(wnid=query))
    if wants_csv(request):
        return csv_response(
            f"{row.name}-categories",
            ["class_index", "wnid", "name", "images"],
            ([each.index, each.wnid, each.name, each.many] for each in found),
        )
    context = {"nav": "datasets", "dataset": row, "page": page_of(request, found, size=100)}
    return render(request, "research/categories.html", context)


@require_safe
@researcher
def skipped(request: HttpRequest, name: str) -> HttpResponseBase:
    """Files that the import did not take, and why."""
    row = get_object_or_404(Dataset, name=name)
    found = row.skipped_files.order_by("name")
    if query := searched(request):
        found = found.filter(Q(name__icontains=query) | Q(reason__icontains=query))
    if wants_csv(request):
        return csv_response(
            f"{row.name}-skipped",
            ["name", "reason", "seen_at"],
            ([each.name, each.reason, each.seen_at.isoformat()] for each in found.iterator()),
        )
    context = {"nav": "datasets", "dataset": row, "page": page_of(request, found, size=100)}
    return render(request, "research/skipped.html", context)


def _choice(request: HttpRequest, dataset: Dataset, runs: list[PredictionRun]) -> Choice:
    asked = request.GET
    run = next((run for run in runs if str(run.pk) == asked.get("run")), None)
    outcome = asked.get("outcome", "")
    return Choice(
        query=searched(request),
        category=_category(asked.get("category", "")),
        split=asked.get("split", ""),
        run=run,
        outcome=outcome if run and outcome in ("wrong", "right") else "",
        predicted=_category(asked.get("predicted", "")) if run else None,
    )


def _category(asked: str) -> Category | None:
    return Category.objects.filter(pk=int(asked)).first() if asked.isdecimal() and len(asked) < 18 else None


def _chosen(dataset: Dataset, choice: Choice) -> QuerySet[Image]:
    rows = dataset.images.select_related("category").order_by("name")
    if choice.query:
        rows = rows.filter(Q(name__icontains=choice.query) | Q(category__name__icontains=choice.query))
    if choice.category:
        rows = rows.filter(category=choice.category)
    if choice.split:
        rows = rows.filter(split=choice.split)
    if choice.run is None:
        return rows
    said = Prediction.objects.filter(run=choice.run).select_related("predicted")
    narrowed: dict[str, Any] = {"predictions__run": choice.run}
    if choice.outcome:
        narrowed["predictions__top1_correct"] = choice.outcome == "right"
    if choice.predicted:
        narrowed["predictions__predicted"] = choice.predicted
    return rows.filter(**narrowed).prefetch_related(Prefetch("predictions", queryset=said, to_attr="said"))


def _said(image: Image, run: PredictionRun | None) -> Prediction | None:
    """What the chosen run says of the image."""
    found: list[Prediction] = getattr(image, "said", [])
    return found[0] if run and found else None
