"""Protocols of attacked images and of arms in an order: every contradiction is named with its remedy."""

from __future__ import annotations

import pytest

from studyapp.protocol.problems import ProtocolError
from studyapp.protocol.reading import read_protocol_text
from tests.studyapp_tests.protocol_texts import TOP

HEAD = """name = "a"
title = "b"
kind = "adversarial"
dataset = "d"
classifiers = ["c"]
"""
WHOLE = '[[arm]]\nname = "whole"\n'
SHOWN = '[[arm]]\nname = "shown"\nshows = "explanation"\n'
TWO = '[[arm]]\nname = "one"\n[[arm]]\nname = "two"\nclass_help = "gloss"\n'


def _problems(text: str) -> list[str]:
    with pytest.raises(ProtocolError) as caught:
        read_protocol_text(text)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("", r"has no \[\[arm\]\]", 'name = "whole"'),
        (WHOLE + "superpixels = 4\n", "superpixels = 4 has no meaning where the whole image", "take it out"),
        (WHOLE + 'rest = "grey"\n', "rest = .* has no meaning where the whole image", "take it out"),
        (WHOLE + 'explained = "true"\n', "explained = .* has no meaning where the whole", "take it out"),
        (WHOLE + 'method = "gradcam"\n', "method = .* has no meaning where the whole image", "take it out"),
        (
            SHOWN + 'label = "foil"\n',
            "asks about a foil, which is drawn only when the study is made",
            'explained = "adversarial"',
        ),
        (
            SHOWN + '[[arm]]\nname = "r"\nshows = "random_superpixels"\nsuperpixels = 3\n',
            'arm "r" shows random superpixels of the area of an explanation that no arm shows',
            "the same version, method",
        ),
        (
            WHOLE + '[[arm]]\nname = "again"\n',
            'arm "again" shows and asks the same as arm "whole"',
            "say what differs",
        ),
        ("[questions]\nfoil_ranks = [9, 6]\n" + WHOLE, r"foil_ranks = \[9, 6\] is no range", "from 2 to 20"),
        (
            "[questions]\nfoil_ranks = [6, 21]\n" + WHOLE,
            r"foil_ranks = \[6, 21\] is no range",
            "from 2 to 20",
        ),
        ("[attack]\ngrid = true\n" + WHOLE, "0.058 grey levels: on the grid of 8 bits nothing", "1/255"),
        ("[attack]\nradius = 0.0\n" + WHOLE, "radius = 0 leaves a picture as it is", "no limit"),
        ('[explanation]\nlayer = "conv1"\n' + WHOLE, "is for gradcam, which no arm shows", "take it out"),
    ],
)
def test_a_protocol_of_attacked_images_that_contradicts_itself_is_refused(
    text: str, what: str, remedy: str
) -> None:
    [problem] = _problems(HEAD + text)
    with pytest.raises(ProtocolError, match=what):
        read_protocol_text(HEAD + text)
    assert remedy in problem


@pytest.mark.parametrize("order", ["between", "within", "in_order"])
def test_an_order_of_arms_needs_two_arms_in_a_study_of_any_kind(order: str) -> None:
    rules = f'[participants]\narm_order = "{order}"\n'
    [problem] = _problems(TOP + rules)
    assert "needs arms to order" in problem
    assert "write two or more [[arm]]" in problem
    assert read_protocol_text(TOP + rules + TWO).participants.arm_order == order


def test_arms_mixed_in_one_visit_can_not_lie_days_apart() -> None:
    [problem] = _problems(TOP + '[participants]\narm_order = "within"\nwashout_days = 3\n' + TWO)
    assert "washout_days = 3 keeps a person's visits to two arms apart" in problem
    assert "write washout_days = 0" in problem


def test_an_arm_inherits_what_it_leaves_out_of_the_explanation() -> None:
    protocol = read_protocol_text(HEAD + "[explanation]\nsuperpixels = 5\n" + SHOWN)
    from studyapp.protocol.adversarial import AdversarialArm
    from studyapp.services.adversarial.shown import shown_in

    [arm] = protocol.arms
    assert isinstance(arm, AdversarialArm)
    assert protocol.explanation is not None
    picture = shown_in(arm, protocol.explanation)
    assert (picture.superpixels, picture.rest, picture.explained) == (5, "black", "adversarial")
