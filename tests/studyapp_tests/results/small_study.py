"""Eight tiny pictures, two classifiers, five people: a study whose tables can be worked out by hand.

Image i is labelled class i. `alpha` is wrong on images 3 to 7 and says class i + 1; `beta` is wrong on
5 and 7 (as alpha) and on 6, where it says class 8. So alpha's standard error is 5/8 and beta's 3/8.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image as Picture

from studyapp.models import (
    Answer,
    Arm,
    Category,
    Classifier,
    ClassList,
    Dataset,
    Draw,
    Image,
    Mode,
    Participant,
    Prediction,
    PredictionRun,
    Question,
    QuestionUse,
    Stimulus,
    Study,
    StudyClassifier,
)
from studyapp.protocol.canonical import canonical_json, canonical_sha256
from studyapp.protocol.schema import AnalysisPlan, AnswersRule, Protocol, RelevanceQuestions
from studyapp.services.participation.slots import ensure_slots
from tests.studyapp_tests.factories import CLASS_NAMES, make_protocol

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MISTAKES = {"alpha": {3: 4, 4: 5, 5: 6, 6: 7, 7: 8}, "beta": {5: 6, 6: 8, 7: 8}}

# (image, label asked about) -> positive and all answers of the five people.
VOTES = {
    (3, 4): (5, 5),
    (4, 5): (4, 5),
    (5, 6): (3, 5),
    (6, 7): (0, 5),
    (7, 8): (5, 5),
    (6, 8): (1, 2),  # undecided: three more answers could still make four
    (0, 5): (0, 5),  # foil, rejected
    (2, 6): (4, 5),  # foil, accepted
    (1, 1): (5, 5),  # dataset label of a correct image, accepted
    (3, 3): (5, 5),  # true label beside alpha's mistake
    (6, 6): (5, 5),
    (2, 2): (4, 5),  # gold, expected yes
}
ROLES = {
    (0, 5): QuestionUse.Role.CONTROL_FOIL,
    (2, 6): QuestionUse.Role.CONTROL_FOIL,
    (1, 1): QuestionUse.Role.CONTROL_TRUE,
    (3, 3): QuestionUse.Role.TRUE_LABEL,
    (6, 6): QuestionUse.Role.TRUE_LABEL,
    (2, 2): QuestionUse.Role.GOLD,
}


@dataclass(frozen=True, slots=True)
class SmallStudy:
    """The study and the rows that tests ask for."""

    study: Study
    questions: dict[tuple[int, int], Question]
    people: list[Participant] = field(default_factory=list)


def small_protocol(name: str = "small", answers: AnswersRule | None = None) -> Protocol:
    """The paper's question and rule, two classifiers."""
    base = make_protocol(
        name=name, questions=RelevanceQuestions(ask_true_label=True, gold_share=0.1), answers=answers
    )
    return Protocol(
        **{
            key: getattr(base, key)
            for key in ("name", "title", "kind", "dataset", "questions", "answers", "review", "rehearsal")
        },
        classifiers=("alpha", "beta"),
        analysis=AnalysisPlan(draws=400),
    )


