"""A catalogue with written-in predictions, so that every question of a study is known by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from django.utils import timezone
from PIL import Image as Picture

from studyapp.models import (
    Category,
    Classifier,
    ClassList,
    Dataset,
    Image,
    Prediction,
    PredictionRun,
    Study,
)
from studyapp.protocol.schema import Protocol
from studyapp.services.jobs import FOREGROUND
from studyapp.services.studies.life import create_study, start_build
from studyapp.tasks.chunks import work_here
from tests.studyapp_tests.factories import make_dataset


def categories(dataset: Dataset) -> list[Category]:
    return list(dataset.class_list.categories.order_by("index"))


def images(dataset: Dataset) -> list[Image]:
    return list(dataset.images.order_by("pk"))


def ranking_from(first: int, classes: int = 10) -> list[int]:
    """Class indices beginning with `first`, then the others in order."""
    return [first, *(index for index in range(classes) if index != first)]


def make_classifier(
    name: str,
    dataset: Dataset,
    wrong: Mapping[int, int],
    *,
    ranked: int = 10,
    class_list: ClassList | None = None,
) -> Classifier:
    """A classifier that is right except that it says class `wrong[number]` of image number `number`."""
    classifier = Classifier.objects.create(
        name=name, source=Classifier.Source.ELSEWHERE, class_list=class_list or dataset.class_list
    )
    own = list(classifier.class_list.categories.order_by("index"))
    run = PredictionRun.objects.create(dataset=dataset, classifier=classifier, finished_at=timezone.now())
    rows = []
    for number, image in enumerate(images(dataset)):
        true = image.category.index
        said = wrong.get(number, true)
        ranking = ranking_from(said, len(own))
        rows.append(
            Prediction(
                run=run,
                image=image,
                predicted=own[said],
                ranking=ranking[:ranked],
                top1_correct=number not in wrong,
                top5_correct=true in ranking[:5],
            )
        )
    Prediction.objects.bulk_create(rows)
    return classifier


def make_pixels(folder: Path, *, classes: Sequence[str] = ("zero", "one", "two"), each: int = 8) -> Dataset:
    """A dataset with real files: picture i is an 8 x 8 PNG of grey 10 * i + 5."""
    dataset = make_dataset("pixels", images=each * len(classes), classes=tuple(classes), enlarge="nearest")
    Dataset.objects.filter(pk=dataset.pk).update(layout=Dataset.Layout.CSV, root=str(folder))
    for number, image in enumerate(images(dataset)):
        path = folder / image.name
        path.parent.mkdir(parents=True, exist_ok=True)
        Picture.new("L", (8, 8), 10 * number + 5).save(path)
    dataset.refresh_from_db()
    return dataset


def built(protocol: Protocol, folder: Path | None = None) -> Study:
    """The study of a protocol, with its pictures."""
    study = create_study(protocol=protocol, text="", owner=None, folder=folder)
    work_here(start_build(study=study, queue=FOREGROUND), progress=False)
    study.refresh_from_db()
    return study
