"""Datasets with hand-written selections, and studies of them, small and complete."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image as Picture

from studyapp.models import (
    Category,
    Classifier,
    Dataset,
    ExampleSelection,
    FeatureRun,
    Mode,
    QuestionSlots,
    SelectedExample,
    Stimulus,
    Study,
)
from studyapp.protocol.schema import (
    AnswersRule,
    AssignmentArm,
    AssignmentQuestions,
    AttributeQuestions,
    ParticipantRules,
    Protocol,
    RehearsalPlan,
    ReviewPlan,
)
from studyapp.services.participation.slots import ensure_slots
from studyapp.services.studies.life import create_study
from tests.studyapp_tests.factories import make_dataset
from tests.studyapp_tests.studies.small import categories, make_classifier

NAMES = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen")
SIX = AssignmentArm(name="six", method="mmd_critic", prototypes=6)
THREE_AND_THREE = AssignmentArm(name="mixed", method="mmd_critic", prototypes=3, criticisms=3)
CHANCE = AssignmentArm(name="chance", method="random", prototypes=6)


def make_animals(
    *, each: int = 30, names: Sequence[str] = NAMES, split: str = ""
) -> tuple[Dataset, Classifier]:
    """A dataset without files of `each` images a category, and a classifier that is right everywhere."""
    dataset = make_dataset("animals", images=each * len(names), classes=tuple(names))
    if split:
        dataset.images.update(split=split)
    return dataset, make_classifier("toy", dataset, {})


def select(
    dataset: Dataset,
    classifier: Classifier,
    *,
    method: str = "mmd_critic",
    prototypes: int = 6,
    criticisms: int = 0,
    first: int = 0,
    lacking: Sequence[str] = (),
    finished: bool = True,
    feature_run: FeatureRun | None = None,
) -> ExampleSelection:
    """A selection of the images of each category from number `first` on; `lacking` ones have one less."""
    count = ExampleSelection.objects.count()
    selection = ExampleSelection.objects.create(
        dataset=dataset,
        classifier=classifier,
        method=method,
        prototypes=prototypes,
        criticisms=criticisms,
        digest=f"{count:064d}",
        seed=count,
        feature_run=feature_run,
        finished_at=timezone.now() if finished else None,
    )
    rows = []
    for category in categories(dataset):
        images = list(
            dataset.images.filter(category=category).order_by("pk")[first : first + prototypes + criticisms]
        )
        for place, image in enumerate(images):
            if category.name in lacking and place == len(images) - 1:
                continue
            criticism = place >= prototypes
            rows.append(
                SelectedExample(
                    selection=selection,
                    category=category,
                    image=image,
                    role="criticism" if criticism else "prototype",
                    rank=place - prototypes + 1 if criticism else place + 1,
                )
            )
    SelectedExample.objects.bulk_create(rows)
    return selection


def select_for(dataset: Dataset, classifier: Classifier, arms: Sequence[AssignmentArm]) -> None:
    """What every arm shows: the arms share no image."""
    first = 0
    for arm in arms:
        select(
            dataset,
            classifier,
            method=arm.method,
            prototypes=arm.prototypes,
            criticisms=arm.criticisms,
            first=first,
        )
        first += arm.prototypes + arm.criticisms


def store_features(dataset: Dataset, classifier: Classifier, rows: np.ndarray) -> FeatureRun:
    """A finished run whose rows (n, d) are those of the dataset's images in order."""
    images = np.array(dataset.images.order_by("pk").values_list("pk", flat=True), dtype=np.int64)
    buffer = io.BytesIO()
    np.save(buffer, images)
    np.save(buffer, np.asarray(rows, dtype=np.float32))
    return FeatureRun.objects.create(
        dataset=dataset,
        classifier=classifier,
        layer="penultimate",
        file=default_storage.save("features/test.npy", ContentFile(buffer.getvalue())),
        images=len(images),
        dimensions=rows.shape[1],
        finished_at=timezone.now(),
    )


