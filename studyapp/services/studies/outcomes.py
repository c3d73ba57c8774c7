"""How often classifiers are wrong and what they mistake for what, of many runs at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, QuerySet

from studyapp.analysis.intervals import Rate, wilson_rate
from studyapp.models import Category, Prediction, PredictionRun
from studyapp.services.studies.watching import remembered


@dataclass(frozen=True, slots=True)
class RunErrors:
    """Standard errors of a run over the images it predicted; `top5` where it has lists."""

    images: int
    top1: Rate
    top5: Rate | None


@dataclass(frozen=True, slots=True)
class RankedClass:
    """One class of a prediction: its place from 1 on and its probability, where that is known."""

    place: int
    category: Category
    probability: float | None


def errors_of(runs: Sequence[PredictionRun]) -> Mapping[int, RunErrors]:
    """The errors of every run by its primary key, in one query."""

    def count() -> dict[int, RunErrors]:
        tallies: dict[int, dict[tuple[bool, bool | None], int]] = {run.pk: {} for run in runs}
        rows = (
            Prediction.objects.filter(run__in=runs)
            .order_by()
            .values_list("run", "top1_correct", "top5_correct")
            .annotate(Count("pk"))
        )
        for run, top1, top5, many in rows:
            tallies[run][top1, top5] = many
        return {run: _errors(tally) for run, tally in tallies.items()}

    keys = ",".join(f"{run.pk}:{run.finished_at}" for run in runs)
    return remembered(f"errors:{keys}", count)


def common_mistakes(run: PredictionRun) -> QuerySet[Any, Any]:
    """Rows of `true`, `true_name`, `said`, `said_name`, `many`: the most common mistake first."""
    return (
        run.predictions.filter(top1_correct=False)
        .order_by()
        .values(
            true=F("image__category"),
            true_name=F("image__category__name"),
            said=F("predicted"),
            said_name=F("predicted__name"),
        )
        .annotate(many=Count("pk"))
        .order_by("-many", "true_name", "said_name")
    )


def ranked_classes(predictions: Sequence[Prediction], *, top: int = 5) -> dict[int, list[RankedClass]]:
    """The best classes of each prediction (by primary key), named from its classifier's list."""
    wanted: dict[int, set[int]] = {}
    for prediction in predictions:
        lists = wanted.setdefault(prediction.run.classifier.class_list_id, set())
        lists.update(prediction.ranking[:top])
    names = {
        (category.class_list_id, category.index): category
        for class_list, indices in wanted.items()
        for category in Category.objects.filter(class_list=class_list, index__in=indices)
    }
    return {
        prediction.pk: [
            RankedClass(
                place=place + 1,
                category=names[prediction.run.classifier.class_list_id, index],
                probability=(
                    prediction.probabilities[place] if place < len(prediction.probabilities) else None
                ),
            )
            for place, index in enumerate(prediction.ranking[:top])
        ]
        for prediction in predictions
    }


def _errors(tally: Mapping[tuple[bool, bool | None], int]) -> RunErrors:
    images = sum(tally.values())
    lists = sum(many for (_, top5), many in tally.items() if top5 is not None)
    wrong = sum(many for (top1, _), many in tally.items() if not top1)
    outside = sum(many for (_, top5), many in tally.items() if top5 is False)
    return RunErrors(images, wilson_rate(wrong, images), wilson_rate(outside, lists) if lists else None)
