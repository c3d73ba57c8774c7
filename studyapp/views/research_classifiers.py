"""Classifiers: what each is, how often it is wrong, what it mistakes for what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studyapp.models import Classifier, PredictionRun
from studyapp.services.attacks.summaries import attack_lines
from studyapp.services.studies.outcomes import common_mistakes, errors_of
from studyapp.views.paging import csv_response, page_of, searched, wants_csv
from studyapp.views.research_datasets import ATTACKS, RunLine
from studyapp.views.researcher import researcher


def _runs(classifiers: Sequence[Classifier]) -> dict[int, list[RunLine]]:
    runs = list(
        PredictionRun.objects.filter(classifier__in=classifiers)
        .select_related("dataset", "classifier")
        .order_by("dataset__name", "pk")
    )
    errors = errors_of(runs)
    found: dict[int, list[RunLine]] = {each.pk: [] for each in classifiers}
    for run in runs:
        found[run.classifier_id].append(RunLine(run, errors[run.pk]))
    return found


@require_safe
@researcher
def classifiers(request: HttpRequest) -> HttpResponseBase:
    """Every classifier with its runs."""
    rows = (
        Classifier.objects.select_related("class_list")
        .annotate(classes=Count("class_list__categories"))
        .order_by("name")
    )
    if query := searched(request):
        rows = rows.filter(Q(name__icontains=query) | Q(architecture__icontains=query))
    if wants_csv(request):
        everyone = list(rows)
        runs = _runs(everyone)
        return csv_response(
            "classifiers",
            ["classifier", "architecture", "dataset", "images", "top1_error", "top5_error", "weights_sha256"],
            (
                [
                    *(each.name, each.architecture, line.run.dataset.name, line.errors.images),
                    line.errors.top1.share,
                    line.errors.top5.share if line.errors.top5 else None,
                    each.weights_sha256,
                ]
                for each in everyone
                for line in runs[each.pk]
            ),
        )
    page = page_of(request, rows, size=25)
    runs = _runs(list(page.rows))
    context = {
        "nav": "classifiers",
        "page": page,
        "lines": [(each, runs[each.pk]) for each in page.rows],
    }
    return render(request, "research/classifiers.html", context)


@require_safe
@researcher
def classifier(request: HttpRequest, name: str) -> HttpResponseBase:
    """One classifier: facts, runs, and the most common mistakes of the run that is looked at."""
    row = get_object_or_404(Classifier.objects.select_related("class_list"), name=name)
    lines = _runs([row])[row.pk]
    chosen = next((line for line in lines if str(line.run.pk) == request.GET.get("run")), None)
    chosen = chosen or next(iter(lines), None)
    mistakes = common_mistakes(chosen.run) if chosen else None
    if chosen and mistakes is not None and wants_csv(request):
        return csv_response(
            f"{row.name}-on-{chosen.run.dataset.name}-mistakes",
            ["label", "predicted", "images"],
            ([each["true_name"], each["said_name"], each["many"]] for each in mistakes.iterator()),
        )
    context = {
        "nav": "classifiers",
        "classifier": row,
        "classes": row.class_list.categories.count(),
        "preprocessing": list(_flat(row.preprocessing)),
        "lines": lines,
        "attacks": attack_lines(
            runs=list(row.attack_runs.select_related("dataset", "classifier").order_by("-pk")[:ATTACKS])
        ),
        "chosen": chosen,
        "page": page_of(request, mistakes, size=25) if mistakes is not None else None,
    }
    return render(request, "research/classifier.html", context)


def _flat(values: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    """Preprocessing line by line: what is nested is named by its path."""
    for key, value in values.items():
        name = f"{above}{key}".replace("_", " ")
        if isinstance(value, dict):
            yield from _flat(value, f"{name}: ")
        elif isinstance(value, list):
            yield name, ", ".join(f"{each:g}" if isinstance(each, float) else str(each) for each in value)
        elif value is not None:
            yield name, f"{value:g}" if isinstance(value, float) else str(value)
