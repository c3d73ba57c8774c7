"""Kind `adversarial`: do people agree with what a classifier says of attacked images?

Source: Stock and Cissé (ECCV 2018), section 3.2; the control arms are this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from studyapp.protocol.arms import ArmBase
from studyapp.protocol.explanation import Method, Rest
from studyapp.protocol.keys import about
from studyapp.protocol.pictures import PictureQuestions

AdversarialLabel = Literal["displayed", "float"]
Shown = Literal["whole", "explanation", "random_superpixels"]
PictureVersion = Literal["adversarial", "clean"]
AskedLabel = Literal["adversarial", "true", "foil"]
ExplainedClass = Literal["asked", "adversarial", "true"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversarialQuestions(PictureQuestions):
    """Kind `adversarial`: attacked images, whole or as explanations, one question per image and arm."""

    instructions: str = field(
        default=(
            "You will see one picture at a time and a question about it. "
            "A class is relevant for a picture when something in the picture belongs to that class, "
            "also when other things are in the picture too. "
            "Of some pictures only parts can be seen and the rest is covered. "
            "Judge what you see; nobody expects you to answer yes or no more often."
        ),
        metadata=about("What the instructions page says; plain text, blank lines part."),
    )
    adversarial_label: AdversarialLabel = field(
        default="displayed",
        metadata=about(
            "The label people are asked about: what the classifier says of the 8-bit picture they see, or "
            "of the "
            "float result before rounding. `displayed` asks only about files that fool the classifier."
        ),
    )
    sample: int | None = field(
        default=None,
        metadata=about(
            "Ask about this many adversarial images per classifier, drawn and stored; none: all.", at_least=1
        ),
    )
    foil_ranks: tuple[int, int] = field(
        default=(6, 20),
        metadata=about(
            "First and last rank in the classifier's ranking of the shown picture from which `label = "
            '"foil"` draws.',
            at_least=2,
            at_most=1000,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversarialArm(ArmBase):
    """`[[arm]]` of kind `adversarial`: which picture is shown and which label is asked about."""

    shows: Shown = field(
        default="whole",
        metadata=about(
            "The whole image, its explanation (image with attention), or random superpixels of the area "
            "that the "
            "explanation has."
        ),
    )
    version: PictureVersion = field(
        default="adversarial", metadata=about("The picture after or before the attack.")
    )
    method: Method = field(default="lime", metadata=about("The explanation's method."))
    explained: ExplainedClass = field(
        default="asked",
        metadata=about(
            "The class explained: the one asked about, the adversarial label, or the dataset's label."
        ),
    )
    label: AskedLabel = field(
        default="adversarial",
        metadata=about("The class asked about: the adversarial label, the dataset's label, or a foil."),
    )
    superpixels: int | None = field(
        default=None,
        metadata=about("`superpixels` of this arm, instead of `[explanation]`'s.", at_least=1, at_most=1000),
    )
    rest: Rest | None = field(
        default=None, metadata=about("`rest` of this arm, instead of `[explanation]`'s.")
    )
