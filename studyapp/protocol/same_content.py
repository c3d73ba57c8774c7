"""Kind `same_content`: does a picture with changed colours show something else than its siblings?

Source of the question, word for word: Mertens et al., "Colour-dependent prediction stability" (ICANN 2023).
What it leaves open (which siblings stand there, how many, whether the unchanged picture is one of them) is a
parameter here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from studyapp.protocol.keys import about
from studyapp.protocol.pictures import PictureQuestions
from studyapp.protocol.problems import Finding, shown

if TYPE_CHECKING:
    from studyapp.protocol.schema import Protocol

SiblingChoice = Literal["around", "anywhere"]
SOURCE_WORDING = "Do you think this image represents something different than the images to its right?"


@dataclass(frozen=True, slots=True, kw_only=True)
class SameContentQuestions(PictureQuestions):
    """Kind `same_content`: a picture changed by a colour probe beside other changes of the same picture."""

    wording: str = field(
        default=SOURCE_WORDING,
        metadata=about("The question about the picture on the left; the source's own by default."),
    )
    instructions: str = field(
        default=(
            "You will see one large picture and, to its right, several smaller ones. Colours may look "
            "strange in any of them. "
            "Say whether the large picture represents something different than the pictures to its right: "
            "what it shows is meant, not which colours it has. "
            "Judge what you see; nobody expects you to answer yes or no more often."
        ),
        metadata=about("What the instructions page says; plain text, blank lines part."),
    )
    probe: str = field(
        default="",
        metadata=about(
            "Key of the colour probe whose pictures are shown, as its page's address has it; empty: the "
            "newest finished one of the dataset that has every classifier.",
            blank=True,
        ),
    )
    settings: tuple[str, ...] = field(
        default=(),
        metadata=about(
            'The changes asked about, such as "hue 30"; empty: every one of the probe.', blank=True
        ),
    )
    sample: int | None = field(
        default=None,
        metadata=about(
            "Ask about this many changed predictions of each classifier and setting, drawn at random and "
            "stored, instead of all, and about as many pictures of the same setting whose prediction stays.",
            at_least=1,
        ),
    )
    siblings: int = field(
        default=4, metadata=about("Pictures to the right of the one asked about.", at_least=1, at_most=12)
    )
    sibling_choice: SiblingChoice = field(
        default="around",
        metadata=about(
            "`around`: the settings of the same kind (hue or saturation) that lie nearest to the one asked "
            "about, ties drawn; `anywhere`: drawn among all other settings."
        ),
    )
    original: bool = field(
        default=True, metadata=about("Whether the unchanged picture is always one of the siblings.")
    )
    colour_vision: bool = field(
        default=True,
        metadata=about(
            "Ask people once, before the first question, how they see colours; answering is optional and "
            "stored with the sitting under its pseudonym."
        ),
    )
    reveal: bool = field(
        default=False,
        metadata=about(
            "Tell people after each answer is stored whether the classifiers disagree with it, and their "
            "labels. An answer can then not be taken back."
        ),
    )

    @property
    def others(self) -> int:
        """Siblings that are changed pictures."""
        return self.siblings - self.original


def same_content_checks(protocol: Protocol) -> Iterator[Finding]:
    """Findings on the kind `same_content`; none for any other kind."""
    asked = protocol.questions
    if not isinstance(asked, SameContentQuestions):
        return
    if asked.class_help != "none":
        yield Finding(
            (("questions", "class_help"),),
            f"[questions] class_help = {shown(asked.class_help)} in a study of kind same_content, which "
            "shows no class name",
            "take it out",
        )
    if asked.reveal and not protocol.participants.one_look:
        yield Finding(
            (("questions", "reveal"), ("participants", "one_look")),
            "[questions] reveal tells labels of images that the person may be shown again (one_look = false)",
            "write one_look = true, or reveal = false",
        )
    if asked.reveal and set(protocol.answers.values) != {"yes", "no"}:
        yield Finding(
            (("questions", "reveal"), ("answers", "values")),
            f"[answers] values = {shown(list(protocol.answers.values))} with [questions] reveal, which tells "
            "people that they said yes or no",
            'write values = ["yes", "no"], or reveal = false',
        )
    if protocol.participants.practice_csv is not None:
        yield Finding(
            (("participants", "practice_csv"),),
            "[participants] practice_csv in a study of kind same_content, whose practice is drawn",
            "take it out",
        )
    if protocol.exclusions:
        yield Finding(
            (("exclusion", 0),),
            "[[exclusion]] 1 in a study of kind same_content, whose tables leave nobody out",
            "take it out; colour vision has a table of its own",
        )
    if protocol.arms:
        yield Finding(
            (("arm", 0, "name"),),
            "[[arm]] in a study of kind same_content, which shows every picture in one way",
            "take it out, and make a study of each way",
        )
