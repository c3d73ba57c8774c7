"""A finished colour probe with written-in responses, so that every number on its pages is known by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from django.utils import timezone
from PIL import Image as Picture

from studyapp.models import Classifier, Dataset, Prediction, PredictionRun, ProbeClassifier, ProbeRun
from studyapp.services.probes import runs as probes
from studyapp.services.probes.colour import colour_responses, colour_summary
from studyapp.services.probes.flips import CHANGED, count_changed
from studyapp.services.probes.runs import COLUMNS, ProbeColumns
from tests.studyapp_tests.factories import make_dataset

GRID = [["hue", 30.0], ["hue", 180.0], ["hue", 330.0], ["saturation", 0.0]]
# What each classifier says of image i of the class i % 10: first of the original, then under each setting.
# Image 0 turns from right to wrong at 30, 1 from wrong to right at 180, 2 from wrong to wrong at 330 and 0.
RESPONSES = {
    "alpha": {0: [0, 7, 0, 0, 0], 1: [2, 2, 1, 2, 2], 2: [5, 5, 5, 6, 7]},
    "beta": {0: [0, 7, 7, 0, 0]},
}
CLASSES = 10
CROP = {
    "side": 16,
    "resize": 16,
    "rule": "resize_then_crop",
    "margin": 0,
    "interpolation": "bilinear",
    "enlarge": None,
}


def make_colours(folder: Path, *, images: int = 8) -> Dataset:
    """A dataset with real files, 20 x 16 pixels, each of a colour of its own."""
    dataset = make_dataset("colours", images=images)
    Dataset.objects.filter(pk=dataset.pk).update(layout=Dataset.Layout.CSV, root=str(folder))
    for number, image in enumerate(dataset.images.order_by("pk")):
        path = folder / image.name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((16, 20, 3), (250 - 20 * number, 10 + 25 * number % 240, 90), dtype=np.uint8)
        Picture.fromarray(pixels).save(path)
    dataset.refresh_from_db()
    return dataset


def make_predicting(name: str, dataset: Dataset) -> Classifier:
    """A classifier that predicted the dataset as the probe's originals say, ranks all ten classes."""
    classifier = Classifier.objects.create(
        name=name,
        source=Classifier.Source.EXPORTED,
        class_list=dataset.class_list,
        weights_sha256=name.ljust(64, "0"),
        preprocessing={
            "crop": CROP,
            "channel_order": "rgb",
            "scale": 1 / 255,
            "mean": [0.0, 0.0, 0.0],
            "std": [1.0, 1.0, 1.0],
        },
    )
    run = PredictionRun.objects.create(dataset=dataset, classifier=classifier, finished_at=timezone.now())
    classes = list(dataset.class_list.categories.order_by("index"))
    rows = []
    for number, image in enumerate(dataset.images.select_related("category").order_by("pk")):
        said = RESPONSES[name].get(number, [image.category.index])[0]
        ranking = [said, *(index for index in range(CLASSES) if index != said)]
        rows.append(
            Prediction(
                run=run,
                image=image,
                predicted=classes[said],
                ranking=ranking,
                top1_correct=said == image.category.index,
                top5_correct=image.category.index in ranking[:5],
            )
        )
    Prediction.objects.bulk_create(rows)
    return classifier


def make_probe(dataset: Dataset, *, names: tuple[str, ...] = ("alpha", "beta")) -> ProbeRun:
    """A run of these classifiers that nobody has worked at."""
    run = ProbeRun.objects.create(
        kind=ProbeRun.Kind.COLOUR, dataset=dataset, parameters={"grid": GRID}, digest="0" * 64
    )
    for position, name in enumerate(names):
        classifier = make_predicting(name, dataset)
        ProbeClassifier.objects.create(
            run=run, classifier=classifier, position=position, weights_sha256=classifier.weights_sha256
        )
    return run


def finish(run: ProbeRun) -> ProbeRun:
    """Write the responses; the original's class stands at rank 3 wherever the prediction changed."""
    images = list(run.dataset.images.select_related("category").order_by("pk"))
    answered = []
    for each in run.probe_classifiers.select_related("classifier").order_by("position"):
        top1 = np.array(
            [
                RESPONSES[each.classifier.name].get(number, [image.category.index] * (len(GRID) + 1))
                for number, image in enumerate(images)
            ]
        )
        values = {column: np.ones(top1.shape) for column in COLUMNS}
        answered.append(values | {"top1": top1, "original_rank": np.where(top1 == top1[:, :1], 1, 3)})
    columns = ProbeColumns(np.array([image.pk for image in images]), tuple(answered))
    probes.write_part(run=run, number=0, columns=columns, unreadable=0)
    probes.join_parts(run=run, parts=1)
    with probes.open_columns(run) as kept:
        summaries = [
            {**colour_summary(each), CHANGED: counts}
            for each, counts in zip(colour_responses(run, kept), count_changed(run, kept), strict=True)
        ]
    probes.finish_probe(run=run, summaries=summaries)
    run.refresh_from_db()
    return run


def finished_probe(folder: Path, *, images: int = 8) -> ProbeRun:
    """Both classifiers over the colours of `folder`."""
    return finish(make_probe(make_colours(folder, images=images)))
