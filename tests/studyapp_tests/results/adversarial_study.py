"""Ten tiny pictures, an attack on eight of them, two arms: Table 2 and the pairs worked out by hand.

Image i is labelled class i. `alpha` gets images 0 to 8 right and says class 0 of image 9. Class 8 was not
drawn for the attack, so 0 to 7 were attacked: 0 to 6 flip in float, 0 to 5 also as 8-bit pictures, to class
i + 1, and 7 never does. People see 0 to 5, whole and as an explanation.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image as Picture

from studyapp.models import (
    AdversarialImage,
    Arm,
    AttackRun,
    Category,
    Classifier,
    ClassList,
    Dataset,
    Draw,
    Explanation,
    ExplanationRun,
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
from studyapp.protocol.adversarial import AdversarialArm, AdversarialQuestions
from studyapp.protocol.canonical import canonical_json, canonical_sha256
from studyapp.protocol.schema import (
    AnalysisPlan,
    AnswersRule,
    AttackPlan,
    Contrast,
    ExplanationPlan,
    ParticipantRules,
    Protocol,
    RehearsalPlan,
    ReviewPlan,
)
from studyapp.services.attacks.stored_pictures import clean_name
from studyapp.services.participation.slots import ensure_slots
from tests.studyapp_tests.factories import CLASS_NAMES
from tests.studyapp_tests.results.small_study import NOON, add_answer

SHOWN = range(6)
NOT_ATTACKED = 8
WRONG_AT_START = 9
STEPS = 10

# (arm, image) -> positive and all answers of the five people.
VOTES = {
    ("whole", 0): (5, 5),
    ("whole", 1): (4, 5),
    ("whole", 2): (3, 5),
    ("whole", 3): (0, 5),
    ("whole", 4): (1, 5),
    ("whole", 5): (0, 5),
    ("explained", 0): (5, 5),
    ("explained", 1): (1, 5),
    ("explained", 2): (4, 5),
    ("explained", 3): (5, 5),
    ("explained", 4): (4, 5),
    ("explained", 5): (1, 2),  # undecided: three more answers could still make four
}
ARMS = (
    AdversarialArm(name="whole"),
    AdversarialArm(name="explained", shows="explanation"),
)


@dataclass(frozen=True, slots=True)
class TwoArms:
    """The study and the rows that tests ask for."""

    study: Study
    questions: dict[tuple[str, int], Question]
    attacked: dict[int, AdversarialImage]
    people: list[Participant] = field(default_factory=list)


def two_arm_protocol(
    name: str = "attacked",
    *,
    arms: tuple[AdversarialArm, ...] = ARMS,
    contrasts: tuple[Contrast, ...] = (),
    answers: AnswersRule | None = None,
    questions: AdversarialQuestions | None = None,
) -> Protocol:
    """The paper's two arms on one classifier."""
    return Protocol(
        name=name,
        title="Two arms",
        kind="adversarial",
        dataset=f"{name}-images",
        classifiers=("alpha",),
        questions=questions or AdversarialQuestions(),
        attack=AttackPlan(),
        explanation=ExplanationPlan(),
        answers=answers or AnswersRule(),
        participants=ParticipantRules(),
        arms=arms,
        contrasts=contrasts,
        analysis=AnalysisPlan(draws=400),
        review=ReviewPlan(required=False),
        rehearsal=RehearsalPlan(required=False),
    )


def two_arm_study(
    *,
    protocol: Protocol | None = None,
    votes: dict[tuple[str, int], tuple[int, int]] | None = None,
    pictures: bool = False,
) -> TwoArms:
    """The study with its real answers; keys and times are fixed, so that exports are, too."""
    protocol = protocol or two_arm_protocol()
    name = protocol.name
    categories, images = _images(name)
    canonical = canonical_json(protocol)
    study = Study.objects.create(
        name=name,
        title=protocol.title,
        kind="adversarial",
        dataset=images[0].dataset,
        protocol_text=f'name = "{name}"\n',
        protocol=json.loads(canonical),
        protocol_sha256=canonical_sha256(canonical),
        state=Study.State.OPEN,
        built_at=NOON,
    )
    run, attacked = _attack(name, categories, images, pictures=pictures)
    use = StudyClassifier.objects.create(
        study=study, classifier=run.classifier, run=run.prediction_run, attack_run=run, position=0
    )
    clean, adversarial = (_explain(name, run, attacked, version, pictures=pictures) for version in VERSIONS)
    counts = VOTES if votes is None else votes
    questions: dict[tuple[str, int], Question] = {}
    for position, plan in enumerate(protocol.arms):
        assert isinstance(plan, AdversarialArm)
        arm = Arm.objects.create(study=study, name=plan.name, position=position, wording="Is it {label}?")
        for number in SHOWN:
            if (plan.name, number) not in counts:
                continue
            explained = (adversarial if plan.version == "adversarial" else clean)[number]
            stimulus = Stimulus.objects.create(
                study=study,
                image=images[number],
                kind="whole" if plan.shows == "whole" else "explanation",
                variant=plan.name,
                adversarial=attacked[number] if plan.version == "adversarial" else None,
                explanation=None if plan.shows == "whole" else explained,
                key=f"{name}-{plan.name}-s{number}",
                file=explained.picture_file if plan.shows != "whole" else attacked[number].file,
                width=32,
                height=32,
            )
            asked = {"adversarial": number + 1, "true": number, "foil": (number + 5) % 10}[plan.label]
            question = Question.objects.create(
                study=study,
                arm=arm,
                stimulus=stimulus,
                image=images[number],
                label=categories[asked],
                content=f"label:{categories[asked].pk}",
                key=f"{name}-{plan.name}-q{number}",
            )
            QuestionUse.objects.create(
                question=question,
                role=QuestionUse.Role.ADVERSARIAL,
                study_classifier=use,
                adversarial=attacked[number],
            )
            questions[plan.name, number] = question
    people = [Participant.objects.get_or_create(pseudonym=f"person-{i}")[0] for i in range(10)]
    for (arm_name, number), (positive, received) in counts.items():
        half = people[:5] if arm_name == protocol.arms[0].name else people[5:]
        for place in range(received):
            value = "yes" if place < positive else "no"
            add_answer(questions[arm_name, number], half[place], value, place)
    for mode in (Mode.REAL, Mode.REHEARSAL):
        ensure_slots(study=study, mode=mode)
    Draw.objects.create(study=study, purpose="bootstrap", seed=20260302)
    return TwoArms(study, questions, attacked, people)


