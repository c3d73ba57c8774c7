"""Pairs of pictures alike but for one thing: the sets there are, and what a classifier says of both sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from studyapp.models import Dataset, ImagePair, PredictionRun
from studyapp.services.catalogue.pair_boards import PairSide, ShownPair, pair_board, pair_sets, runs_for
from studyapp.views.paging import csv_response, page_of, searched, wants_csv
from studyapp.views.researcher import researcher

PAIRS = 24


@require_safe
@researcher
def pairs(request: HttpRequest) -> HttpResponseBase:
    """Every set of pairs."""
    sets = pair_sets(searched(request))
    if wants_csv(request):
        return csv_response(
            "pairs", ["name", "dataset", "pairs"], ([each.name, each.dataset, each.pairs] for each in sets)
        )
    return render(request, "research/pairs.html", {"nav": "pairs", "page": page_of(request, sets)})


@require_safe
@researcher
def pair_set(request: HttpRequest, name: str) -> HttpResponseBase:
    """Both pictures of every pair with both predictions of one classifier (`?classifier=`), and the tests."""
    rows = list(
        ImagePair.objects.filter(name=name)
        .select_related("dataset__class_list", "first__category", "second__category")
        .order_by("position")
    )
    if not rows:
        raise Http404(f"no set of pairs is called {name}")
    dataset = rows[0].dataset
    runs = _newest(runs_for(dataset))
    asked = request.GET.get("classifier", "")
    run = runs.get(asked) or next(iter(runs.values()), None)
    board = pair_board(pairs=rows, dataset=dataset, run=run)
    if wants_csv(request):
        classifier = run.classifier.name if run else ""
        return csv_response(f"{name}-{classifier or 'pairs'}", _HEADER, _lines(classifier, board.pairs))
    page = page_of(request, board.pairs, size=PAIRS)
    context = {
        "nav": "pairs",
        "name": name,
        "dataset": dataset,
        "pixels": dataset.layout != Dataset.Layout.NAMES,
        "runs": runs,
        "run": run,
        "unknown_classifier": asked if asked and asked not in runs else "",
        "board": board,
        "mixed": sum(not each.same_label for each in board.pairs),
        "page": page,
    }
    return render(request, "research/pair_set.html", context)


def _newest(runs: Iterable[PredictionRun]) -> dict[str, PredictionRun]:
    """The newest run of every classifier, by its name."""
    found: dict[str, PredictionRun] = {}
    for run in runs:
        found.setdefault(run.classifier.name, run)
    return found


_SIDE = ("image", "label", "predicted", "probability", "right", "target_probability", "target_at_most")
_HEADER = (
    *("pair", "note", "classifier"),
    *(f"first_{column}" for column in _SIDE),
    *(f"second_{column}" for column in _SIDE),
    "difference",
)


def _lines(classifier: str, shown: Iterable[ShownPair]) -> Iterator[list[object]]:
    for each in shown:
        difference = each.compared.difference if each.compared else None
        yield [
            *(each.position, each.note, classifier),
            *_cells(each.first),
            *_cells(each.second),
            "" if difference is None else difference,
        ]


def _cells(side: PairSide) -> list[object]:
    bound = side.target.at_most if side.predicted and side.target.value is None else ""
    return [
        *(side.image.name, side.image.category.name, side.predicted),
        *("" if side.probability is None else side.probability, int(side.right) if side.predicted else ""),
        *("" if side.target.value is None else side.target.value, bound),
    ]
