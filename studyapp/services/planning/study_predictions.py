"""What the classifiers of a study said of its dataset, read for planning questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from studyapp.models import Classifier, Dataset, Image, Prediction, PredictionRun
from studyapp.services.catalogue.label_mapping import LabelMap, label_map
from studyapp.services.refusals import Refused

_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Mistake:
    """A top-1 mistake: `label` is the predicted category, `ranking` the best ones, in the dataset's words."""

    image: int
    true: int
    label: int
    prediction: int
    ranking: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RunPredictions:
    """One classifier's run: its mistakes, and the prediction of every image it gets right."""

    classifier: Classifier
    run: PredictionRun
    labels: LabelMap
    mistakes: tuple[Mistake, ...]
    correct: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class StudyPredictions:
    """Every classifier of a study, and the dataset's label of every image."""

    runs: tuple[RunPredictions, ...]
    true: Mapping[int, int]

    @property
    def images(self) -> int:
        """N, the images that the error rates are shares of."""
        return len(self.true)

    def right_everywhere(self) -> tuple[int, ...]:
        """Images that every classifier gets right, in a fixed order."""
        common = set(self.runs[0].correct)
        for run in self.runs[1:]:
            common &= run.correct.keys()
        return tuple(sorted(common))

    def wrong_labels(self) -> dict[int, frozenset[int]]:
        """For each image, the labels that some classifier mistakes it for."""
        found: dict[int, set[int]] = {}
        for run in self.runs:
            for mistake in run.mistakes:
                found.setdefault(mistake.image, set()).add(mistake.label)
        return {image: frozenset(labels) for image, labels in found.items()}


def read_predictions(*, dataset: Dataset, classifiers: Sequence[Classifier]) -> StudyPredictions:
    """The newest complete run of every classifier on the dataset.

    Raises Refused for a classifier without a run that covers every image.
    """
    true = dict(Image.objects.filter(dataset=dataset).order_by("pk").values_list("pk", "category_id"))
    if not true:
        raise Refused(f"Dataset {dataset.name} has no images; import_dataset {dataset.name} first.")
    return StudyPredictions(
        runs=tuple(_read_run(dataset, classifier, true) for classifier in classifiers), true=true
    )


def rankings(*, runs: Iterable[RunPredictions], images: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """The ranking of each of some images by the first of `runs` that has one of more than one class."""
    found: dict[int, tuple[int, ...]] = {}
    for run in runs:
        wanted = [image for image in images if image not in found]
        for start in range(0, len(wanted), _IDS_AT_ONCE):
            rows = Prediction.objects.filter(run=run.run, image__in=wanted[start : start + _IDS_AT_ONCE])
            for image, ranking in rows.values_list("image_id", "ranking"):
                if len(ranking) > 1:
                    found[image] = run.labels.ranked(ranking)
    return found


def _read_run(dataset: Dataset, classifier: Classifier, true: Mapping[int, int]) -> RunPredictions:
    runs = PredictionRun.objects.filter(dataset=dataset, classifier=classifier)
    run = runs.exclude(finished_at=None).order_by("-finished_at", "-pk").first() or runs.first()
    done = Prediction.objects.filter(run=run).count() if run is not None else 0
    if run is None or done < len(true):
        raise Refused(
            f"Classifier {classifier.name} has predictions for {done:,} of the {len(true):,} images of "
            f"{dataset.name}; run predict {dataset.name} {classifier.name} (or import_predictions) first."
        )
    labels = label_map(classifier=classifier, dataset=dataset)
    wrong = Prediction.objects.filter(run=run, top1_correct=False).order_by("image_id")
    mistakes = tuple(
        Mistake(image, true[image], labels.by_id[predicted], prediction, labels.ranked(ranking))
        for image, predicted, prediction, ranking in wrong.values_list(
            "image_id", "predicted_id", "pk", "ranking"
        ).iterator(chunk_size=5000)
    )
    right = Prediction.objects.filter(run=run, top1_correct=True).order_by("image_id")
    correct = dict(right.values_list("image_id", "pk"))
    return RunPredictions(classifier=classifier, run=run, labels=labels, mistakes=mistakes, correct=correct)
