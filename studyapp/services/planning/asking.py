"""What a study will ask, before it is written: frozen values, pooled into questions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from studyapp.models import Question, QuestionUse
from studyapp.protocol.schema import ArmSetup

Expected = Literal["", "positive", "negative"]


@dataclass(frozen=True, slots=True)
class Use:
    """The part a question plays: `classifier` is a position in the study, the others are rows' ids.

    `weight` is the number of images of the stratum that this draw stands for.
    """

    role: QuestionUse.Role
    classifier: int | None = None
    prediction: int | None = None
    stratum: str = ""
    weight: float = 1.0
    adversarial: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing to ask about an image; categories by id.

    `label` is the class asked about and `other` what stands beside it in a two-alternative question;
    `listed` is a list in ranking order instead. `expected` is the right answer of gold and practice.
    """

    image: int
    use: Use
    label: int | None = None
    other: int | None = None
    listed: tuple[int, ...] = ()
    expected: Expected = ""
    feedback: str = ""

    def categories(self, *, beside: bool) -> tuple[int, ...]:
        """Every category whose name is shown; with `beside`, what stands beside it in two alternatives."""
        named = (self.label, self.other if beside else None)
        return (*(each for each in named if each is not None), *self.listed)


@dataclass(slots=True)
class QuestionDraft:
    """One question to write, with every part it plays; `variant` is that of its stimulus."""

    image: int
    content: str
    origin: Question.Origin
    label: int | None
    labels: tuple[int, ...]
    expected: str = ""
    feedback: str = ""
    uses: list[Use] = field(default_factory=list)
    variant: str = ""


def pooled(asked: Iterable[Asked], setup: ArmSetup) -> tuple[QuestionDraft, ...]:
    """The questions of one arm: what several classifiers make of one image is asked once (rule 2)."""
    drafts: dict[tuple[int, str, str], QuestionDraft] = {}
    for each in asked:
        two = setup.form == "two_alternative"
        if two and each.use.role == QuestionUse.Role.TRUE_LABEL:
            # A two-alternative question shows the dataset's label already.
            continue
        origin = (
            Question.Origin.PRACTICE if each.use.role == QuestionUse.Role.PRACTICE else Question.Origin.STUDY
        )
        label, labels, content = _content(each, two=two)
        key = (each.image, content, origin)
        draft = drafts.get(key)
        if draft is None:
            draft = drafts[key] = QuestionDraft(each.image, content, origin, label, labels)
        if each.expected:
            draft.expected = expected_value(each.expected, setup)
            draft.feedback = each.feedback
        parts = {(use.role, use.classifier) for use in draft.uses}
        if (each.use.role, each.use.classifier) not in parts:
            draft.uses.append(each.use)
    return tuple(drafts.values())


def expected_value(expected: Expected, setup: ArmSetup) -> str:
    """The answer that an arm's vocabulary has for "the class is there" and for "it is not"."""
    if setup.form == "two_alternative":
        return "predicted" if expected == "positive" else "true"
    if expected == "positive":
        return setup.positive[0]
    negative = [value for value in setup.values if value not in setup.positive]
    return "no" if "no" in negative else negative[-1]


def _content(asked: Asked, *, two: bool) -> tuple[int | None, tuple[int, ...], str]:
    """Label, labels and content of `Question`; two alternatives are stored predicted class first."""
    if asked.listed:
        return None, asked.listed, "list:" + ",".join(map(str, asked.listed))
    if two:
        assert asked.label is not None
        assert asked.other is not None
        return None, (asked.label, asked.other), f"two:{asked.label},{asked.other}"
    return asked.label, (), f"label:{asked.label}"