VERSIONS = ("clean", "adversarial")


def with_contrasts(protocol: Protocol, *pairs: tuple[str, str]) -> Protocol:
    """The protocol with these pairs of arms planned."""
    planned = tuple(Contrast(between="arms", first=first, second=second) for first, second in pairs)
    return replace(protocol, contrasts=planned)


def _images(name: str) -> tuple[list[Category], list[Image]]:
    class_list, made = ClassList.objects.get_or_create(digest="attacked", defaults={"name": "ten animals"})
    if made:
        Category.objects.bulk_create(
            Category(class_list=class_list, index=i, name=label) for i, label in enumerate(CLASS_NAMES)
        )
    categories = list(class_list.categories.order_by("index"))
    dataset = Dataset.objects.create(
        name=f"{name}-images", layout=Dataset.Layout.NAMES, class_list=class_list
    )
    Image.objects.bulk_create(
        Image(dataset=dataset, name=f"{i}.png", category=categories[i], key=f"{name}-i{i}") for i in range(10)
    )
    return categories, list(dataset.images.order_by("pk"))


def _attack(
    name: str, categories: list[Category], images: list[Image], *, pictures: bool
) -> tuple[AttackRun, dict[int, AdversarialImage]]:
    classifier, _ = Classifier.objects.get_or_create(
        name="alpha", defaults={"source": "elsewhere", "class_list": categories[0].class_list}
    )
    predictions = PredictionRun.objects.create(
        dataset=images[0].dataset, classifier=classifier, finished_at=NOON, device="cpu"
    )
    Prediction.objects.bulk_create(
        Prediction(
            run=predictions,
            image=image,
            predicted=categories[0 if i == WRONG_AT_START else i],
            probability=0.9,
            ranking=[0 if i == WRONG_AT_START else i],
            probabilities=[0.9],
            top1_correct=i != WRONG_AT_START,
        )
        for i, image in enumerate(images)
    )
    drawn = [i for i in range(10) if i != NOT_ATTACKED]
    run = AttackRun.objects.create(
        dataset=images[0].dataset,
        classifier=classifier,
        prediction_run=predictions,
        categories=[categories[i].pk for i in drawn],
        digest=name,
        parameters={"steps": STEPS},
        images=len(drawn),
        finished_at=NOON,
    )
    attacked = {}
    for i in drawn:
        wrong = i == WRONG_AT_START
        file = "" if wrong else f"adversarial/{name}/{i}.png"
        if pictures and not wrong:
            file = _stored(file, i, tint=30)
        in_float, displayed = (i + 1 if i <= 6 else i), (i + 1 if i <= 5 else i)
        attacked[i] = AdversarialImage.objects.create(
            run=run,
            image=images[i],
            key=f"{name}-a{i}",
            outcome="wrong_at_start" if wrong else "attacked",
            steps_taken=0 if wrong else (3 if i <= 5 else STEPS),
            true=categories[i],
            steps_to_flip=0 if wrong else (2 if i <= 6 else STEPS + 1),
            steps_to_displayed_flip=0 if wrong else (3 if i <= 5 else STEPS + 1),
            clean_predicted=categories[0 if wrong else i],
            clean_probability=0.9,
            float_predicted=None if wrong else categories[in_float],
            displayed_predicted=None if wrong else categories[displayed],
            displayed_probability=0.6,
            file=file,
            side=32,
        )
        if pictures and not wrong:
            _stored(clean_name(f"{name}-a{i}"), i, tint=0)
    return run, attacked


def _explain(
    name: str, run: AttackRun, attacked: dict[int, AdversarialImage], version: str, *, pictures: bool
) -> dict[int, Explanation]:
    found = ExplanationRun.objects.create(
        dataset=run.dataset,
        classifier=run.classifier,
        attack_run=run,
        version=version,
        method="lime",
        explained="predicted",
        digest=f"{name}-{version}",
        seed=1,
        finished_at=NOON,
    )
    rows = {}
    for i in SHOWN:
        file = f"explanations/{name}/{version}-{i}.png"
        if pictures:
            file = _stored(file, i, tint=60 if version == "adversarial" else 90)
        rows[i] = Explanation.objects.create(
            run=found,
            image=attacked[i].image,
            adversarial=attacked[i] if version == "adversarial" else None,
            key=f"{name}-{version[0]}e{i}",
            category=attacked[i].displayed_predicted if version == "adversarial" else attacked[i].true,
            superpixels=9,
            positive=5,
            picture_file=file,
            heat_file=file,
            fit=0.8,
        )
    return rows


def _stored(name: str, number: int, *, tint: int) -> str:
    if default_storage.exists(name):
        default_storage.delete(name)
    canvas = Picture.new("RGB", (32, 32), (40 + 20 * number, 120 + tint, 200 - 20 * number))
    canvas.paste((240, 230 - tint, 210), (4 + number, 8, 14 + number, 24))
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    saved: str = default_storage.save(name, ContentFile(buffer.getvalue()))
    return saved
