"""What people are told after their answer, where the protocol reveals it: never before it is stored."""

from __future__ import annotations

from dataclasses import dataclass

from studyapp.models import Answer, Category, Presentation, Sitting, Study
from studyapp.protocol.same_content import SameContentQuestions
from studyapp.services.plans import protocol_of, setup_of


@dataclass(frozen=True, slots=True)
class ToldClassifier:
    """One classifier: its labels of the unchanged picture and of the one asked about, and agreement."""

    name: str
    before: str
    after: str
    agrees: bool

    @property
    def sees_a_change(self) -> bool:
        """Whether it says something else of the changed picture."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Told:
    """What a person is told of one answer."""

    presentation: Presentation
    sees_a_change: bool
    classifiers: tuple[ToldClassifier, ...]


def reveals(study: Study) -> bool:
    """Whether people are told the labels after each answer; answers can then not be taken back."""
    asked = protocol_of(study).questions
    return isinstance(asked, SameContentQuestions) and asked.reveal


def told_after(*, sitting: Sitting, presentation_key: str) -> Told | None:
    """What to tell of an answered question of this sitting; None where nothing may be told."""
    if not reveals(sitting.study):
        return None
    shown = (
        sitting.presentations.filter(key=presentation_key, answered=True)
        .select_related("question__stimulus", "question__arm")
        .first()
    )
    if shown is None:
        return None
    answer = shown.answers.filter(status__in=(Answer.Status.COUNTED, Answer.Status.SURPLUS)).first()
    if answer is None:
        return None
    setup = setup_of(protocol_of(sitting.study), shown.question.arm.name)
    sees = answer.value in setup.positive
    said = shown.question.parameters.get("said", {})
    wanted = {told[word] for told in said.values() for word in ("before", "after")}
    names = dict(Category.objects.filter(pk__in=wanted).values_list("pk", "name"))
    return Told(
        presentation=shown,
        sees_a_change=sees,
        classifiers=tuple(
            ToldClassifier(
                name=name,
                before=names[told["before"]],
                after=names[told["after"]],
                agrees=(told["before"] != told["after"]) == sees,
            )
            for name, told in said.items()
        ),
    )
