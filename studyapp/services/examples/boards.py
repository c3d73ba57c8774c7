"""Examples as boards show them: per category one row per selection, with what is known of every image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Max, Q, QuerySet

from studyapp.models import (
    AdversarialImage,
    AttackRun,
    Category,
    Classifier,
    Dataset,
    ExampleSelection,
    Image,
    Prediction,
    PredictionRun,
    SelectedExample,
)
from studyapp.services.catalogue.class_mapping import map_classes
from studyapp.services.examples.plan import images_word
from studyapp.services.examples.selections import examples_of


@dataclass(frozen=True, slots=True)
class BoardLine:
    """A dataset and a classifier with the selections there are; `methods`: names with their numbers."""

    dataset: Dataset
    classifier: Classifier
    selections: int
    under_way: int
    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BoardExample:
    """One example; what is not known is None. `most_steps`: of the attack that `steps_to_flip` comes from."""

    image: Image
    role: str
    rank: int
    steps_to_flip: int | None
    most_steps: int | None
    probability: float | None
    witness: float | None
    flag: str

    @property
    def steps_said(self) -> str:
        """The steps to flip in words."""
        if self.steps_to_flip is None:
            return ""
        if self.steps_to_flip == 0:
            return "wrong before the attack"
        if self.most_steps is not None and self.steps_to_flip > self.most_steps:
            return f"survives all {self.most_steps} steps"
        return f"flips at step {self.steps_to_flip}"


@dataclass(frozen=True, slots=True)
class BoardRow:
    """What one selection chose for a category."""

    selection: ExampleSelection
    title: str
    prototypes: tuple[BoardExample, ...]
    criticisms: tuple[BoardExample, ...]
    shortages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CategoryBoard:
    """One category with a row for every selection that has examples of it."""

    category: Category
    rows: tuple[BoardRow, ...]


def board_lines(pairs: Sequence[tuple[int, int]]) -> list[BoardLine]:
    """The lines of (dataset id, classifier id) pairs, in their order."""
    datasets = Dataset.objects.in_bulk([dataset for dataset, _ in pairs])
    classifiers = Classifier.objects.in_bulk([classifier for _, classifier in pairs])
    found: dict[tuple[int, int], list[ExampleSelection]] = {pair: [] for pair in pairs}
    for each in ExampleSelection.objects.filter(dataset__in=datasets, classifier__in=classifiers).order_by(
        "pk"
    ):
        if (each.dataset_id, each.classifier_id) in found:
            found[each.dataset_id, each.classifier_id].append(each)
    return [
        BoardLine(
            dataset=datasets[dataset],
            classifier=classifiers[classifier],
            selections=sum(each.finished_at is not None for each in selections),
            under_way=sum(each.finished_at is None for each in selections),
            methods=tuple(dict.fromkeys(title_of(each) for each in selections)),
        )
        for (dataset, classifier), selections in found.items()
    ]


def pairs_with_selections(query: str = "") -> QuerySet[ExampleSelection, tuple[int, int]]:
    """(dataset id, classifier id) of every pair that has a selection, the newest first."""
    named = ExampleSelection.objects.filter(
        Q(dataset__name__icontains=query) | Q(classifier__name__icontains=query)
    )
    return (
        named.order_by()
        .values("dataset", "classifier")
        .annotate(newest=Max("pk"))
        .order_by("-newest")
        .values_list("dataset", "classifier")
    )


def title_of(selection: ExampleSelection) -> str:
    """A selection in a few words: method, numbers, split, and what differs from the method's default."""
    method = selection.get_method_display()
    words = [f"{method[:1].upper()}{method[1:]}, {selection.prototypes} + {selection.criticisms}"]
    said = selection.parameters
    if selection.split:
        words.append(images_word(selection.split))
    if said.get("layer", "penultimate") != "penultimate":
        words.append(f"layer {said['layer']}")
    if said.get("lambda_role") == "gamma":
        words.append("lambda as gamma")
    if said.get("gamma") is not None:
        words.append(f"gamma {said['gamma']:g}")
    if said.get("ties") == "margin":
        words.append("ties by margin")
    return ", ".join(words)


