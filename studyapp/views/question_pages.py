"""How the questions of each kind of study stand on a page: a new kind is one line here and its templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from studyapp.models import Question, Sitting, Study
from studyapp.protocol.schema import AssignmentArm, AssignmentQuestions, ForcedChoiceQuestions, Protocol
from studyapp.services.criticism.boards import board_of, keys_beside
from studyapp.services.participation.allocation import Expected
from studyapp.services.participation.choosing import ALONE
from studyapp.services.participation.wording import shown_question
from studyapp.services.plans import protocol_of, setup_of


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture of a group: its key and what a screen reader says of it."""

    key: str
    alt: str
    untypical: bool


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """A group as a participant sees it: nothing but its number and its pictures."""

    number: int
    pictures: tuple[ShownPicture, ...]


@dataclass(frozen=True, slots=True)
class QuestionPage:
    """The templates of one kind, what else its pages show, and the pictures beside the one asked about."""

    question: str = "question.html"
    feedback: str = "feedback.html"
    example: str = "participant/_example_relevance.html"
    each: str = "one picture each"
    beside: Callable[[Question, Protocol], Mapping[str, object]] = lambda question, protocol: {}
    keys: Callable[[Question], tuple[str, ...]] = lambda question: ()


def _board(question: Question, protocol: Protocol) -> Mapping[str, object]:
    """The groups, numbered in the order drawn; which is right and what they show stays here."""
    groups = tuple(
        ShownGroup(
            number,
            tuple(
                ShownPicture(
                    picture.key,
                    f"Group {number}, picture {place}{', untypical' if picture.untypical else ''}",
                    picture.untypical,
                )
                for place, picture in enumerate(pictures, 1)
            ),
        )
        for number, (_, pictures) in enumerate(board_of(question.parameters).groups, 1)
    )
    questions = protocol.questions
    assert isinstance(questions, AssignmentQuestions)
    told: dict[str, object] = {}
    if any(picture.untypical for group in groups for picture in group.pictures):
        told["instructions"] = f"{questions.instructions}\n\n{questions.criticism_instructions}"
    return {"groups": groups, "largest": max(len(group.pictures) for group in groups), **told}


def _siblings(question: Question, protocol: Protocol) -> Mapping[str, object]:
    """The pictures to the right in the order drawn; which settings they show stays here."""
    keys = keys_beside(question.parameters)
    return {
        "siblings": [
            ShownPicture(key, f"Picture {number} of {len(keys)} to the right", untypical=False)
            for number, key in enumerate(keys, 1)
        ]
    }


def _choice(question: Question, protocol: Protocol) -> Mapping[str, object]:
    """How long the picture is shown, and what is before and after it."""
    asked = protocol.questions
    assert isinstance(asked, ForcedChoiceQuestions)
    return {"asked": asked, "limited": asked.limited}


PAGES: Mapping[str, QuestionPage] = MappingProxyType(
    {
        "prototype_assignment": QuestionPage(
            "assignment.html",
            "assignment_feedback.html",
            "participant/_example_assignment.html",
            "one picture and several groups each",
            _board,
            lambda question: keys_beside(question.parameters),
        ),
        "same_content": QuestionPage(
            "same_content.html",
            "same_content_feedback.html",
            "participant/_example_same_content.html",
            "one large picture and several to its right each",
            _siblings,
            lambda question: keys_beside(question.parameters),
        ),
        "attributes": QuestionPage(
            "attributes.html",
            example="participant/_example_attributes.html",
            beside=lambda question, protocol: {"alone": ALONE},
        ),
        "forced_choice": QuestionPage(
            "forced_choice.html", example="participant/_example_choice.html", beside=_choice
        ),
    }
)
_USUAL = QuestionPage()


def page_of(study: Study) -> QuestionPage:
    """How this study's questions stand on a page."""
    return PAGES.get(protocol_of(study).kind, _USUAL)


def question_context(*, question: Question, study: Study, positive_first: bool) -> dict[str, object]:
    """What every page with a question on it shows, whoever looks at it."""
    protocol = protocol_of(study)
    return {
        "shown": shown_question(question=question, study=study, positive_first=positive_first),
        "stimulus": question.stimulus,
        "exact": study.dataset.enlarge == study.dataset.Enlarge.NEAREST,
        "plan": protocol.recruitment,
        "instructions": protocol.questions.instructions,
        **page_of(study).beside(question, protocol),
    }


def ahead(expected: Expected | None, study: Study) -> tuple[str, ...]:
    """The keys of the pictures that the next page will probably show."""
    if expected is None:
        return ()
    page = page_of(study)
    if page is _USUAL:
        return (expected.stimulus_key,)
    question = Question.objects.filter(key=expected.question_key).only("parameters").first()
    return (expected.stimulus_key, *(page.keys(question) if question else ()))


def shows_criticisms(sitting: Sitting) -> bool:
    """Whether the sitting may be shown criticisms: its own arm does or, where arms are mixed, any arm."""
    protocol = protocol_of(sitting.study)
    if protocol.participants.arm_order != "between" or sitting.arm is None:
        return any(_criticisms(protocol, arm.name) for arm in protocol.arm_setups())
    return _criticisms(protocol, sitting.arm.name)


def _criticisms(protocol: Protocol, arm: str) -> bool:
    plan = setup_of(protocol, arm).plan
    return isinstance(plan, AssignmentArm) and plan.criticisms > 0
