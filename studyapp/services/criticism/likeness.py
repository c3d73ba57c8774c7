"""How alike images and categories are: by features, and by the picture an image was made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import FloatArray
from studyapp.models import Classifier, Dataset, FeatureRun, Image
from studyapp.services.predictions.features import StoredFeatures, stored_features
from studyapp.services.refusals import Refused

_EQUAL_FILES_ONLY = 1.0


@dataclass(frozen=True, slots=True)
class Likeness:
    """Whether images are near-duplicates: made of the same picture, or alike from the cosine `near` on.

    `features` are None where only equal pictures count.
    """

    near: float
    features: StoredFeatures | None
    source: Mapping[int, int]

    def near_duplicate(self, image: int, others: Sequence[int]) -> bool:
        """Whether `image` is a near-duplicate of one of `others`; without features it counts as one."""
        if any(self.source.get(image, image) == self.source.get(other, other) for other in others):
            return True
        if self.features is None or not others:
            return False
        own, [*row] = self.features.of([image])
        _, rows = self.features.of(others)
        return not own or bool((_unit(rows) @ _unit(np.stack(row))[0] >= self.near).any())


def likeness(*, near: float, run: FeatureRun | None, dataset: Dataset) -> Likeness:
    """The likeness of a dataset's images; `near` = 1 needs no features."""
    rows = Image.objects.filter(dataset=dataset).exclude(source=None).order_by()
    source = dict(rows.values_list("pk", "source_id"))
    features = stored_features(run=run) if run is not None and near < _EQUAL_FILES_ONLY else None
    return Likeness(near, features, source)


def needs_features(near: float) -> bool:
    """Whether telling near-duplicates from this cosine on takes features."""
    return near < _EQUAL_FILES_ONLY


def feature_run_for(
    *, dataset: Dataset, classifier: Classifier, runs: Sequence[FeatureRun], command: str, what: str
) -> FeatureRun:
    """The features that a selection was made from, else the newest of the classifier; raises Refused."""
    for run in runs:
        if run.file:
            return run
    newest = FeatureRun.objects.filter(
        dataset=dataset, classifier=classifier, weights_sha256=classifier.weights_sha256
    ).exclude(file="")
    found = newest.order_by("-finished_at", "-pk").first()
    if found is None:
        raise Refused(
            f"{what} needs features of {dataset.name} by {classifier.name}, and there are none; compute them "
            f"with a selection by features: {command}"
        )
    return found


def nearest_categories(
    *, features: StoredFeatures, images: Mapping[int, Sequence[int]]
) -> dict[int, tuple[int, ...]]:
    """For each category the others, nearest first, by the Euclidean distance of their mean features."""
    categories = sorted(images)
    means: list[FloatArray] = []
    for category in categories:
        found, rows = features.of(images[category])
        if not found:
            raise Refused(
                f"Category {category} has no image with features, so nothing is known to be similar to it; "
                "select examples for it, or draw distractors at random."
            )
        means.append(np.asarray(rows, dtype=np.float64).mean(axis=0))
    stacked = np.stack(means)
    nearest: dict[int, tuple[int, ...]] = {}
    for place, category in enumerate(categories):
        distance = np.linalg.norm(stacked - stacked[place], axis=1)
        order = [int(each) for each in np.argsort(distance, kind="stable") if each != place]
        nearest[category] = tuple(categories[each] for each in order)
    return nearest


def _unit(rows: np.ndarray) -> FloatArray:
    """Rows (n, d) of length 1; a row of zeros stays zero."""
    exact = np.asarray(rows, dtype=np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    return np.asarray(exact / np.where(lengths > 0, lengths, 1.0), dtype=np.float64)