def assignment_protocol(
    *arms: AssignmentArm,
    name: str = "assign",
    questions: AssignmentQuestions | None = None,
    answers: AnswersRule | None = None,
    **participants: Any,
) -> Protocol:
    """A protocol of kind `prototype_assignment` on the animals, without review and rehearsal."""
    return Protocol(
        name=name,
        title=f"Study {name}",
        kind="prototype_assignment",
        dataset="animals",
        classifiers=("toy",),
        questions=questions or AssignmentQuestions(trials=8, near_duplicate=1.0),
        answers=answers or AnswersRule(required=2, agreement=1),
        participants=ParticipantRules(**{"questions_per_sitting": 4} | participants),
        arms=arms or (SIX, THREE_AND_THREE),
        review=ReviewPlan(required=False),
        rehearsal=RehearsalPlan(required=False),
    )


def attribute_protocol(
    *,
    name: str = "audit",
    questions: AttributeQuestions | None = None,
    answers: AnswersRule | None = None,
    **participants: Any,
) -> Protocol:
    """A protocol of kind `attributes` on the animals, without review and rehearsal."""
    return Protocol(
        name=name,
        title=f"Study {name}",
        kind="attributes",
        dataset="animals",
        classifiers=("toy",),
        questions=questions
        or AttributeQuestions(
            attributes=("a person", "an animal_outside", "grass"),
            category="cat",
            prototypes=6,
            criticisms=4,
            group_sample=8,
        ),
        answers=answers or AnswersRule(required=3, agreement=2),
        participants=ParticipantRules(**{"questions_per_sitting": 5} | participants),
        review=ReviewPlan(required=False),
        rehearsal=RehearsalPlan(required=False),
    )


def opened(protocol: Protocol, *, modes: Sequence[str] = (Mode.REAL,), pictures: bool = False) -> Study:
    """The protocol's study, open and with slots; `pictures` draws one for every stimulus."""
    study = create_study(protocol=protocol, text="", owner=None)
    if pictures:
        draw_pictures(study)
    Study.objects.filter(pk=study.pk).update(
        state=Study.State.OPEN, built_at=timezone.now(), opened_at=timezone.now()
    )
    study.refresh_from_db()
    for mode in modes:
        ensure_slots(study=study, mode=mode)
    return study


def assignment_study(
    *, arms: Sequence[AssignmentArm] = (SIX, THREE_AND_THREE), pictures: bool = False, **protocol: Any
) -> Study:
    """An open assignment study of the animals."""
    dataset, classifier = make_animals(each=36)
    select_for(dataset, classifier, arms)
    return opened(assignment_protocol(*arms, **protocol), pictures=pictures)


def attribute_study(*, pictures: bool = False, **protocol: Any) -> Study:
    """An open bias audit of the cats."""
    dataset, classifier = make_animals()
    select(dataset, classifier, prototypes=6, criticisms=4)
    return opened(attribute_protocol(**protocol), pictures=pictures)


def draw_pictures(study: Study) -> None:
    """A 224 x 224 PNG for every stimulus: a shape for its category, a shade for its image."""
    for stimulus in study.stimuli.select_related("image__category"):
        name = default_storage.save(
            f"stimuli/{stimulus.key}.png", ContentFile(_picture(stimulus.image.category, stimulus.image_id))
        )
        Stimulus.objects.filter(pk=stimulus.pk).update(file=name, width=224, height=224)


def free_slots(study: Study) -> int:
    """Answers that the study still takes."""
    rows = QuestionSlots.objects.filter(study=study).values_list("required", "counted")
    return sum(required - counted for required, counted in rows)


def _picture(category: Category, number: int) -> bytes:
    canvas = Picture.new("RGB", (224, 224), (60 + category.index * 22 % 150, 110 + number * 7 % 60, 120))
    side = 30 + category.index * 12
    left = 20 + number * 13 % 60
    canvas.paste((235, 225, 120 + number * 11 % 100), (left, 40, left + side, 40 + 160 - side // 2))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()