def small_study(
    *,
    name: str = "small",
    answers: AnswersRule | None = None,
    votes: dict[tuple[int, int], tuple[int, int]] | None = None,
    pictures: bool = False,
    draw: bool = True,
) -> SmallStudy:
    """The study with its real answers; keys and times are fixed, so that exports are, too."""
    protocol = small_protocol(name, answers)
    categories, images = _images(name)
    canonical = canonical_json(protocol)
    study = Study.objects.create(
        name=name,
        title="Small & exact 100 % study",
        kind="relevance",
        dataset=images[0].dataset,
        protocol_text=f'name = "{name}"\n',
        protocol=json.loads(canonical),
        protocol_sha256=canonical_sha256(canonical),
        state=Study.State.OPEN,
        built_at=NOON,
    )
    classifiers = _classifiers(study, categories, images)
    arm = Arm.objects.create(study=study, name="main", wording="Is class {label} relevant for this image?")
    stimuli = Stimulus.objects.bulk_create(
        Stimulus(study=study, image=image, key=f"{name}-s{i}", width=224, height=224)
        for i, image in enumerate(images)
    )
    if pictures:
        for number, stimulus in enumerate(stimuli):
            stimulus.file = default_storage.save(f"stimuli/{stimulus.key}.png", ContentFile(_picture(number)))
        Stimulus.objects.bulk_update(stimuli, ["file"])
    counts = VOTES if votes is None else votes
    questions = {
        pair: Question.objects.create(
            study=study,
            arm=arm,
            stimulus=stimuli[pair[0]],
            image=images[pair[0]],
            label=categories[pair[1]],
            content=f"label:{categories[pair[1]].pk}",
            key=f"{name}-q{pair[0]}-{pair[1]}",
            expected="yes" if ROLES.get(pair) == QuestionUse.Role.GOLD else "",
        )
        for pair in counts
    }
    _uses(classifiers, questions)
    people = [Participant.objects.get_or_create(pseudonym=f"person-{i}")[0] for i in range(5)]
    for pair, (positive, received) in counts.items():
        for number in range(received):
            add_answer(questions[pair], people[number], "yes" if number < positive else "no", number)
    for mode in (Mode.REAL, Mode.REHEARSAL):
        ensure_slots(study=study, mode=mode)
    if draw:
        Draw.objects.create(study=study, purpose="bootstrap", seed=20260302)
    return SmallStudy(study, questions, people)


def add_answer(
    question: Question,
    person: Participant,
    value: str,
    order: int,
    *,
    mode: str = Mode.REAL,
    status: str = Answer.Status.COUNTED,
) -> Answer:
    """One answer, as the participant pages would store it."""
    return Answer.objects.create(
        question=question,
        participant=person,
        value=value,
        mode=mode,
        status=status,
        order=order,
        wording="Is class x relevant for this image?",
        answered_at=NOON + timedelta(seconds=question.pk * 10 + order),
        active_seconds=2.0 + order,
    )


def _images(name: str) -> tuple[list[Category], list[Image]]:
    class_list, made = ClassList.objects.get_or_create(digest="small", defaults={"name": "ten animals"})
    if made:
        Category.objects.bulk_create(
            Category(class_list=class_list, index=i, name=label) for i, label in enumerate(CLASS_NAMES)
        )
    categories = list(class_list.categories.order_by("index"))
    dataset = Dataset.objects.create(
        name=f"{name}-images", layout=Dataset.Layout.NAMES, class_list=class_list
    )
    Image.objects.bulk_create(
        Image(dataset=dataset, name=f"{i}.png", category=categories[i], key=f"{name}-i{i}") for i in range(8)
    )
    return categories, list(dataset.images.order_by("pk"))


def _classifiers(study: Study, categories: list[Category], images: list[Image]) -> list[StudyClassifier]:
    found = []
    for position, (name, wrong) in enumerate(MISTAKES.items()):
        classifier, _ = Classifier.objects.get_or_create(
            name=name, defaults={"source": "elsewhere", "class_list": categories[0].class_list}
        )
        run = PredictionRun.objects.create(
            dataset=study.dataset, classifier=classifier, finished_at=NOON, device="cpu"
        )
        Prediction.objects.bulk_create(
            Prediction(
                run=run,
                image=image,
                predicted=categories[wrong.get(i, i)],
                probability=0.5 + i / 20,
                ranking=[wrong.get(i, i)],
                probabilities=[0.5 + i / 20],
                top1_correct=i not in wrong,
            )
            for i, image in enumerate(images)
        )
        found.append(
            StudyClassifier.objects.create(study=study, classifier=classifier, run=run, position=position)
        )
    return found


def _uses(classifiers: list[StudyClassifier], questions: dict[tuple[int, int], Question]) -> None:
    for pair, question in questions.items():
        if pair in ROLES:
            QuestionUse.objects.create(question=question, role=ROLES[pair])
    for use in classifiers:
        for pair in MISTAKES[use.classifier.name].items():
            if pair in questions:
                QuestionUse.objects.create(
                    question=questions[pair], role=QuestionUse.Role.MISTAKE, study_classifier=use
                )


def _picture(number: int) -> bytes:
    canvas = Picture.new("RGB", (224, 224), (40 + 20 * number, 120, 200 - 20 * number))
    canvas.paste((240, 230, 210), (30 + 12 * number, 60, 90 + 12 * number, 170))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()
