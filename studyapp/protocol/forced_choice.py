"""Kind `forced_choice`: a picture, perhaps for a moment only, and one of several categories to choose.

Source: Geirhos et al., "ImageNet-trained CNNs are biased towards texture" (ICLR 2019), appendix A.1: 300 ms
of a fixation square, the picture for 200 ms, a noise mask for 200 ms, then sixteen categories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from studyapp.analysis.sixteen import SIXTEEN
from studyapp.protocol.keys import about
from studyapp.protocol.pictures import PictureQuestions
from studyapp.protocol.problems import Finding, shown

if TYPE_CHECKING:
    from studyapp.protocol.schema import Protocol

Begin = Literal["automatic", "key"]
MOST_CATEGORIES = 36
# `Question.expected` of a practice question holds a category.
LONGEST_CATEGORY = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedChoiceQuestions(PictureQuestions):
    """Kind `forced_choice`: one picture, one choice among categories that are the same for everybody."""

    wording: str = field(
        default="What did the picture show?", metadata=about("The question above the categories.")
    )
    instructions: str = field(
        default=(
            "You will see one picture at a time, and then choose the word that fits it best. Pictures may be "
            "on the screen for a moment only, so look at the small square in the middle until the picture "
            "comes. There is always a word to choose; where you are not sure, choose the one that comes to "
            "your mind."
        ),
        metadata=about("What the instructions page says; plain text, blank lines part."),
    )
    categories: tuple[str, ...] = field(
        default=SIXTEEN,
        metadata=about(
            "What can be chosen, in the order of the buttons, row by row. Pictures are named after two of "
            "them: cat7-elephant1.png."
        ),
    )
    presentation_ms: int = field(
        default=200,
        metadata=about(
            "For how long the picture is on the screen; without a limit (0) until the answer.",
            at_least=0,
            at_most=10_000,
        ),
    )
    fixation_ms: int = field(
        default=300,
        metadata=about("For how long a small square is shown before it.", at_least=0, at_most=5_000),
    )
    mask_ms: int = field(
        default=200,
        metadata=about("For how long noise is shown after it; 0 shows none.", at_least=0, at_most=5_000),
    )
    begin: Begin = field(
        default="automatic",
        metadata=about(
            "`automatic`: the square comes by itself after each answer; `key`: when the person asks for it. "
            "The first picture, and every one of people who want reduced motion, waits for the person."
        ),
    )
    pictures: int | None = field(
        default=None,
        metadata=about(
            "Ask about this many pictures in conflict, drawn at random and stored, instead of all.",
            at_least=1,
        ),
    )

    @property
    def limited(self) -> bool:
        """Whether the picture is on the screen for a limited time."""
        return bool(self.presentation_ms)


def forced_choice_checks(protocol: Protocol) -> Iterator[Finding]:
    """Findings on the kind `forced_choice`, and on other kinds that name no classifier."""
    questions = protocol.questions
    if not isinstance(questions, ForcedChoiceQuestions):
        if not protocol.classifiers:
            yield Finding((("classifiers",),), "classifiers is an empty list", "name at least one")
        return
    if protocol.classifiers:
        yield Finding(
            (("classifiers",),),
            f"classifiers = {shown(protocol.classifiers)} in a study of kind forced_choice, which asks about "
            "no prediction",
            "write classifiers = []; networks measured by `probe texture` stand in the same figure",
        )
    names = questions.categories
    where = ("questions", "categories")
    if not 2 <= len(names) <= MOST_CATEGORIES or len(set(names)) < len(names):
        yield Finding(
            (where,),
            f"[questions] categories names {len(names)}",
            f"name 2 to {MOST_CATEGORIES} categories, each once",
        )
    odd = [name for name in names if not (name.isascii() and name.isalpha() and name == name.lower())]
    if odd or max(map(len, names), default=0) > LONGEST_CATEGORY:
        yield Finding(
            (where,),
            f"[questions] categories has {shown(odd[0] if odd else max(names, key=len))}",
            f"write lower-case letters only, at most {LONGEST_CATEGORY}, as in the pictures' names",
        )
    if questions.class_help != "none":
        yield Finding(
            (("questions", "class_help"),),
            f"[questions] class_help = {shown(questions.class_help)} in a study of kind forced_choice, whose "
            "categories are words on buttons",
            "take it out",
        )
    if protocol.answers.stop_when_decided:
        yield Finding(
            (("answers", "stop_when_decided"),),
            "[answers] stop_when_decided in a study of kind forced_choice, whose questions have no verdict",
            "write stop_when_decided = false",
        )
    if protocol.participants.practice_csv is not None:
        yield Finding(
            (("participants", "practice_csv"),),
            "[participants] practice_csv in a study of kind forced_choice, whose practice is drawn",
            "take it out",
        )
    if protocol.exclusions:
        yield Finding(
            (("exclusion", 0, "measure"),),
            "[[exclusion]] in a study of kind forced_choice, whose tables leave nobody out",
            "take it out",
        )
    if protocol.arms:
        yield Finding(
            (("arm", 0, "name"),),
            "[[arm]] in a study of kind forced_choice, which shows every picture in one way",
            "take it out, and make a study of each way",
        )
