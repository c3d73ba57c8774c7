"""Studies built by hand rows, small and complete, for every test that needs one."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image as Picture

from studyapp.models import (
    Arm,
    Category,
    ClassList,
    Dataset,
    Image,
    Mode,
    Question,
    QuestionUse,
    Stimulus,
    Study,
)
from studyapp.protocol.canonical import canonical_json, canonical_sha256
from studyapp.protocol.schema import (
    AnswersRule,
    ParticipantRules,
    Protocol,
    RecruitmentPlan,
    RehearsalPlan,
    RelevanceQuestions,
    ReviewPlan,
    Top5Questions,
)
from studyapp.protocol.schema import Arm as ArmPlan
from studyapp.services.participation.slots import ensure_slots

CLASS_NAMES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay")


def make_protocol(
    *,
    name: str = "trial",
    dataset: str = "eight",
    questions: RelevanceQuestions | Top5Questions | None = None,
    answers: AnswersRule | None = None,
    participants: ParticipantRules | None = None,
    recruitment: RecruitmentPlan | None = None,
    arms: tuple[ArmPlan, ...] = (),
) -> Protocol:
    """A protocol of kind relevance with the product's defaults, no review, no rehearsal."""
    return Protocol(
        name=name,
        title=f"Study {name}",
        kind="relevance_top5" if isinstance(questions, Top5Questions) else "relevance",
        dataset=dataset,
        classifiers=("toy",),
        questions=questions or RelevanceQuestions(),
        answers=answers or AnswersRule(),
        participants=participants or ParticipantRules(),
        recruitment=recruitment or RecruitmentPlan(),
        arms=arms,
        review=ReviewPlan(required=False),
        rehearsal=RehearsalPlan(required=False),
    )


def make_dataset(
    name: str = "eight", *, images: int = 8, classes: tuple[str, ...] = CLASS_NAMES, enlarge: str = "smooth"
) -> Dataset:
    """A dataset without files: image i is called `<name>/<i>.png` and labelled classes[i % len]."""
    class_list, _ = ClassList.objects.get_or_create(
        digest="toy-" + "-".join(classes)[:50], defaults={"name": "toy classes"}
    )
    if not class_list.categories.exists():
        Category.objects.bulk_create(
            Category(class_list=class_list, index=index, name=label) for index, label in enumerate(classes)
        )
    categories = list(class_list.categories.order_by("index"))
    dataset = Dataset.objects.create(
        name=name, layout=Dataset.Layout.NAMES, class_list=class_list, enlarge=enlarge
    )
    Image.objects.bulk_create(
        Image(dataset=dataset, name=f"{name}/{number}.png", category=categories[number % len(categories)])
        for number in range(images)
    )
    return dataset


def make_study(
    *,
    questions: int = 8,
    protocol: Protocol | None = None,
    dataset: Dataset | None = None,
    state: str = Study.State.OPEN,
    labels_per_image: int = 1,
    gold: int = 0,
    practice: int = 0,
    pictures: bool = False,
    modes: tuple[str, ...] = (Mode.REAL,),
) -> Study:
    """A built study with `questions` questions per arm, each "is class (true + k) relevant".

    `labels_per_image` questions share an image; `gold` and `practice` questions (expected answer
    "yes") come on images of their own; `pictures` writes a 224 x 224 PNG for every stimulus.
    """
    protocol = protocol or make_protocol()
    images = -(-questions // labels_per_image)
    dataset = dataset or make_dataset(protocol.dataset, images=images + gold + practice)
    canonical = canonical_json(protocol)
    study = Study.objects.create(
        name=protocol.name,
        title=protocol.title,
        kind=protocol.kind,
        dataset=dataset,
        protocol_text="",
        protocol=json.loads(canonical),
        protocol_sha256=canonical_sha256(canonical),
        state=state,
        built_at=timezone.now(),
        opened_at=timezone.now() if state == Study.State.OPEN else None,
    )
    rows = list(dataset.images.select_related("category").order_by("pk"))
    categories = list(dataset.class_list.categories.order_by("index"))
    stimuli = [
        Stimulus(study=study, image=image, width=224, height=224)
        for image in rows[: images + gold + practice]
    ]
    if pictures:
        for number, stimulus in enumerate(stimuli):
            stimulus.file = default_storage.save(f"stimuli/{stimulus.key}.png", ContentFile(_picture(number)))
    Stimulus.objects.bulk_create(stimuli)

    def question(arm: Arm, place: int, step: int, **more: Any) -> Question:
        image = rows[place]
        asked = categories[(image.category.index + step) % len(categories)]
        listed = protocol.kind == "relevance_top5"
        labels = [categories[(image.category.index + step + k) % len(categories)].pk for k in range(5)]
        return Question(
            study=study,
            arm=arm,
            stimulus=stimuli[place],
            image=image,
            label=None if listed else asked,
            labels=labels if listed else [],
            content="list:" + ",".join(map(str, labels)) if listed else f"label:{asked.pk}",
            **more,
        )

    for position, setup in enumerate(protocol.arm_setups()):
        arm = Arm.objects.create(study=study, name=setup.name, position=position, wording=setup.wording)
        asked = Question.objects.bulk_create(
            question(arm, number // labels_per_image, 1 + number % labels_per_image)
            for number in range(questions)
        )
        golden = Question.objects.bulk_create(
            question(arm, images + number, 0, expected="yes") for number in range(gold)
        )
        practised = Question.objects.bulk_create(
            question(arm, images + gold + number, 0, expected="yes", origin=Question.Origin.PRACTICE)
            for number in range(practice)
        )
        QuestionUse.objects.bulk_create(
            QuestionUse(question=row, role=role)
            for found, role in (
                (asked, QuestionUse.Role.MISTAKE),
                (golden, QuestionUse.Role.GOLD),
                (practised, QuestionUse.Role.PRACTICE),
            )
            for row in found
        )
    for mode in modes:
        ensure_slots(study=study, mode=mode)
    return study


def with_participants(protocol: Protocol, **changes: Any) -> Protocol:
    """The protocol with some keys of `[participants]` changed."""
    return replace(protocol, participants=replace(protocol.participants, **changes))


def with_answers(protocol: Protocol, **changes: Any) -> Protocol:
    """The protocol with some keys of `[answers]` changed."""
    return replace(protocol, answers=replace(protocol.answers, **changes))


def make_researcher(name: str = "alice") -> Any:
    """A staff user who may open the researcher pages."""
    return get_user_model().objects.create_user(name, password="correct horse", is_staff=True)


def _picture(number: int) -> bytes:
    """A 224 x 224 PNG that differs from number to number."""
    canvas = Picture.new("RGB", (224, 224), (90 + number * 37 % 120, 140, 90 + number * 61 % 120))
    canvas.paste((230, 220, 200), (40 + number % 9 * 12, 60, 110 + number % 9 * 12, 170))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()
