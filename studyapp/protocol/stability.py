"""Kind `stability`: are the labels that predictions flip to relevant for the changed pictures?

The probes are those of the colour poster (Mertens et al., ICANN 2023) and of others; asking people about
their flips is this project's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from studyapp.protocol.keys import about
from studyapp.protocol.pictures import PictureQuestions
from studyapp.protocol.problems import Finding, shown

if TYPE_CHECKING:
    from studyapp.protocol.schema import Protocol

FlipDirection = Literal["right_to_wrong", "wrong_to_right", "wrong_to_wrong"]
SamplePer = Literal["setting", "classifier"]
DIRECTIONS: tuple[FlipDirection, ...] = get_args(FlipDirection)
# A prediction keeps so many classes of every picture.
_RANKED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityQuestions(PictureQuestions):
    """Kind `stability`: pictures changed by a probe, with the label that the prediction flipped to."""

    instructions: str = field(
        default=(
            "You will see one picture at a time and a question about it. "
            "A class is relevant for a picture when something in the picture belongs to that class, "
            "also when other things are in the picture too. "
            "Colours may look strange and pictures may be shifted. "
            "Judge what you see; nobody expects you to answer yes or no more often."
        ),
        metadata=about("What the instructions page says; plain text, blank lines part."),
    )
    probe: str = field(
        default="",
        metadata=about(
            "Key of the probe whose flips are asked about, as its page's address has it; empty: the newest "
            "finished one of the dataset that has every classifier.",
            blank=True,
        ),
    )
    settings: tuple[str, ...] = field(
        default=(),
        metadata=about(
            'The changes whose flips are asked about, such as "hue 30"; empty: every one of the probe.',
            blank=True,
        ),
    )
    directions: tuple[str, ...] = field(
        default=DIRECTIONS,
        metadata=about(
            "Which flips: `right_to_wrong`, `wrong_to_right`, `wrong_to_wrong`. The others are not asked "
            "about and stay unstable."
        ),
    )
    sample: int | None = field(
        default=None,
        metadata=about("Ask about this many flips, drawn at random and stored; none: all.", at_least=1),
    )
    sample_per: SamplePer = field(
        default="setting",
        metadata=about(
            "Whether `sample` is drawn for each classifier and setting, or for each classifier from the "
            "flips of all settings together."
        ),
    )
    controls: float = field(
        default=0.2,
        metadata=about(
            "Share of the study's questions that are controls: they measure how readily people say yes to "
            "changed pictures.",
            at_least=0,
            at_most=0.5,
        ),
    )
    foil_share: float = field(
        default=0.5,
        metadata=about(
            "Share of the controls that are foils on pictures that flipped; the rest are dataset labels of "
            "changed pictures whose prediction stayed right.",
            at_least=0,
            at_most=1,
        ),
    )
    foil_ranks: tuple[int, int] = field(
        default=(6, 20),
        metadata=about(
            "First and last rank in the classifier's ranking of the unchanged image from which a foil is "
            "drawn.",
            at_least=2,
            at_most=1000,
        ),
    )


def stability_checks(protocol: Protocol) -> Iterator[Finding]:
    """Findings on the kind `stability`; none for any other kind."""
    asked = protocol.questions
    if not isinstance(asked, StabilityQuestions):
        return
    unknown = [each for each in asked.directions if each not in DIRECTIONS]
    if unknown:
        yield Finding(
            (("questions", "directions"),),
            f"[questions] directions has {shown(unknown[0])}, which is no way for a prediction to flip",
            f"write some of {', '.join(DIRECTIONS)}",
        )
    first, last = asked.foil_ranks
    if first > last or last > _RANKED:
        yield Finding(
            (("questions", "foil_ranks"),),
            f"[questions] foil_ranks = [{first}, {last}] is no range of foils",
            f"give first and last rank from 2 to {_RANKED}: a prediction keeps {_RANKED} classes",
        )
    if protocol.exclusions:
        yield Finding(
            (("exclusion", 0),),
            "[[exclusion]] 1 in a study of kind stability, whose tables leave nobody out",
            "take it out",
        )
    if asked.sample is None and asked.sample_per != "setting":
        yield Finding(
            (("questions", "sample_per"),),
            f"[questions] sample_per = {shown(asked.sample_per)} says what is sampled, and nothing is",
            "give a sample, or take sample_per out",
        )
