"""Writes of prediction runs, and the standard error rates they give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from studyapp.analysis.intervals import Rate, wilson_rate
from studyapp.models import Classifier, Dataset, Image, Prediction, PredictionRun, SkippedFile
from studyapp.services.catalogue.class_mapping import ClassMapping
from studyapp.services.catalogue.listings import LeftOut

TOP = 5
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a classifier says of one image: class indices in its own list, best first, with probabilities."""

    image_id: int
    ranking: tuple[int, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StandardErrors:
    """Standard top-1 and top-5 error of a run over the images it predicted; `top5` where it has lists."""

    images: int
    without_prediction: int
    top1: Rate
    top5: Rate | None


@transaction.atomic
def open_run(*, dataset: Dataset, classifier: Classifier, precision: str) -> PredictionRun:
    """The run of these weights over this dataset at this precision; there is only ever one."""
    run, _ = PredictionRun.objects.get_or_create(
        dataset=dataset,
        classifier=classifier,
        weights_sha256=classifier.weights_sha256,
        precision=precision,
    )
    return run


def describe_run(
    *, run: PredictionRun, device: str, versions: Mapping[str, str], parameters: Mapping[str, object]
) -> None:
    """Record what computes a run; a run that several machines worked at names the last."""
    PredictionRun.objects.filter(pk=run.pk).update(
        device=device[:100], versions=dict(versions), parameters=dict(parameters)
    )


def finish_run(*, run: PredictionRun) -> None:
    """Mark a run finished, once."""
    PredictionRun.objects.filter(pk=run.pk, finished_at=None).update(finished_at=timezone.now())


@transaction.atomic
def write_predictions(
    *,
    run: PredictionRun,
    ranked: Sequence[Ranked],
    labels: Mapping[int, int],
    categories: Mapping[int, int],
    unreadable: Iterable[LeftOut] = (),
) -> None:
    """Write predictions, found again by run and image, so that the same chunk may be written twice.

    `labels`: image -> its label's index in the classifier's list; `categories`: class index -> primary
    key. Files that could not be read are listed with the dataset's skipped files.
    """
    Prediction.objects.bulk_create(
        (
            Prediction(
                run=run,
                image_id=each.image_id,
                predicted_id=categories[each.ranking[0]],
                probability=each.probabilities[0] if each.probabilities else None,
                ranking=list(each.ranking),
                probabilities=list(each.probabilities),
                top1_correct=each.ranking[0] == labels[each.image_id],
                top5_correct=labels[each.image_id] in each.ranking[:TOP] if len(each.ranking) > 1 else None,
            )
            for each in ranked
        ),
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    SkippedFile.objects.bulk_create(
        (
            SkippedFile(dataset_id=run.dataset_id, name=file.name, reason=file.reason[:500])
            for file in unreadable
        ),
        update_conflicts=True,
        unique_fields=["dataset", "name"],
        update_fields=["reason", "seen_at"],
    )


def label_indices(images: Iterable[Image], mapping: ClassMapping) -> dict[int, int]:
    """Image -> index of its label in the classifier's list."""
    return {image.pk: mapping.index_of[image.category_id] for image in images}


def standard_errors(*, run: PredictionRun) -> StandardErrors:
    """Errors against the dataset's labels with Wilson intervals, over the images the run predicted.

    An image without a prediction (unreadable, or not predicted yet) is counted apart and not as wrong.
    """
    predictions = run.predictions.all()
    images = predictions.count()
    lists = predictions.exclude(top5_correct=None).count()
    return StandardErrors(
        images=images,
        without_prediction=run.dataset.images.count() - images,
        top1=wilson_rate(predictions.filter(top1_correct=False).count(), images),
        top5=wilson_rate(predictions.filter(top5_correct=False).count(), lists) if lists else None,
    )
