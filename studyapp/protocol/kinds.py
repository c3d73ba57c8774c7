"""Every kind of study: what its `[questions]`, its `[[arm]]` and its own tables are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from studyapp.protocol.adversarial import AdversarialArm, AdversarialQuestions
from studyapp.protocol.arms import ArmBase
from studyapp.protocol.attack import AttackPlan
from studyapp.protocol.criticism import AssignmentArm, AssignmentQuestions, AttributeQuestions
from studyapp.protocol.explanation import ExplanationPlan
from studyapp.protocol.forced_choice import ForcedChoiceQuestions
from studyapp.protocol.pictures import PictureQuestions
from studyapp.protocol.questions import RelevanceQuestions, Top5Questions
from studyapp.protocol.same_content import SameContentQuestions
from studyapp.protocol.schema import Arm
from studyapp.protocol.stability import StabilityQuestions


@dataclass(frozen=True, slots=True)
class Kind:
    """The dataclasses of one kind; `tables` are those that no other kind need have, by field of Protocol."""

    questions: type[PictureQuestions]
    arm: type[ArmBase] = Arm
    tables: Mapping[str, type] = field(default_factory=dict)


# A new kind is one parameter dataclass and one line here.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "relevance": Kind(RelevanceQuestions),
        "relevance_top5": Kind(Top5Questions),
        "adversarial": Kind(
            AdversarialQuestions,
            AdversarialArm,
            {"attack": AttackPlan, "explanation": ExplanationPlan},
        ),
        "stability": Kind(StabilityQuestions, ArmBase),
        "same_content": Kind(SameContentQuestions, ArmBase),
        "prototype_assignment": Kind(AssignmentQuestions, AssignmentArm),
        "attributes": Kind(AttributeQuestions, ArmBase),
        "forced_choice": Kind(ForcedChoiceQuestions, ArmBase),
    }
)
# Name in the file -> its dataclass, for every table that only some kinds have.
KIND_TABLES: Mapping[str, type] = MappingProxyType(
    {name: table for kind in KINDS.values() for name, table in kind.tables.items()}
)
