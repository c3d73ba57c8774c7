"""Examples: which classifiers have prototypes and criticisms, and the boards that compare the methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studyapp.models import Category, Classifier, Dataset, ExampleSelection
from studyapp.services.examples.boards import (
    board_lines,
    categories_with_examples,
    category_boards,
    pairs_with_selections,
    selection_counts,
    title_of,
)
from studyapp.services.examples.selections import selections_for
from studyapp.views.paging import csv_response, page_of, searched, wants_csv
from studyapp.views.researcher import researcher

CATEGORIES = 8
# Shown at first: the newest of each method and number.
ROWS = 8
CSV_CATEGORIES = 50


@require_safe
@researcher
def examples(request: HttpRequest) -> HttpResponseBase:
    """Every dataset and classifier that has examples."""
    pairs = pairs_with_selections(searched(request))
    if wants_csv(request):
        return csv_response(
            "examples",
            ["dataset", "classifier", "selections", "under_way", "methods"],
            (
                [
                    line.dataset.name,
                    line.classifier.name,
                    line.selections,
                    line.under_way,
                    "; ".join(line.methods),
                ]
                for line in board_lines(list(pairs))
            ),
        )
    page = page_of(request, pairs)
    context = {"nav": "examples", "page": page, "lines": board_lines(page.rows)}
    return render(request, "research/examples.html", context)


@require_safe
@researcher
def board(request: HttpRequest, dataset: str, classifier: str) -> HttpResponseBase:
    """The examples of a classifier's categories, a row for every selection that is compared."""
    of_dataset = get_object_or_404(Dataset, name=dataset)
    of_classifier = get_object_or_404(Classifier, name=classifier)
    every = list(
        selections_for(of_dataset, of_classifier).select_related("attack_run", "dataset", "classifier")
    )
    compared = _compared(request, every)
    short_only = request.GET.get("short") == "1"
    categories = categories_with_examples(selections=compared, query=searched(request), short_only=short_only)
    if wants_csv(request):
        return csv_response(f"{dataset}-{classifier}-examples", _HEADER, _lines(compared, list(categories)))
    page = page_of(request, categories, size=CATEGORIES)
    counts = selection_counts(every)
    context = {
        "nav": "examples",
        "dataset": of_dataset,
        "classifier": of_classifier,
        "pixels": of_dataset.layout != Dataset.Layout.NAMES,
        "selections": [
            (each, title_of(each), each in compared, *counts.get(each.pk, (0, 0))) for each in every
        ],
        "under_way": ExampleSelection.objects.filter(
            dataset=of_dataset, classifier=of_classifier, finished_at=None
        ).select_related("job", "feature_run__job"),
        "short_only": short_only,
        "page": page,
        "boards": category_boards(selections=compared, categories=page.rows),
    }
    return render(request, "research/example_board.html", context)


_HEADER = (
    *("selection", "method", "split", "wnid", "class_index", "class_name", "role", "rank", "image", "key"),
    *("steps_to_flip", "most_steps", "probability", "witness", "flag"),
)


def _lines(selections: Sequence[ExampleSelection], categories: Sequence[Category]) -> Iterator[list[object]]:
    for start in range(0, len(categories), CSV_CATEGORIES):
        part = categories[start : start + CSV_CATEGORIES]
        for shown in category_boards(selections=selections, categories=part):
            for row in shown.rows:
                for each in (*row.prototypes, *row.criticisms):
                    yield [
                        *(row.selection.pk, row.selection.method, row.selection.split, shown.category.wnid),
                        *(shown.category.index, shown.category.name, each.role, each.rank),
                        *(each.image.name, each.image.key, each.steps_to_flip, each.most_steps),
                        *(each.probability, each.witness, each.flag),
                    ]


def _compared(request: HttpRequest, every: Sequence[ExampleSelection]) -> list[ExampleSelection]:
    """The selections that the address names (`?of=`), else the newest of each kind; in order of method."""
    asked = set(request.GET.getlist("of"))
    chosen = [each for each in every if str(each.pk) in asked]
    if not chosen:
        newest: dict[str, ExampleSelection] = {}
        for each in every:
            newest.setdefault(title_of(each), each)
        chosen = list(newest.values())[:ROWS]
    order = list(ExampleSelection.Method.values)
    return sorted(chosen, key=lambda each: (order.index(each.method), each.criticisms, each.split, each.pk))
