"""What the keys of a protocol of kind `adversarial` must be to each other, and those of arms in an order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from studyapp.protocol.adversarial import AdversarialArm, AdversarialQuestions
from studyapp.protocol.lines import Path
from studyapp.protocol.problems import Finding, shown, spelled
from studyapp.protocol.schema import Protocol

# An attack keeps so many classes of every picture.
RANKED = 20
_ABOUT_EXPLANATIONS = ("method", "explained", "superpixels", "rest")
# ImageNet's largest standard deviation: the largest step that one unit of normalised pixels can be.
_LARGEST_STD = 0.229
_GREY_LEVELS = 255


def adversarial_checks(protocol: Protocol) -> Iterator[Finding]:
    """Findings on attack, questions and arms of kind `adversarial`; none for any other kind."""
    questions = protocol.questions
    if not isinstance(questions, AdversarialQuestions):
        return
    yield from _attack(protocol)
    yield from _foils(protocol, questions)
    yield from _explanation(protocol)
    if not protocol.arms:
        yield Finding(
            (("arm",),),
            "a study of kind adversarial has no [[arm]], so nothing says what people are shown",
            'write at least one, such as: [[arm]] name = "whole"',
        )
    for index, arm in enumerate(protocol.arms):
        if isinstance(arm, AdversarialArm):
            yield from _arm(index, arm)
            yield from _control(index, arm, protocol)
    yield from _alike(protocol)


def order_checks(protocol: Protocol) -> Iterator[Finding]:
    """Findings on `[participants] arm_order`, for every kind."""
    rules = protocol.participants
    where: Path = ("participants", "arm_order")
    if rules.arm_order != "least_used" and len(protocol.arms) < 2:
        yield Finding(
            (where, ("arm",)),
            f"[participants] arm_order = {shown(rules.arm_order)} needs arms to order, and the study has "
            f"{len(protocol.arms) or 'none'}",
            "write two or more [[arm]], or take arm_order out",
        )
    elif rules.arm_order == "within" and rules.washout_days > 0:
        yield Finding(
            (("participants", "washout_days"), where),
            f"[participants] washout_days = {rules.washout_days:g} keeps a person's visits to two arms apart,"
            ' and arm_order = "within" mixes the arms in one visit',
            'write washout_days = 0, or another order such as "least_used"',
        )


def _attack(protocol: Protocol) -> Iterator[Finding]:
    attack = protocol.attack
    if attack is None:
        return
    if attack.radius == 0:
        yield Finding(
            (("attack", "radius"),),
            "[attack] radius = 0 leaves a picture as it is",
            "give a positive radius, or take it out for no limit",
        )
    unit = _LARGEST_STD if attack.space == "normalised" else 1.0
    levels = attack.step * unit * _GREY_LEVELS
    if attack.grid and attack.norm == "linf" and levels < 0.5:
        yield Finding(
            (("attack", "step"), ("attack", "grid")),
            f"[attack] step = {attack.step:g} is {levels:.2g} grey levels: on the grid of 8 bits nothing "
            "would ever change",
            'write space = "pixel" and step = 0.00392156862745098 (1/255) or more, or grid = false',
        )


def _foils(protocol: Protocol, questions: AdversarialQuestions) -> Iterator[Finding]:
    first, last = questions.foil_ranks
    if first > last or last > RANKED:
        yield Finding(
            (("questions", "foil_ranks"),),
            f"[questions] foil_ranks = [{first}, {last}] is no range of foils",
            f"give first and last rank from 2 to {RANKED}: an attack keeps {RANKED} classes of a picture",
        )


def _explanation(protocol: Protocol) -> Iterator[Finding]:
    methods = {
        arm.method for arm in protocol.arms if isinstance(arm, AdversarialArm) and arm.shows != "whole"
    }
    if (
        protocol.explanation is not None
        and protocol.explanation.layer is not None
        and "gradcam" not in methods
    ):
        yield Finding(
            (("explanation", "layer"),),
            f"[explanation] layer = {shown(protocol.explanation.layer)} is for gradcam, which no arm shows",
            'take it out, or write method = "gradcam" in an arm',
        )


def _arm(index: int, arm: AdversarialArm) -> Iterator[Finding]:
    plain = AdversarialArm(name=arm.name)
    if arm.shows == "whole":
        for key in _ABOUT_EXPLANATIONS:
            if getattr(arm, key) != getattr(plain, key):
                where: Path = ("arm", index, key)
                yield Finding(
                    (where, ("arm", index, "shows")),
                    f"{spelled(where)} = {shown(getattr(arm, key))} has no meaning where the whole image is "
                    "shown",
                    'take it out, or write shows = "explanation"',
                )
    elif arm.label == "foil" and arm.explained == "asked":
        yield Finding(
            (("arm", index, "explained"), ("arm", index, "label")),
            f"{spelled(('arm', index, 'label'))} asks about a foil, which is drawn only when the study is "
            "made, so its explanation can not have been computed",
            'write explained = "adversarial" (or "true") in this arm',
        )


def _control(index: int, arm: AdversarialArm, protocol: Protocol) -> Iterator[Finding]:
    """Random superpixels are as large as an explanation: one that people see in another arm."""
    if arm.shows != "random_superpixels":
        return
    shown_ones = {
        _explanation_of(other, protocol)
        for other in protocol.arms
        if isinstance(other, AdversarialArm) and other.shows == "explanation"
    }
    if _explanation_of(arm, protocol) not in shown_ones:
        yield Finding(
            (("arm", index, "shows"), ("arm", index, "superpixels"), ("arm", index, "method"), ("arm",)),
            f"arm {shown(arm.name)} shows random superpixels of the area of an explanation that no arm shows",
            'write an arm with shows = "explanation" and the same version, method, class explained and '
            "number of superpixels",
        )


def _explanation_of(arm: AdversarialArm, protocol: Protocol) -> tuple[object, ...]:
    inherited = protocol.explanation.superpixels if protocol.explanation else None
    explained = arm.label if arm.explained == "asked" else arm.explained
    return (arm.version, arm.method, explained, arm.superpixels or inherited)


def _alike(protocol: Protocol) -> Iterator[Finding]:
    seen: dict[object, str] = {}
    for index, arm in enumerate(protocol.arms):
        asked = replace(arm, name="")
        if asked in seen:
            yield Finding(
                (("arm", index),),
                f"arm {shown(arm.name)} shows and asks the same as arm {shown(seen[asked])}",
                "say what differs, or leave one of them out",
            )
        seen.setdefault(asked, arm.name)
