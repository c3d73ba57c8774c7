"""Kinds `prototype_assignment` and `attributes`: model criticism and the bias audit.

Source: Stock and Cissé (ECCV 2018), sections 3.3 and 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from studyapp.protocol.arms import ArmBase
from studyapp.protocol.keys import about
from studyapp.protocol.pictures import PictureQuestions

ExampleMethod = Literal["mmd_critic", "adversarial", "probability", "random"]
Distractors = Literal["random", "similar"]
AuditGroup = Literal["prototypes", "criticisms", "training", "validation", "other_categories"]

NONE_OF_THEM = "none"
CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentQuestions(PictureQuestions):
    """Kind `prototype_assignment`: groups of pictures and a target; which group does it belong to?"""

    wording: str = field(
        default="Which group does this picture belong to?",
        metadata=about("The question under the target picture."),
    )
    instructions: str = field(
        default=(
            "You will see one picture and several groups of pictures. The pictures of a group belong "
            "together: "
            "they show the same kind of thing. One more picture of one of these groups stands apart. "
            "Choose the group it belongs to."
        ),
        metadata=about("What the instructions page says; plain text, blank lines part."),
    )
    criticism_instructions: str = field(
        default=(
            "In some groups the last pictures are marked as untypical: they belong to the group, too, but "
            "are not "
            "like most of it."
        ),
        metadata=about("Added to the instructions where an arm shows criticisms."),
    )
    groups: int = field(
        default=6, metadata=about("Groups, one category each; chance is one of them.", at_least=2, at_most=9)
    )
    trials: int = field(
        default=20,
        metadata=about("Targets, each asked in every arm with the same groups of categories.", at_least=1),
    )
    distractors: Distractors = field(
        default="random",
        metadata=about("How the other categories are drawn: at random, or the nearest by mean feature."),
    )
    categories: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Categories the groups are drawn from, by wnid, name or index; none: all that every arm's "
            "examples cover.",
            blank=True,
        ),
    )
    target_split: str = field(
        default="", metadata=about("Split the targets are drawn from; empty: any.", blank=True)
    )
    near_duplicate: float = field(
        default=0.98,
        metadata=about(
            "Cosine of features from which an image shown counts as a near-duplicate of a target, which is "
            "then not asked about. 1 leaves out equal files only, and needs no features.",
            at_least=0,
            at_most=1,
        ),
    )
    seconds_at_least: float = field(
        default=20.0, metadata=about("Answers given faster are left out of the filtered table.", at_least=0)
    )
    seconds_at_most: float = field(
        default=180.0, metadata=about("Answers given slower are left out of the filtered table.", at_least=0)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentArm(ArmBase):
    """`[[arm]]` of kind `prototype_assignment`: one condition."""

    method: ExampleMethod = field(metadata=about("How the pictures of a group are chosen."))
    prototypes: int = field(default=6, metadata=about("Prototypes of each group.", at_least=1, at_most=12))
    criticisms: int = field(default=0, metadata=about("Criticisms of each group.", at_least=0, at_most=12))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeQuestions(PictureQuestions):
    """Kind `attributes`: which of these can be seen in the picture? Blinded to the group it comes from."""

    wording: str = field(
        default="Which of these can you see in the picture?", metadata=about("The question.")
    )
    instructions: str = field(
        default=(
            "You will see one picture at a time and a list. Choose everything on the list that you can see "
            "in the "
            "picture, as it appears to you. Choose none of them where nothing fits, and cannot tell where "
            "the "
            "picture does not allow you to say."
        ),
        metadata=about("What the instructions page says; plain text, blank lines part."),
    )
    attributes: tuple[str, ...] = field(
        metadata=about('What may be chosen, several at once; "none" and "cannot tell" are added.')
    )
    category: str = field(metadata=about("The category audited: its wnid, name or index."))
    method: ExampleMethod = field(
        default="mmd_critic", metadata=about("Whose prototypes and criticisms are audited.")
    )
    prototypes: int = field(default=50, metadata=about("Prototypes audited.", at_least=1))
    criticisms: int = field(default=50, metadata=about("Criticisms audited.", at_least=0))
    audited: tuple[AuditGroup, ...] = field(
        default=("prototypes", "criticisms", "training"),
        metadata=about("The groups whose rates are compared; `training` is the reference."),
    )
    group_sample: int = field(
        default=100, metadata=about("Images drawn for each of the reference groups.", at_least=1)
    )
    training_split: str = field(
        default="", metadata=about("Split of the `training` group; empty: any.", blank=True)
    )
    validation_split: str = field(
        default="", metadata=about("Split of the `validation` group; empty: any.", blank=True)
    )
