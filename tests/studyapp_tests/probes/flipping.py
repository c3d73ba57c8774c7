"""Shift runs whose top-1 is written in, their drawn flips, and a study of them."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image as Picture

from studyapp.models import Classifier, Dataset, Prediction, PredictionRun, ShiftRun, Study
from studyapp.protocol.reading import read_protocol_text
from studyapp.services.probes.shift_drawing import flip_draw, start_drawing
from studyapp.services.probes.shift_maps import MapSet
from studyapp.services.probes.shift_runs import (
    AskedClassifier,
    ShiftFacts,
    finish_run,
    open_shift_run,
    write_part,
)
from studyapp.services.studies.creation import create_study
from studyapp.tasks.chunks import work_here
from studyapp.views.ready_protocols import ready_text, targeted, with_whole_pictures
from tests.studyapp_tests.factories import make_dataset

SIDE, ROWS, COLUMNS, TARGET = 8, 3, 5, 3
#: Windows of 8 over 12 x 10 pixels, no two of them alike.
WIDE = np.random.default_rng(5).integers(0, 256, (ROWS + SIDE - 1, COLUMNS + SIDE - 1, 3), dtype=np.uint8)
#: Every window is alike the one two columns on.
STRIPES = np.tile(WIDE[:, :2], (1, 6, 1))
#: Right at the centre; flips to 7 four times and to 9 once.
PLAIN = np.array([[7, 7, 3, 3, 3], [3, 3, 3, 3, 3], [9, 3, 3, 7, 7]])
#: Wrong at the centre (5); flips to the class asked about twice and to 7 once.
BLURRED = np.array([[7, 5, 3, 5, 5], [5, 5, 5, 5, 5], [5, 3, 5, 5, 5]])
NEVER = np.full((ROWS, COLUMNS), 3)


def png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def facts(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = WIDE, image: str = "wide") -> ShiftFacts:
    return ShiftFacts(
        way=ShiftRun.Way.CROP,
        title="Windows of wide.png",
        picture=png(pixels),
        patch=b"",
        rows=ROWS,
        columns=COLUMNS,
        stride=1,
        width=SIDE,
        height=SIDE,
        parameters={"image": image, "size": [12, 10]},
    )


def open_run(names: tuple[str, ...] = ("plain",), made: ShiftFacts | None = None) -> ShiftRun:
    existing = Dataset.objects.filter(name="pictures").first()
    dataset = existing or make_dataset(
        "pictures", images=1, classes=tuple(f"class {index}" for index in range(10))
    )
    asked = [
        AskedClassifier(
            Classifier.objects.create(name=name, source="elsewhere", class_list=dataset.class_list)
        )
        for name in names
    ]
    return open_shift_run(facts=made or facts(), target=TARGET, target_name="class 3", asked=asked)


def finished(
    top1: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]], made: ShiftFacts | None = None
) -> ShiftRun:
    """A finished run of classifiers whose top-1 is written in."""
    run = open_run(tuple(top1), made)
    flat = np.full(ROWS * COLUMNS, 0.5, dtype=np.float32)
    for number, said in enumerate(top1.values()):
        write_part(run=run, number=number, part=MapSet({"probability": flat}, said.reshape(-1)))
    finish_run(run=run, parts={number: [number] for number in range(len(top1))})
    run.refresh_from_db()
    return run


def drawn(run: ShiftRun, *classifiers: str, sample: int = 40, seed: int = 0) -> Dataset:
    draw = flip_draw(run=run, classifiers=classifiers, sample=sample, seed=seed)
    job = start_drawing(draw=draw)
    assert job is not None
    work_here(job, progress=False)
    return Dataset.objects.get(name=draw.dataset)


def study_of(dataset: Dataset, *classifiers: str) -> Study:
    text = targeted(
        with_whole_pictures(ready_text("misclassification.toml"), 224),
        dataset=dataset.name,
        classifiers=classifiers,
        name="flips",
    )
    return create_study(protocol=read_protocol_text(text), text=text, owner=None)


def said(run: PredictionRun) -> dict[str, int]:
    rows = Prediction.objects.filter(run=run).order_by("image__name")
    return dict(rows.values_list("image__name", "predicted__index"))
