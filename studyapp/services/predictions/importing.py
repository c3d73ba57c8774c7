"""Predictions that were made elsewhere, from a CSV."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.db import transaction

from studyapp.models import Classifier, Dataset, PredictionRun
from studyapp.services.catalogue.class_lists import ClassTable, Label, UnknownClassError, table_of
from studyapp.services.catalogue.class_mapping import map_classes
from studyapp.services.csv_rows import Column, CsvRow, at_line, read_csv
from studyapp.services.predictions import runs as predictions
from studyapp.services.predictions.runs import Ranked
from studyapp.services.refusals import Refused

# Stands where a run of our own names its precision.
ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class PredictionImport:
    """What an import of predictions came to."""

    run: PredictionRun
    imported: int


def import_predictions(*, dataset: Dataset, classifier: Classifier, path: Path) -> PredictionImport:
    """Write the predictions of a CSV (image, predicted_class[, probability]); other columns are ignored.

    `predicted_class` is an index, a wnid or a name of the classifier's list; images are named as in the
    dataset, or by their file name where only one image bears it. All or nothing: raises Refused with
    the line for whatever is wrong. The same file again changes nothing; another one is refused.
    """
    mapping = map_classes(dataset=dataset, classifier=classifier)
    table = read_csv(
        path,
        [
            Column("image", ("path", "file", "filename", "image_id"), required=True),
            Column("predicted_class", ("prediction", "predicted"), required=True),
            Column("probability", ("confidence",)),
        ],
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    run = PredictionRun.objects.filter(
        dataset=dataset, classifier=classifier, precision=ELSEWHERE, finished_at__isnull=False
    ).first()
    if run is not None and run.parameters.get("sha256") == digest:
        return PredictionImport(run, 0)
    if run is not None:
        raise Refused(
            f"{classifier.name} has predictions for {dataset.name} from {run.parameters.get('file')} "
            "already; register another classifier for another file."
        )
    images = _images_by_name(dataset)
    classes = table_of(classifier.class_list)
    ranked: dict[int, Ranked] = {}
    lines: dict[int, int] = {}
    for row in table.rows:
        image_id = images.get(row.values[0])
        if image_id is None:
            raise Refused(
                at_line(
                    path,
                    row.line,
                    f"{row.values[0]!r} is not the name of one image of {dataset.name}; name it as "
                    "the dataset does, or leave the line out.",
                )
            )
        if image_id in lines:
            raise Refused(
                at_line(path, row.line, f"{row.values[0]} is in line {lines[image_id]} already; remove one.")
            )
        lines[image_id] = row.line
        ranked[image_id] = Ranked(image_id, (_class_index(path, row, classes),), _probability(path, row))
    if not ranked:
        raise Refused(f"{path.name} lists no prediction; give one line for each image.")
    with transaction.atomic():
        run = predictions.open_run(dataset=dataset, classifier=classifier, precision=ELSEWHERE)
        predictions.describe_run(
            run=run, device="elsewhere", versions={}, parameters={"file": path.name, "sha256": digest}
        )
        predictions.write_predictions(
            run=run,
            ranked=list(ranked.values()),
            labels={
                pk: mapping.index_of[category_id]
                for pk, category_id in dataset.images.values_list("pk", "category")
            },
            categories=dict(classifier.class_list.categories.values_list("index", "pk")),
        )
        predictions.finish_run(run=run)
    run.refresh_from_db()
    return PredictionImport(run, len(ranked))


def _images_by_name(dataset: Dataset) -> dict[str, int]:
    """Image names, and file names that only one image bears, to primary keys."""
    names = dict(dataset.images.values_list("name", "pk"))
    files = Counter(PurePosixPath(name).name for name in names)
    short = {
        PurePosixPath(name).name: pk for name, pk in names.items() if files[PurePosixPath(name).name] == 1
    }
    return short | names


def _class_index(path: Path, row: CsvRow, classes: ClassTable) -> int:
    try:
        return classes.find(Label(text=row.values[1])).index
    except UnknownClassError as problem:
        raise Refused(
            at_line(path, row.line, f"{problem}; give an index, a wnid or a name of that list.")
        ) from problem


def _probability(path: Path, row: CsvRow) -> tuple[float, ...]:
    """The probability of the predicted class where the file has one, else nothing."""
    text = row.values[2] if len(row.values) > 2 else ""
    if not text:
        return ()
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise Refused(at_line(path, row.line, f"probability {text!r} is no number from 0 to 1; mend it."))
    return (value,)
