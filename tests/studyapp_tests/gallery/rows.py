"""Attacked and explained images: real little pictures, figures that can be told apart."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image as Picture

from studyapp.models import (
    AdversarialImage,
    Arm,
    AttackRun,
    Category,
    Dataset,
    Explanation,
    ExplanationRun,
    Mode,
    Question,
    QuestionSlots,
    QuestionUse,
    Stimulus,
    Study,
    StudyClassifier,
)
from studyapp.protocol.adversarial import AdversarialArm, AdversarialQuestions
from studyapp.protocol.canonical import canonical_json, canonical_sha256
from studyapp.protocol.schema import Protocol, RehearsalPlan, ReviewPlan
from studyapp.services.attacks.stored_pictures import clean_name
from studyapp.services.participation.slots import ensure_slots
from tests.studyapp_tests.factories import make_dataset
from tests.studyapp_tests.pages.rows import add_run

STEPS = 10
SIDE = 24


@dataclass(frozen=True)
class Attacked:
    """An attack with explanations of both versions."""

    dataset: Dataset
    run: AttackRun
    explained: ExplanationRun
    clean: ExplanationRun

    @property
    def images(self) -> list[AdversarialImage]:
        return list(self.run.adversarial_images.order_by("pk"))


def make_attack(
    name: str = "digits",
    *,
    images: int = 6,
    classifier: str = "toy",
    pictures: bool = False,
    side: int = SIDE,
) -> Attacked:
    """Image i: steps 1 + i % 11, fit i / images, i % 5 positive superpixels, probability 1 - i / images."""
    dataset = Dataset.objects.filter(name=name).first() or make_dataset(name, images=images)
    predictions = add_run(dataset, classifier)
    run = AttackRun.objects.create(
        dataset=dataset,
        classifier=predictions.classifier,
        prediction_run=predictions,
        parameters={"steps": STEPS, "step": 0.001},
        digest="d" * 64,
        images=images,
        finished_at=timezone.now(),
    )
    classes = list(dataset.class_list.categories.order_by("index"))
    rows = []
    for number, image in enumerate(dataset.images.select_related("category").order_by("pk")[:images]):
        after = classes[(image.category.index + 1) % len(classes)]
        rows.append(
            AdversarialImage(
                run=run,
                image=image,
                outcome=AdversarialImage.Outcome.ATTACKED,
                true=image.category,
                steps_taken=min(1 + number % 11, STEPS),
                steps_to_flip=1 + number % 11,
                steps_to_displayed_flip=min(2 + number % 11, STEPS + 1),
                clean_predicted=image.category,
                clean_probability=0.9,
                float_predicted=after,
                float_probability=0.6,
                displayed_predicted=after,
                displayed_probability=1 - number / images,
                displayed_true_probability=0.1,
                displayed_linf=3.0,
                file="pending",
                side=side,
            )
        )
    for number, row in enumerate(rows):
        row.file = (
            _stored(f"adversarial/{row.key[:2]}/{row.key}.png", number, 3, side) if pictures else "none"
        )
        if pictures:
            _stored(clean_name(row.key), number, 0, side)
    AdversarialImage.objects.bulk_create(rows)
    rows = list(run.adversarial_images.order_by("pk"))
    explained = add_explanations(run, rows, version="adversarial", pictures=pictures, side=side)
    clean = add_explanations(run, rows, version="clean", pictures=pictures, side=side)
    return Attacked(dataset, run, explained, clean)


def add_explanations(
    attack: AttackRun,
    rows: list[AdversarialImage],
    *,
    version: str,
    method: str = "lime",
    pictures: bool = False,
    side: int = SIDE,
) -> ExplanationRun:
    run = ExplanationRun.objects.create(
        dataset=attack.dataset,
        classifier=attack.classifier,
        attack_run=attack if version == "adversarial" else None,
        version=version,
        method=method,
        digest=f"{attack.pk}-{version}-{method}".ljust(64, "e"),
        seed=1,
    )
    found = []
    for number, row in enumerate(rows):
        each = Explanation(
            run=run,
            image=row.image,
            adversarial=row if version == "adversarial" else None,
            category=row.displayed_predicted if version == "adversarial" else row.true,
            probability=0.8,
            predicted=row.displayed_predicted if version == "adversarial" else row.true,
            predicted_probability=0.8,
            superpixels=9,
            positive=number % 5,
            weights=[0.1] * 9,
            fit=number / len(rows),
            path=[0.1, 0.4, 0.8],
            path_area=0.43,
        )
        if pictures:
            each.explained_file = row.file if version == "adversarial" else clean_name(row.key)
            each.picture_file = _stored(f"explanations/{each.key[:2]}/{each.key}.png", number, 40, side)
            each.heat_file = _stored(
                f"explanations/{each.key[:2]}/{each.key}-heat.png", number, 80, side, heat=True
            )
        found.append(each)
    Explanation.objects.bulk_create(found)
    return run


def adversarial_protocol(name: str = "turned", dataset: str = "digits", **more: Any) -> Protocol:
    return Protocol(
        name=name,
        title=f"Study {name}",
        kind="adversarial",
        dataset=dataset,
        classifiers=("toy",),
        questions=AdversarialQuestions(),
        arms=(AdversarialArm(name="whole"), AdversarialArm(name="explanation", shows="explanation")),
        review=ReviewPlan(required=False),
        rehearsal=RehearsalPlan(required=False),
        **more,
    )


def make_gallery_study(
    attacked: Attacked, *, name: str = "turned", state: str = Study.State.OPEN, pictures: bool = False
) -> Study:
    """A study of two arms over every image of the attack: the whole picture and its explanation."""
    protocol = adversarial_protocol(name, attacked.dataset.name)
    canonical = canonical_json(protocol)
    study = Study.objects.create(
        name=name,
        title=protocol.title,
        kind=protocol.kind,
        dataset=attacked.dataset,
        protocol_text="",
        protocol=json.loads(canonical),
        protocol_sha256=canonical_sha256(canonical),
        state=state,
        built_at=timezone.now(),
        opened_at=timezone.now() if state == Study.State.OPEN else None,
    )
    classifier = StudyClassifier.objects.create(
        study=study,
        classifier=attacked.run.classifier,
        run=attacked.run.prediction_run,
        attack_run=attacked.run,
        position=0,
    )
    explanations = {each.adversarial_id: each for each in attacked.explained.explanations.all()}
    for position, setup in enumerate(protocol.arm_setups()):
        arm = Arm.objects.create(study=study, name=setup.name, position=position, wording=setup.wording)
        whole = setup.name == "whole"
        rows = attacked.images
        stimuli = Stimulus.objects.bulk_create(
            Stimulus(
                study=study,
                image_id=row.image_id,
                kind=Stimulus.Kind.WHOLE if whole else Stimulus.Kind.EXPLANATION,
                variant=f"adversarial-{row.pk}",
                adversarial=row,
                explanation=None if whole else explanations.get(row.pk),
                file=(row.file if whole else getattr(explanations.get(row.pk), "picture_file", ""))
                if pictures
                else "",
                width=224,
                height=224,
            )
            for row in rows
        )
        questions = Question.objects.bulk_create(
            Question(
                study=study,
                arm=arm,
                stimulus=stimulus,
                image_id=row.image_id,
                label=row.displayed_predicted,
                content=f"label:{row.displayed_predicted_id}:{row.pk}",
            )
            for row, stimulus in zip(rows, stimuli, strict=True)
        )
        QuestionUse.objects.bulk_create(
            QuestionUse(
                question=question,
                role=QuestionUse.Role.ADVERSARIAL,
                study_classifier=classifier,
                adversarial=row,
            )
            for row, question in zip(rows, questions, strict=True)
        )
    ensure_slots(study=study, mode=Mode.REAL)
    return study


def vote(
    study: Study,
    arm: str,
    row: AdversarialImage,
    positive: int,
    counted: int = 5,
    mode: str = Mode.REAL,
) -> None:
    """Counted answers on what an arm asks about an image."""
    ensure_slots(study=study, mode=mode)
    QuestionSlots.objects.filter(
        study=study, arm__name=arm, question__uses__adversarial=row, mode=mode
    ).update(taken=counted, counted=counted, positive=positive)


def category(name: str) -> Category:
    return Category.objects.get(name=name)


def _stored(name: str, number: int, change: int, side: int, *, heat: bool = False) -> str:
    """A picture that differs from image to image and from version to version."""
    rng = np.random.default_rng(number)
    blocks = rng.integers(60, 190, size=(4, 4, 3))
    pixels = np.kron(blocks, np.ones((side // 4, side // 4, 1), dtype=np.int64))
    noise = rng.integers(-change, change + 1, size=pixels.shape) if change else 0
    if change == 40:
        noise = 0
        pixels[: side // 2, : side // 2] = 0
    picture = Picture.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
    if heat:
        picture = Picture.new("RGBA", picture.size, (213, 94, 0, 0))
        picture.paste((213, 94, 0, 200), (0, 0, side // 2, side // 2))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    kept: str = default_storage.save(name, ContentFile(buffer.getvalue()))
    return kept


def strips_in(page: str) -> list[bytes]:
    """The strips that a page of the grid carries, in its order."""
    return [base64.b64decode(found) for found in re.findall(r'src="data:image/webp;base64,([^"]+)"', page)]