def categories_with_examples(
    *, selections: Sequence[ExampleSelection], query: str = "", short_only: bool = False
) -> QuerySet[Category]:
    """The categories that any of the selections shows, in order of index, found by name, wnid or index."""
    categories = Category.objects.filter(
        pk__in=SelectedExample.objects.filter(selection__in=selections).order_by().values("category")
    )
    if query:
        named = Q(name__icontains=query) | Q(wnid__iexact=query)
        categories = categories.filter(named | Q(index=int(query)) if query.isdecimal() else named)
    if short_only:
        categories = categories.filter(
            pk__in=[category for selection in selections for category, _ in selection.notes]
        )
    return categories.order_by("index")


def category_boards(
    *, selections: Sequence[ExampleSelection], categories: Sequence[Category]
) -> list[CategoryBoard]:
    """The boards of some categories: in a few queries however many examples there are.

    Steps to flip and probabilities are those stored with the selection; where it was made before there was
    an attack or a prediction, the newest ones.
    """
    chosen = {
        selection.pk: examples_of(selection=selection, categories=[each.pk for each in categories])
        for selection in selections
    }
    rows = [
        example
        for by_category in chosen.values()
        for found in by_category.values()
        for example in (*found.prototypes, *found.criticisms)
    ]
    known = _Newest.of(selections[0], rows) if selections else _Newest({}, None, {})

    def shown(selection: ExampleSelection, examples: Sequence[SelectedExample]) -> tuple[BoardExample, ...]:
        return tuple(_example(selection, each, known) for each in examples)

    return [
        CategoryBoard(
            category,
            tuple(
                BoardRow(
                    selection=selection,
                    title=title_of(selection),
                    prototypes=shown(selection, found.prototypes),
                    criticisms=shown(selection, found.criticisms),
                    shortages=found.shortages,
                )
                for selection in selections
                if (found := chosen[selection.pk].get(category.pk)) is not None
            ),
        )
        for category in categories
    ]


def selection_counts(selections: Sequence[ExampleSelection]) -> dict[int, tuple[int, int]]:
    """Selection id -> (categories, flagged examples)."""
    return {
        pk: (categories, flagged)
        for pk, categories, flagged in SelectedExample.objects.filter(selection__in=selections)
        .order_by()
        .values("selection")
        .annotate(categories=Count("category", distinct=True), flagged=Count("pk", filter=~Q(flag="")))
        .values_list("selection", "categories", "flagged")
    }


@dataclass(frozen=True, slots=True)
class _Newest:
    """What the newest runs say of images: steps to flip of `most_steps`, probability of their category."""

    steps: Mapping[int, int]
    most_steps: int | None
    probability: Mapping[int, float]

    @classmethod
    def of(cls, selection: ExampleSelection, rows: Sequence[SelectedExample]) -> _Newest:
        without_steps = {row.image_id for row in rows if row.steps_to_flip is None}
        without_probability = {row.image_id: row.category_id for row in rows if row.probability is None}
        mine = {
            "dataset": selection.dataset_id,
            "classifier": selection.classifier_id,
            "weights_sha256": selection.weights_sha256,
        }
        attack = AttackRun.objects.filter(**mine).exclude(finished_at=None).order_by("-pk").first()
        steps: dict[int, int] = {}
        if attack is not None and without_steps:
            found = AdversarialImage.objects.filter(run=attack, image__in=without_steps)
            steps = {
                image: count
                for image, count in found.values_list("image", "steps_to_flip")
                if count is not None
            }
        predicted = PredictionRun.objects.filter(**mine).exclude(finished_at=None).order_by("-pk").first()
        probability: dict[int, float] = {}
        if predicted is not None and without_probability:
            index_of = map_classes(dataset=selection.dataset, classifier=selection.classifier).index_of
            for row in Prediction.objects.filter(run=predicted, image__in=without_probability):
                by_class = dict(zip(row.ranking, row.probabilities, strict=False))
                own = by_class.get(index_of[without_probability[row.image_id]])
                if own is not None:
                    probability[row.image_id] = own
        return cls(steps, int(attack.parameters["steps"]) if attack else None, probability)


def _example(selection: ExampleSelection, row: SelectedExample, known: _Newest) -> BoardExample:
    steps, most = row.steps_to_flip, known.most_steps
    if steps is None:
        steps = known.steps.get(row.image_id)
    elif selection.attack_run is not None:
        most = int(selection.attack_run.parameters["steps"])
    return BoardExample(
        image=row.image,
        role=row.role,
        rank=row.rank,
        steps_to_flip=steps,
        most_steps=most,
        probability=known.probability.get(row.image_id) if row.probability is None else row.probability,
        witness=row.witness,
        flag=row.flag,
    )
