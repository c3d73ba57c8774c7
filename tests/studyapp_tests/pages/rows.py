"""Rows for the researcher pages, and how tests read the pages."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.test import Client
from django.urls import reverse

from studyapp.models import (
    Answer,
    Chunk,
    Classifier,
    Dataset,
    Job,
    Mode,
    Participant,
    Prediction,
    PredictionRun,
    QuestionSlots,
    SkippedFile,
    Study,
)
from tests.studyapp_tests.factories import make_study


def add_run(dataset: Dataset, name: str = "toy") -> PredictionRun:
    """A finished run that gets every second image wrong by one class."""
    classifier, _ = Classifier.objects.get_or_create(
        name=name, source=Classifier.Source.ELSEWHERE, class_list=dataset.class_list
    )
    run = PredictionRun.objects.create(
        dataset=dataset, classifier=classifier, finished_at=dataset.created_at, device="cpu"
    )
    classes = list(dataset.class_list.categories.order_by("index"))
    Prediction.objects.bulk_create(
        Prediction(
            run=run,
            image=image,
            predicted=classes[(image.category.index + number % 2) % len(classes)],
            probability=0.75,
            ranking=[(image.category.index + number % 2 + step) % len(classes) for step in range(5)],
            probabilities=[0.75, 0.1, 0.05, 0.05, 0.05],
            top1_correct=number % 2 == 0,
            top5_correct=number % 2 == 0,
        )
        for number, image in enumerate(dataset.images.select_related("category").order_by("pk"))
    )
    return run


def everything() -> dict[str, Any]:
    """A study with answers, a dataset with a run and a skipped file, a failed job; and their addresses."""
    study = make_study(gold=1, pictures=True, state=Study.State.OPEN)
    run = add_run(study.dataset)
    SkippedFile.objects.create(dataset=study.dataset, name="bad.jpg", reason="truncated")
    job = Job.objects.create(
        kind="predict", title="Predict eight", total=8, done=3, state=Job.State.FAILED, error="No memory."
    )
    Chunk.objects.create(job=job, number=0, size=3, state=Chunk.State.DONE)
    give(study, "yes", "no")
    names = {
        "board": [],
        "studies": [],
        "study-new": [],
        "study": [study.name],
        "study-participants": [study.name],
        "study-audit": [study.name],
        "study-links": [study.name],
        "study-stimuli": [study.name],
        "datasets": [],
        "dataset": [study.dataset.name],
        "dataset-categories": [study.dataset.name],
        "dataset-skipped": [study.dataset.name],
        "image": [study.dataset.images.order_by("pk")[0].key],
        "classifiers": [],
        "classifier": [run.classifier.name],
        "jobs": [],
        "job": [job.pk],
    }
    return {
        "study": study,
        "run": run,
        "job": job,
        "pages": {name: reverse(name, args=arguments) for name, arguments in names.items()},
    }


def give(study: Study, *values: str) -> None:
    """One participant for each value, who says it to every question."""
    for number, value in enumerate(values):
        person = Participant.objects.create(pseudonym=f"{study.pk:06}{number:02}" * 8)
        for slots in QuestionSlots.objects.filter(study=study, mode=Mode.REAL):
            slots.taken += 1
            slots.counted += 1
            slots.positive += value == "yes"
            slots.save()
            Answer.objects.create(
                question_id=slots.question_id,
                participant=person,
                value=value,
                answered_at=study.created_at,
                active_seconds=2.0 + number,
            )


def text_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode().replace("\u202f", " ")


def rows_of(client: Client, address: str) -> list[dict[str, str]]:
    response = client.get(address)
    assert response.status_code == 200
    content = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(content)))
