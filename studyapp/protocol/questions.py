"""What is asked of whole images and class labels: one parameter dataclass per kind of study.

Sources: Stock and Cissé, "ConvNets and ImageNet Beyond Accuracy" (ECCV 2018), section 3.1, for the
question and its wording; docs/protocols.md says where a default is this project's own decision.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from studyapp.protocol.keys import about
from studyapp.protocol.pictures import PictureQuestions

QuestionForm = Literal["single", "two_alternative"]
FoilSource = Literal["ranks", "siblings"]
Stratum = Literal["classifier", "category", "group"]
Top5Question = Literal["list", "per_class"]
Top5Variant = Literal["A", "B", "both"]

TWO_ALTERNATIVE_VALUES = ("predicted", "true", "both", "neither")
TWO_ALTERNATIVE_POSITIVE = ("predicted", "both")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQuestions(PictureQuestions):
    """What every study of whole images and class labels has beside that: controls, gold, sample."""

    ask_true_label: bool = field(
        default=False,
        metadata=about(
            "Also ask about the dataset's own label of the same image, as a question of its own: gives "
            "the table "
            "both / prediction only / dataset only / neither."
        ),
    )
    controls: float = field(
        default=0.2,
        metadata=about(
            "Share of the study's questions that are controls (null calibration): they measure how readily "
            "people say yes.",
            at_least=0,
            at_most=0.5,
        ),
    )
    foil_share: float = field(
        default=0.5,
        metadata=about(
            "Share of the controls that are hard foils; the rest are dataset labels of correctly "
            "classified images.",
            at_least=0,
            at_most=1,
        ),
    )
    foils: FoilSource = field(
        default="ranks",
        metadata=about(
            "Where foils come from: classes the classifier ranks at `foil_ranks`, or siblings of the "
            "dataset's "
            "label in `hierarchy`."
        ),
    )
    foil_ranks: tuple[int, int] = field(
        default=(6, 20),
        metadata=about(
            "First and last rank (1 = the prediction) from which a foil is drawn.", at_least=2, at_most=1000
        ),
    )
    hierarchy: str | None = field(
        default=None,
        metadata=about(
            "CSV of category (wnid, name or index) and group, beside the protocol file: siblings, strata "
            "and the "
            "breakdown by group."
        ),
    )
    review_sample: int | None = field(
        default=None,
        metadata=about(
            "Ask about this many mistakes per stratum, drawn at random and stored, instead of all of them.",
            at_least=1,
        ),
    )
    review_stratum: Stratum = field(
        default="classifier",
        metadata=about(
            "The strata of `review_sample`: each classifier, each of its true categories, or each of its "
            "groups."
        ),
    )
    gold_share: float = field(
        default=0.0,
        metadata=about(
            "Share of a sitting's questions that are gold: their answer is known, they judge the "
            "participant and "
            "never enter the error rates.",
            at_least=0,
            at_most=0.5,
        ),
    )
    gold_csv: str | None = field(
        default=None,
        metadata=about(
            "CSV of image, label, expected, beside the protocol file. Without it gold is drawn: the "
            "dataset's "
            "label of images every classifier gets right (positive), and foils of other such images "
            "(negative)."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RelevanceQuestions(ImageQuestions):
    """Kind `relevance`: top-1 mistakes, "is the predicted class relevant for this image?"."""

    form: QuestionForm = field(
        default="single",
        metadata=about(
            "`single` asks about one class; `two_alternative` offers the predicted and the dataset's "
            "class in "
            "random order, both, and neither."
        ),
    )
    symmetric: bool = field(
        default=False,
        metadata=about(
            "Also review a sample of correct predictions, so that the error can rise as well as fall."
        ),
    )
    symmetric_sample: int = field(
        default=200,
        metadata=about("Correct predictions drawn per classifier when `symmetric` is true.", at_least=1),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Top5Questions(ImageQuestions):
    """Kind `relevance_top5`: top-1 mistakes shown with the five most probable classes."""

    top5_question: Top5Question = field(
        default="list",
        metadata=about(
            "One question about the whole list, or five questions of one class each, accepted if any "
            "reaches the "
            "agreement (five chances: never compared with `list` unmarked)."
        ),
    )
    top5_variant: Top5Variant = field(
        default="both",
        metadata=about(
            "A counts every top-1 mistake; B only images whose dataset label is not in the list; `both` "
            "asks A's "
            "questions and prints the two tables and their difference."
        ),
    )
    list_wording: str = field(
        default="Is at least one of these relevant?",
        metadata=about("The question about the list; the five class names stand under it."),
    )


MistakeQuestions = RelevanceQuestions | Top5Questions
