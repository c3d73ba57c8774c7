"""Prototypes and criticisms in the database: a selection's rows, written once per category, and read."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from studyapp.models import (
    Category,
    Classifier,
    Dataset,
    ExampleSelection,
    FeatureRun,
    SelectedExample,
)
from studyapp.services.examples.plan import ExamplePlan


@dataclass(frozen=True, slots=True)
class ChosenExample:
    """One image that a method chose; `role` and `rank` as in SelectedExample."""

    image_id: int
    role: str
    rank: int
    steps_to_flip: int | None = None
    probability: float | None = None
    witness: float | None = None
    flag: str = ""


@dataclass(frozen=True, slots=True)
class ChosenCategory:
    """What a method chose for one category. `drawn`: its draws and what was computed, as plain JSON."""

    category_id: int
    examples: tuple[ChosenExample, ...]
    shortages: tuple[str, ...]
    drawn: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CategoryExamples:
    """The examples of one category in the order of selection, and what its selection fell short of."""

    category: Category
    prototypes: tuple[SelectedExample, ...]
    criticisms: tuple[SelectedExample, ...]
    shortages: tuple[str, ...] = field(default=())


@transaction.atomic
def open_selection(
    *, dataset: Dataset, classifier: Classifier, plan: ExamplePlan, feature_run: FeatureRun | None = None
) -> ExampleSelection:
    """The selection of this plan; without a seed the newest alike in all else, or one with a new seed.

    Of processes that ask without a seed at once, one draws it and the others are given its selection.
    """
    request = plan.request
    alike = {
        "method": request.method,
        "prototypes": request.prototypes,
        "criticisms": request.criticisms,
        "split": request.split,
        "categories": [each.pk for each in plan.categories] if request.categories else [],
        "parameters": dict(plan.parameters) | ({"module": feature_run.layer} if feature_run else {}),
        # What the method reads, not what is only shown beside it.
        "predictions": plan.prediction_run.pk
        if plan.prediction_run and request.method == ExampleSelection.Method.PROBABILITY
        else None,
    }
    mine = ExampleSelection.objects.filter(
        dataset=dataset, classifier=classifier, weights_sha256=classifier.weights_sha256
    )
    if request.seed is None:
        # Locked while we look: a seed of another process is there when this one looks.
        Classifier.objects.select_for_update().get(pk=classifier.pk)
        for there in mine.filter(method=request.method).order_by("-pk"):
            if there.digest == _digest(alike, there.seed):
                return there
    seed = secrets.randbits(62) if request.seed is None else request.seed
    selection, _ = mine.get_or_create(
        dataset=dataset,
        classifier=classifier,
        weights_sha256=classifier.weights_sha256,
        digest=_digest(alike, seed),
        defaults={
            "method": request.method,
            "prototypes": request.prototypes,
            "criticisms": request.criticisms,
            "parameters": alike["parameters"],
            "split": request.split,
            "categories": alike["categories"],
            "feature_run": feature_run,
            "attack_run": plan.attack_run,
            "prediction_run": plan.prediction_run,
            "seed": seed,
        },
    )
    return selection


@transaction.atomic
def record_category(*, selection: ExampleSelection, chosen: ChosenCategory) -> bool:
    """Write what was chosen for a category with its draws; False where that was written before."""
    locked = ExampleSelection.objects.select_for_update().get(pk=selection.pk)
    key = str(chosen.category_id)
    if key in locked.draws:
        return False
    SelectedExample.objects.bulk_create(
        SelectedExample(
            selection=locked,
            category_id=chosen.category_id,
            image_id=each.image_id,
            role=each.role,
            rank=each.rank,
            steps_to_flip=each.steps_to_flip,
            probability=each.probability,
            witness=each.witness,
            flag=each.flag[:200],
        )
        for each in chosen.examples
    )
    locked.draws[key] = dict(chosen.drawn)
    locked.notes += [[chosen.category_id, sentence] for sentence in chosen.shortages]
    locked.save(update_fields=["draws", "notes"])
    return True


def finish_selection(*, selection: ExampleSelection, versions: Mapping[str, str]) -> None:
    """Mark a selection finished, once, and record what computed it."""
    ExampleSelection.objects.filter(pk=selection.pk, finished_at=None).update(
        finished_at=timezone.now(), versions=dict(versions)
    )


def selections_for(dataset: Dataset, classifier: Classifier) -> QuerySet[ExampleSelection]:
    """The finished selections of a classifier's categories, the newest first."""
    return (
        ExampleSelection.objects.filter(dataset=dataset, classifier=classifier)
        .exclude(finished_at=None)
        .order_by("-created_at", "-pk")
    )


def selected_categories(*, selection: ExampleSelection) -> QuerySet[Category]:
    """The categories that a selection has examples of, in order of index."""
    return Category.objects.filter(
        pk__in=selection.examples.order_by().values("category").distinct()
    ).order_by("index")


def examples_of(
    *, selection: ExampleSelection, categories: Iterable[int] | None = None
) -> dict[int, CategoryExamples]:
    """The examples of a selection by category id, in order of index; of all its categories unless named.

    Images come with their examples. A category that the selection has nothing of is missing.
    """
    rows = selection.examples.select_related("image", "category").order_by("category__index", "rank")
    if categories is not None:
        rows = rows.filter(category__in=list(categories))
    notes: dict[int, list[str]] = {}
    for category_id, sentence in selection.notes:
        notes.setdefault(category_id, []).append(sentence)
    found: dict[int, list[SelectedExample]] = {}
    for row in rows:
        found.setdefault(row.category_id, []).append(row)
    return {
        category_id: CategoryExamples(
            category=examples[0].category,
            prototypes=_of_role(examples, SelectedExample.Role.PROTOTYPE),
            criticisms=_of_role(examples, SelectedExample.Role.CRITICISM),
            shortages=tuple(notes.get(category_id, ())),
        )
        for category_id, examples in found.items()
    }


def _of_role(examples: Sequence[SelectedExample], role: str) -> tuple[SelectedExample, ...]:
    return tuple(each for each in examples if each.role == role)


def _digest(alike: Mapping[str, object], seed: int) -> str:
    content = json.dumps({**alike, "seed": seed}, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()
