"""What a reader of a study must know of its plan, in words."""

from __future__ import annotations

from dataclasses import dataclass

from studyapp.protocol.pictures import PictureQuestions
from studyapp.protocol.questions import MistakeQuestions
from studyapp.protocol.schema import (
    AdversarialQuestions,
    AssignmentArm,
    AssignmentQuestions,
    AttackPlan,
    AttributeQuestions,
    ExplanationPlan,
    ForcedChoiceQuestions,
    Protocol,
    SameContentQuestions,
)
from studyapp.protocol.stability import StabilityQuestions
from studyapp.templatetags.formats import number


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the protocol's summary."""

    name: str
    value: str


def protocol_facts(protocol: Protocol) -> tuple[Fact, ...]:
    """The summary of a protocol of any kind."""
    asked, people = protocol.questions, protocol.participants
    return (
        Fact("Kind", protocol.kind),
        Fact("Question", asked.wording),
        *_of_kind(protocol),
        Fact("Picture", _picture(asked)),
        Fact("One sitting", f"{people.questions_per_sitting} questions"),
        Fact("One look", "a person sees an image once" if people.one_look else "no"),
    )


def _picture(asked: PictureQuestions) -> str:
    side = f"{asked.display_crop} × {asked.display_crop} px"
    if isinstance(asked, AdversarialQuestions | SameContentQuestions | StabilityQuestions):
        return f"the classifier's own pixels, small ones enlarged towards {side}"
    return f"{side} centre crop"


def _of_kind(protocol: Protocol) -> tuple[Fact, ...]:
    asked = protocol.questions
    if isinstance(asked, AssignmentQuestions):
        return _assignment(protocol, asked)
    if isinstance(asked, AttributeQuestions):
        return _attributes(protocol, asked)
    if isinstance(asked, ForcedChoiceQuestions):
        return _forced_choice(protocol, asked)
    answers = protocol.answers
    mistakes = protocol.about_mistakes
    return (
        Fact("Answers", f"{answers.required} each: {', '.join(answers.values)}"),
        Fact(
            "Agreement",
            f"at least {answers.agreement} of {answers.required} say {', '.join(answers.positive)}",
        ),
        Fact(
            "Decided early",
            "closes a question once its verdict is certain" if answers.stop_when_decided else "no",
        ),
        *(_about_mistakes(mistakes) if mistakes else ()),
        *(_attacked(protocol, asked) if isinstance(asked, AdversarialQuestions) else ()),
        *(_flips(asked) if isinstance(asked, StabilityQuestions) else ()),
        *(_same_content(asked) if isinstance(asked, SameContentQuestions) else ()),
        Fact("Rule", f"{protocol.analysis.rule}, incomplete questions {protocol.analysis.incomplete}"),
    )


def _about_mistakes(asked: MistakeQuestions) -> tuple[Fact, ...]:
    sample = asked.review_sample
    return (
        Fact(
            "Asked about",
            f"a sample of mistakes, {number(sample)} a {asked.review_stratum}" if sample else "every mistake",
        ),
        Fact("Controls", f"{100 * asked.controls:g} % of the questions"),
        Fact("Gold", f"{100 * asked.gold_share:g} % of a sitting"),
    )


def _flips(asked: StabilityQuestions) -> tuple[Fact, ...]:
    of = "classifier and setting" if asked.sample_per == "setting" else "classifier"
    return (
        Fact(
            "Asked about",
            f"a sample of {number(asked.sample)} flips a {of}" if asked.sample else "every flip",
        ),
        Fact("Probe", asked.probe or "the newest finished one"),
        Fact("Settings", ", ".join(asked.settings) or "every one of the probe"),
        Fact("Directions", ", ".join(each.replace("_", " ") for each in asked.directions)),
        Fact("Controls", f"{100 * asked.controls:g} % of the questions"),
    )


def _attacked(protocol: Protocol, asked: AdversarialQuestions) -> tuple[Fact, ...]:
    attack, shown = protocol.attack or AttackPlan(), protocol.explanation or ExplanationPlan()
    people = protocol.participants
    grid = ", on the grid of 8 bits" if attack.grid else ""
    return (
        Fact(
            "Asked about",
            f"a sample of {number(asked.sample)} attacked images a classifier"
            if asked.sample
            else "every attacked image that fools the classifier",
        ),
        Fact("Adversarial label", "of the 8-bit file" if asked.adversarial_label == "displayed" else "float"),
        Fact(
            "Attack",
            f"{attack.norm}, step {attack.step:.4g} in {attack.space} units, at most {attack.steps}{grid}",
        ),
        Fact("Explanations", f"{shown.segmenter}, {shown.superpixels} superpixels, rest {shown.rest}"),
        Fact("Arms are given out", people.arm_order.replace("_", " ")),
        Fact("Washout", f"{people.washout_days:g} days" if people.washout_days else "none"),
    )


def _assignment(protocol: Protocol, asked: AssignmentQuestions) -> tuple[Fact, ...]:
    arms = [arm for arm in protocol.arms if isinstance(arm, AssignmentArm)]
    shown = (f"{arm.name}: {arm.method}, {arm.prototypes} + {arm.criticisms}" for arm in arms)
    return (
        Fact("Answers", f"{protocol.answers.required} each: one of {asked.groups} groups"),
        Fact("Chance", f"1 of {asked.groups}"),
        Fact("Trials", f"{asked.trials}, the same in every arm; distractors {asked.distractors}"),
        Fact("Arms (prototypes + criticisms)", "; ".join(shown)),
        Fact("Arms are given out", protocol.participants.arm_order),
        Fact(
            "Times in the filtered table",
            f"{asked.seconds_at_least:g} to {asked.seconds_at_most:g} s; every answer is kept",
        ),
    )


def _forced_choice(protocol: Protocol, asked: ForcedChoiceQuestions) -> tuple[Fact, ...]:
    shown = "until the answer"
    if asked.limited:
        shown = f"{asked.presentation_ms} ms, after {asked.fixation_ms} ms; noise for {asked.mask_ms} ms"
    return (
        Fact(
            "Answers", f"{protocol.answers.required} people each: one of {len(asked.categories)} categories"
        ),
        Fact("Pictures", f"a sample of {number(asked.pictures)}" if asked.pictures else "all in conflict"),
        Fact("Shown for", shown),
    )


def _same_content(asked: SameContentQuestions) -> tuple[Fact, ...]:
    drawn = f"{number(asked.sample)} flips a classifier and setting" if asked.sample else "every flip"
    chosen = "nearest settings" if asked.sibling_choice == "around" else "drawn settings"
    beside = f"{asked.siblings}: {chosen}" + (" and the unchanged picture" if asked.original else "")
    return (
        Fact("Asked about", f"{drawn}, and as many pictures whose prediction stays"),
        Fact("Settings", ", ".join(asked.settings) or "every one of the probe"),
        Fact("Siblings", beside),
        Fact("Colour vision", "asked, optional" if asked.colour_vision else "not asked"),
        Fact("Labels", "told after each answer" if asked.reveal else "never told"),
    )


def _attributes(protocol: Protocol, asked: AttributeQuestions) -> tuple[Fact, ...]:
    answers = protocol.answers
    return (
        Fact("Attributes", ", ".join(asked.attributes)),
        Fact("Answers", f"{answers.required} people each; {answers.agreement} must see an attribute"),
        Fact("Category", asked.category),
        Fact("Groups", ", ".join(each.replace("_", " ") for each in asked.audited)),
        Fact(
            "Prototypes and criticisms",
            f"{asked.method}, {asked.prototypes} + {asked.criticisms}; samples of {asked.group_sample}",
        ),
    )
