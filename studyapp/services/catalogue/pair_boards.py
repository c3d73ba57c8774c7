"""What a classifier says of both pictures of every pair of a set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from studyapp.analysis.image_pairs import (
    PairPrediction,
    PairsSummary,
    TargetProbability,
    summarise_pairs,
)
from studyapp.models import Category, Classifier, Dataset, Image, ImagePair, Prediction, PredictionRun
from studyapp.services.catalogue.class_mapping import by_unique_name, by_wnid, corresponding

_IDS_AT_ONCE = 500
# Stored probabilities are float32: their sum is known no better.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class PairSet:
    """A set of pairs in the list of all."""

    name: str
    dataset: str
    pairs: int


@dataclass(frozen=True, slots=True)
class PairSide:
    """One picture: `predicted` with its `probability` (None where not stored), and of its target.

    `listed`: the target is among the `stored` classes. `known`: it is among the classifier's classes.
    `predicted` is empty where the run has no prediction of the picture.
    """

    image: Image
    predicted: str
    probability: float | None
    right: bool
    target: TargetProbability
    listed: bool
    known: bool
    stored: int


@dataclass(frozen=True, slots=True)
class ShownPair:
    """A pair with both sides; `compared` is None where one of them has no prediction."""

    position: int
    note: str
    first: PairSide
    second: PairSide
    compared: PairPrediction | None

    @property
    def same_label(self) -> bool:
        """Whether the dataset gives both pictures the same label."""
        return self.first.image.category_id == self.second.image.category_id


@dataclass(frozen=True, slots=True)
class PairBoard:
    """Every pair of a set as one run sees it, and the set's summary."""

    pairs: tuple[ShownPair, ...]
    summary: PairsSummary
    unpredicted: int


def pair_sets(query: str) -> list[PairSet]:
    """Every set whose name or dataset contains the query, with its number of pairs."""
    rows = ImagePair.objects.order_by().values("name", "dataset__name").annotate(pairs=Count("pk"))
    return [
        PairSet(row["name"], row["dataset__name"], row["pairs"])
        for row in rows.order_by("name", "dataset__name")
        if query.lower() in f"{row['name']} {row['dataset__name']}".lower()
    ]


def runs_for(dataset: Dataset) -> QuerySet[PredictionRun]:
    """The finished runs on the dataset, the newest of a classifier first."""
    return (
        PredictionRun.objects.filter(dataset=dataset)
        .exclude(finished_at=None)
        .select_related("classifier__class_list")
        .order_by("classifier__name", "-finished_at", "-pk")
    )


def pair_board(*, pairs: Sequence[ImagePair], dataset: Dataset, run: PredictionRun | None) -> PairBoard:
    """The pairs with both predictions of the run; without a run no side is predicted."""
    images = {image.pk: image for pair in pairs for image in (pair.first, pair.second)}
    predictions = {} if run is None else _predictions(run, sorted(images))
    targets = {} if run is None else _targets(run.classifier, dataset, images.values())
    shown = []
    for pair in pairs:
        first, second = (
            _side(image, predictions.get(image.pk), targets.get(image.category_id))
            for image in (pair.first, pair.second)
        )
        compared = None
        if first.predicted and second.predicted:
            compared = PairPrediction(first.right, second.right, first.target, second.target)
        shown.append(ShownPair(pair.position, pair.note, first, second, compared))
    known = [each.compared for each in shown if each.compared is not None]
    return PairBoard(tuple(shown), summarise_pairs(known), len(shown) - len(known))


def _predictions(run: PredictionRun, images: Sequence[int]) -> dict[int, Prediction]:
    found: dict[int, Prediction] = {}
    for start in range(0, len(images), _IDS_AT_ONCE):
        rows = Prediction.objects.filter(run=run, image__in=images[start : start + _IDS_AT_ONCE])
        found |= {each.image_id: each for each in rows.select_related("predicted")}
    return found


def _targets(classifier: Classifier, dataset: Dataset, images: Iterable[Image]) -> dict[int, int]:
    """The class index in the classifier's list of every label of these images that it knows."""
    labels: dict[int, Category] = {image.category_id: image.category for image in images}
    if classifier.class_list_id == dataset.class_list_id:
        return {pk: each.index for pk, each in labels.items()}
    wnids, names = by_wnid(classifier.class_list), by_unique_name(classifier.class_list)
    found = {pk: corresponding(each, wnids, names) for pk, each in labels.items()}
    return {pk: each.index for pk, each in found.items() if each is not None}


def _side(image: Image, prediction: Prediction | None, target: int | None) -> PairSide:
    if prediction is None:
        return PairSide(image, "", None, False, TargetProbability(None), False, target is not None, 0)
    ranking: list[int] = prediction.ranking
    probabilities: list[float] = prediction.probabilities
    listed = target in ranking
    value: float | None = None
    if target is not None and listed:
        place = ranking.index(target)
        if place < len(probabilities):
            value = probabilities[place]
        elif place == 0:
            value = prediction.probability
    # What is not listed is no more probable than the last that is, nor than what all that are leave.
    at_most = 1.0
    if value is None and not listed and probabilities:
        at_most = min(probabilities[-1], max(1 - sum(probabilities), 0.0) + _ROUNDING)
    return PairSide(
        image=image,
        predicted=prediction.predicted.name,
        probability=prediction.probability,
        right=prediction.top1_correct,
        target=TargetProbability(value, at_most),
        listed=listed,
        known=target is not None,
        stored=len(ranking),
    )
