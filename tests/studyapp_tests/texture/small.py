"""Cue-conflict pictures as rows, and a forced-choice study of them, small and complete."""

from __future__ import annotations

from itertools import product
from typing import Any

from studyapp.models import Dataset, Image, Mode, Study
from studyapp.protocol.schema import (
    AnswersRule,
    ForcedChoiceQuestions,
    ParticipantRules,
    Protocol,
    RehearsalPlan,
    ReviewPlan,
)
from tests.studyapp_tests.criticism.small import opened
from tests.studyapp_tests.factories import make_dataset

NAMES = ("bear", "car", "cat", "clock")


def make_cues(*, each: int = 1, names: tuple[str, ...] = NAMES) -> Dataset:
    """`each` pictures of every shape with every texture; those of one thing are not in conflict."""
    pairs = [
        (shape, texture, number) for number in range(1, each + 1) for shape, texture in product(names, names)
    ]
    dataset = make_dataset("cues", images=len(pairs), classes=names)
    rows = list(dataset.images.order_by("pk"))
    for image, (shape, texture, number) in zip(rows, pairs, strict=True):
        image.name = f"{shape}/{shape}{number}-{texture}{number}.png"
    Image.objects.bulk_update(rows, ["name"])
    # As if the files were in storage: the stimuli get pictures of their own.
    dataset.copied = True
    dataset.save(update_fields=["copied"])
    return dataset


def choice_protocol(*, name: str = "choice", required: int = 2, **more: Any) -> Protocol:
    """A protocol of kind `forced_choice`, without review and rehearsal; `more` are keys of its tables."""
    questions = {
        key: more.pop(key) for key in list(more) if key in ForcedChoiceQuestions.__dataclass_fields__
    }
    return Protocol(
        name=name,
        title=f"Study {name}",
        kind="forced_choice",
        dataset="cues",
        classifiers=(),
        questions=ForcedChoiceQuestions(**({"categories": NAMES} | questions)),
        answers=AnswersRule(required=required, agreement=1),
        participants=ParticipantRules(**({"questions_per_sitting": 4} | more)),
        review=ReviewPlan(required=False),
        rehearsal=RehearsalPlan(required=False),
    )


def choice_study(*, pictures: bool = False, each: int = 1, **more: Any) -> Study:
    """An open forced-choice study; `pictures` draws one for every stimulus."""
    make_cues(each=each)
    return opened(choice_protocol(**more), modes=(Mode.REAL,), pictures=pictures)
