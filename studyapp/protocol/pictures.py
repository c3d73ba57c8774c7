"""What every study of pictures has: the picture, the words around it, help with a class name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from studyapp.protocol.keys import about

ClassHelp = Literal["none", "synonyms", "gloss", "examples"]
Resampling = Literal["bicubic", "bilinear", "box", "nearest"]

PAPER_WORDING = "Is class {label} relevant for this image?"

_INSTRUCTIONS = (
    "You will see one picture at a time and a question about it. "
    "A class is relevant for a picture when something in the picture belongs to that class, "
    "also when other things are in the picture too. "
    "Judge what you see; there are no trick pictures, and nobody expects you to answer yes or no more often."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureQuestions:
    """Keys of `[questions]` that every kind has."""

    wording: str = field(
        default=PAPER_WORDING,
        metadata=about(
            "The question about one class. `{label}` stands for the class name. It is stored with every "
            "answer."
        ),
    )
    instructions: str = field(
        default=_INSTRUCTIONS,
        metadata=about("What the instructions page says; plain text, blank lines part."),
    )
    class_help: ClassHelp = field(
        default="none",
        metadata=about(
            "What explains a class beside its name: nothing, its synonyms, its gloss (definition), "
            "or example pictures."
        ),
    )
    display_crop: int = field(
        default=224,
        metadata=about(
            "Side in pixels of the square centre crop people see: one per image, whatever the "
            "classifiers' own "
            "crops are.",
            at_least=16,
            at_most=2048,
        ),
    )
    display_resize: int = field(
        default=256,
        metadata=about(
            "Length in pixels to which the shorter side is resized before that crop.",
            at_least=16,
            at_most=4096,
        ),
    )
    display_resampling: Resampling = field(
        default="bicubic",
        metadata=about("How that resize interpolates; `nearest` enlarges tiny pictures without smoothing."),
    )
