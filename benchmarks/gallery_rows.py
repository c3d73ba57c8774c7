"""A gallery of many rows for its benchmark: an attack, explanations of both versions, an answered study."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from studyapp.models import (
        AdversarialImage,
        Arm,
        AttackRun,
        Category,
        Explanation,
        Study,
        StudyClassifier,
    )
    from studyapp.protocol.schema import Protocol

CLASSES, STEPS = 100, 10


def build_gallery(*, images: int) -> None:
    """Study `many` of two arms over `images` attacked and explained images, all answered five times."""
    from django.utils import timezone

    from studyapp.models import (
        Arm,
        AttackRun,
        Category,
        Classifier,
        ClassList,
        Dataset,
        Image,
        PredictionRun,
        Study,
        StudyClassifier,
    )
    from studyapp.protocol.canonical import canonical_json, canonical_sha256

    classes = ClassList.objects.create(name="hundred", digest="hundred")
    categories = Category.objects.bulk_create(
        Category(class_list=classes, index=index, name=f"class {index}") for index in range(CLASSES)
    )
    dataset = Dataset.objects.create(name="many", class_list=classes, layout=Dataset.Layout.FOLDERS, root="/")
    Image.objects.bulk_create(
        (
            Image(
                dataset=dataset,
                name=f"{number % CLASSES}/{number:06}.png",
                category=categories[number % CLASSES],
            )
            for number in range(images)
        ),
        batch_size=1000,
    )
    classifier = Classifier.objects.create(name="toy", source=Classifier.Source.ELSEWHERE, class_list=classes)
    predicted = PredictionRun.objects.create(dataset=dataset, classifier=classifier)
    attack = AttackRun.objects.create(
        dataset=dataset,
        classifier=classifier,
        prediction_run=predicted,
        parameters={"steps": STEPS},
        digest="many",
        images=images,
    )
    protocol = _protocol()
    canonical = canonical_json(protocol)
    study = Study.objects.create(
        name=protocol.name,
        title=protocol.title,
        kind=protocol.kind,
        dataset=dataset,
        protocol_text="",
        protocol=json.loads(canonical),
        protocol_sha256=canonical_sha256(canonical),
        state=Study.State.OPEN,
        built_at=timezone.now(),
    )
    position = StudyClassifier.objects.create(
        study=study, classifier=classifier, run=predicted, attack_run=attack, position=0
    )
    rows = _attacked(attack, categories)
    explanations = _explained(attack, rows)
    for place, name in enumerate(("whole", "explanation")):
        arm = Arm.objects.create(study=study, name=name, position=place, wording="Is {label} in it?")
        _asked(study, arm, position, rows, explanations if name == "explanation" else {})


def store_pictures(keys: list[int], *, side: int) -> None:
    """Clean, adversarial and explained pictures of these adversarial images: smooth, and all different."""
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    from studyapp.models import AdversarialImage
    from studyapp.services.attacks.stored_pictures import clean_name

    for row in AdversarialImage.objects.filter(pk__in=keys).prefetch_related("explanations"):
        rng = np.random.default_rng(row.pk)
        clean = _picture(rng, side)
        attacked = np.clip(clean + rng.choice((-3, 3), size=clean.shape), 0, 255)
        hidden = clean.copy()
        hidden[:, : int(rng.integers(side // 4, side // 2))] = 0
        pictures = {row.file: attacked, clean_name(row.key): clean}
        pictures |= {each.picture_file: hidden for each in row.explanations.all()}
        for each in row.image.explanations.filter(run__version="clean"):
            pictures[each.picture_file] = hidden[::-1]
        for name, pixels in pictures.items():
            default_storage.save(name, ContentFile(_png(pixels)))


def _protocol() -> Protocol:
    from studyapp.protocol.adversarial import AdversarialArm, AdversarialQuestions
    from studyapp.protocol.schema import Protocol, RehearsalPlan, ReviewPlan

    return Protocol(
        name="many",
        title="Ten thousand attacked images",
        kind="adversarial",
        dataset="many",
        classifiers=("toy",),
        questions=AdversarialQuestions(),
        arms=(AdversarialArm(name="whole"), AdversarialArm(name="explanation", shows="explanation")),
        review=ReviewPlan(required=False),
        rehearsal=RehearsalPlan(required=False),
    )


def _attacked(attack: AttackRun, categories: list[Category]) -> list[AdversarialImage]:
    from studyapp.models import AdversarialImage
    from studyapp.models.catalogue import public_key

    rng = np.random.default_rng(1)
    made = []
    for image in attack.dataset.images.order_by("pk"):
        key = public_key()
        after = categories[(image.pk * 7 + 1) % CLASSES]
        steps = int(rng.integers(1, STEPS + 2))
        made.append(
            AdversarialImage(
                run=attack,
                image=image,
                key=key,
                outcome=AdversarialImage.Outcome.ATTACKED,
                true_id=image.category_id,
                steps_to_flip=steps,
                steps_to_displayed_flip=min(steps + 1, STEPS + 1),
                clean_predicted_id=image.category_id,
                clean_probability=float(rng.uniform(0.3, 1)),
                float_predicted=after,
                float_probability=float(rng.uniform(0.2, 1)),
                displayed_predicted=after,
                displayed_probability=float(rng.uniform(0.2, 1)),
                displayed_true_probability=0.1,
                displayed_linf=3.0,
                file=f"adversarial/{key[:2]}/{key}.png",
                side=224,
            )
        )
    AdversarialImage.objects.bulk_create(made, batch_size=1000)
    return list(attack.adversarial_images.order_by("pk"))


def _explained(attack: AttackRun, rows: list[AdversarialImage]) -> dict[int, Explanation]:
    """Explanations of both versions; those of the adversarial pictures by their primary keys."""
    from studyapp.models import Explanation, ExplanationRun, Version
    from studyapp.models.catalogue import public_key

    rng = np.random.default_rng(2)
    for version in Version:
        attacked = version == Version.ADVERSARIAL
        run = ExplanationRun.objects.create(
            dataset=attack.dataset,
            classifier=attack.classifier,
            attack_run=attack if attacked else None,
            version=version,
            method="lime",
            digest=version.value,
            seed=1,
        )
        made = []
        for row in rows:
            key = public_key()
            made.append(
                Explanation(
                    run=run,
                    image_id=row.image_id,
                    adversarial=row if attacked else None,
                    key=key,
                    category_id=row.displayed_predicted_id,
                    probability=row.displayed_probability,
                    superpixels=60,
                    positive=int(rng.integers(0, 40)),
                    weights=[round(float(weight), 6) for weight in rng.normal(size=60)],
                    fit=float(rng.uniform(0, 1)),
                    picture_file=f"explanations/{key[:2]}/{key}.png",
                    heat_file=f"explanations/{key[:2]}/{key}-heat.png",
                    path=[round(float(p), 4) for p in np.sort(rng.uniform(size=30))],
                )
            )
        Explanation.objects.bulk_create(made, batch_size=1000)
    return {each.adversarial_id or 0: each for each in Explanation.objects.filter(run__version="adversarial")}


def _asked(
    study: Study,
    arm: Arm,
    position: StudyClassifier,
    rows: list[AdversarialImage],
    explanations: dict[int, Explanation],
) -> None:
    from studyapp.models import Mode, Question, QuestionSlots, QuestionUse, Stimulus

    rng = np.random.default_rng(arm.position + 3)
    stimuli = Stimulus.objects.bulk_create(
        (
            Stimulus(
                study=study,
                image_id=row.image_id,
                kind=Stimulus.Kind.EXPLANATION if explanations else Stimulus.Kind.WHOLE,
                variant=arm.name,
                adversarial=row,
                explanation=explanations.get(row.pk),
                file=row.file,
                review=str(rng.choice(Stimulus.Review.values)),
            )
            for row in rows
        ),
        batch_size=1000,
    )
    questions = Question.objects.bulk_create(
        (
            Question(
                study=study,
                arm=arm,
                stimulus=stimulus,
                image_id=row.image_id,
                label_id=row.displayed_predicted_id,
                content=f"label:{row.displayed_predicted_id}",
            )
            for row, stimulus in zip(rows, stimuli, strict=True)
        ),
        batch_size=1000,
    )
    QuestionUse.objects.bulk_create(
        (
            QuestionUse(
                question=question,
                role=QuestionUse.Role.ADVERSARIAL,
                study_classifier=position,
                adversarial=row,
            )
            for row, question in zip(rows, questions, strict=True)
        ),
        batch_size=1000,
    )
    QuestionSlots.objects.bulk_create(
        (
            QuestionSlots(
                question=question,
                study=study,
                arm=arm,
                image_id=question.image_id,
                mode=Mode.REAL,
                required=5,
                taken=5,
                counted=5,
                positive=int(rng.integers(0, 6)),
                open=False,
                shuffle=0,
            )
            for question in questions
        ),
        batch_size=1000,
    )


def _picture(rng: np.random.Generator, side: int) -> NDArray[np.int64]:
    """Patches of colour with soft edges and some grain, as a photograph has: (side, side, 3), 0..255."""
    from PIL import Image as Picture

    coarse = Picture.fromarray(rng.integers(0, 256, size=(9, 9, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((side, side), Picture.Resampling.BICUBIC), dtype=np.int64)
    grainy: NDArray[np.int64] = np.clip(smooth + rng.integers(-12, 13, size=smooth.shape), 0, 255)
    return grainy


def _png(pixels: NDArray[np.int64]) -> bytes:
    from PIL import Image as Picture

    buffer = io.BytesIO()
    Picture.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
