"""A question in the words and the order in which one sitting sees it."""

from __future__ import annotations

import string
from dataclasses import dataclass

from studyapp.models import Category, Question, Stimulus, Study
from studyapp.protocol.criticism import CANNOT_TELL, NONE_OF_THEM
from studyapp.protocol.schema import ArmSetup, ForcedChoiceQuestions, Top5Questions
from studyapp.services.plans import protocol_of, setup_of

_TWO_ALTERNATIVE = {"both": "Both", "neither": "Neither"}
# Text and key of what can only be chosen alone.
_ALONE = {NONE_OF_THEM: ("None of these", "N"), CANNOT_TELL: ("Cannot tell", "C")}
# Four rows of a keyboard lie as the first sixteen buttons do; more than that take what is left.
_GRID_KEYS = "1234QWERASDFZXCV567890TYUIOPGHJKLBNM"
_ALONE_KEYS = frozenset(key for _, key in _ALONE.values())
# What the forms of two alternatives send for the left and the right class: the page's source must not
# say which of them the dataset has (rule 4).
SIDES = ("left", "right")


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer button: what is stored, what it says, which key presses it, what its form sends."""

    value: str
    text: str
    key: str
    sent: str


@dataclass(frozen=True, slots=True)
class Help:
    """What explains a class beside its name."""

    label: str
    synonyms: str
    gloss: str


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    """The sentence around the label, the labels of a list, the buttons, and help on the classes."""

    before: str
    label: str
    after: str
    labels: tuple[str, ...]
    choices: tuple[Choice, ...]
    help: tuple[Help, ...]
    examples: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The sentence as it is shown, which is stored with the answer."""
        return f"{self.before}{self.label}{self.after}"


def shown_question(*, question: Question, study: Study, positive_first: bool) -> ShownQuestion:
    """How `question` (with its label and arm loaded) is asked in a sitting with these sides."""
    protocol = protocol_of(study)
    setup = setup_of(protocol, question.arm.name)
    listed = _listed(question)
    names = tuple(category.name for category in listed)
    if question.label is not None:
        wording = question.arm.wording or setup.wording
    elif isinstance(protocol.questions, Top5Questions) and setup.form == "single":
        wording = protocol.questions.list_wording
    else:
        wording = setup.wording
    label = question.label.name if question.label is not None else ""
    before, mark, after = wording.partition("{label}")
    explained = [question.label] if question.label is not None else listed
    return ShownQuestion(
        before=before,
        label=label if mark else "",
        after=after,
        labels=() if setup.form == "two_alternative" else names,
        choices=_grid(setup)
        if isinstance(protocol.questions, ForcedChoiceQuestions)
        else _choices(setup, names, positive_first),
        help=_help(setup, explained),
        examples=_examples(question) if setup.class_help == "examples" else (),
    )


def value_of(*, sent: str, study: Study, arm: str, positive_first: bool) -> str:
    """The answer that a form's value stands for in a sitting with these sides."""
    if setup_of(protocol_of(study), arm).form != "two_alternative":
        return sent
    return dict(zip(SIDES, _pair(positive_first), strict=True)).get(sent, sent)


def example_wording(study: Study, arm: str) -> str:
    """The sentence that the worked example asks about one class, with `{label}`; empty where none fits."""
    setup = setup_of(protocol_of(study), arm)
    return setup.wording if "{label}" in setup.wording else ""


def _listed(question: Question) -> list[Category]:
    if not question.labels:
        return []
    found = Category.objects.in_bulk(question.labels)
    return [found[pk] for pk in question.labels]


def _examples(question: Question) -> tuple[str, ...]:
    """The keys of its example pictures, those left out that a reviewer holds back."""
    keys: list[str] = question.parameters.get("examples", [])
    held_back = Stimulus.objects.filter(key__in=keys, review=Stimulus.Review.HELD_BACK)
    left_out = set(held_back.values_list("key", flat=True))
    return tuple(key for key in keys if key not in left_out)


def _choices(setup: ArmSetup, names: tuple[str, ...], positive_first: bool) -> tuple[Choice, ...]:
    """The buttons from left to right; of two alternatives the classes change sides, both and neither stay."""
    if setup.form == "two_alternative" and len(names) == 2:
        texts = {"predicted": names[0], "true": names[1], **_TWO_ALTERNATIVE}
        pair = _pair(positive_first)
        sent = dict(zip(pair, SIDES, strict=True))
        values: tuple[str, ...] = (*pair, *(value for value in setup.values if value not in pair))
    elif not setup.positive:
        # Groups and attributes speak for nothing: they stand in the protocol's order for everybody.
        return _in_order(setup)
    else:
        texts, sent = {}, {}
        forward = (setup.values[0] in setup.positive) == positive_first
        values = setup.values if forward else setup.values[::-1]
    keys = _keys(values, by_letter=not texts)
    return tuple(
        Choice(value, texts.get(value) or value.replace("_", " ").capitalize(), key, sent.get(value, value))
        for value, key in zip(values, keys, strict=True)
    )


def _grid(setup: ArmSetup) -> tuple[Choice, ...]:
    """Categories in the protocol's order, each with the key that lies where its button does."""
    return tuple(
        Choice(value, value.replace("_", " "), key, value)
        for value, key in zip(setup.values, _GRID_KEYS, strict=False)
    )


def _in_order(setup: ArmSetup) -> tuple[Choice, ...]:
    """Groups by their numbers; attributes by 1 to 9, then letters; what is chosen alone by its own letter."""
    keys = (each for each in "123456789" + string.ascii_uppercase if each not in _ALONE_KEYS)
    return tuple(
        Choice(value, *_ALONE[value], value)
        if value in _ALONE
        else Choice(value, value[:1].upper() + value[1:].replace("_", " "), next(keys), value)
        for value in setup.values
    )


def _pair(positive_first: bool) -> tuple[str, str]:
    return ("predicted", "true") if positive_first else ("true", "predicted")


def _keys(values: tuple[str, ...], *, by_letter: bool) -> tuple[str, ...]:
    """The first letters where they tell the answers apart, else 1, 2, 3 from left to right."""
    letters = tuple(value[:1].upper() for value in values)
    if (
        by_letter
        and len(set(letters)) == len(letters)
        and all(key in string.ascii_uppercase for key in letters)
    ):
        return letters
    return tuple(str(number) for number in range(1, len(values) + 1))


def _help(setup: ArmSetup, categories: list[Category]) -> tuple[Help, ...]:
    if setup.class_help not in ("synonyms", "gloss"):
        return ()
    found = (
        Help(
            category.name,
            category.synonyms if setup.class_help == "synonyms" else "",
            category.gloss if setup.class_help == "gloss" else "",
        )
        for category in categories
    )
    return tuple(item for item in found if item.synonyms or item.gloss)
