"""Every kind of study and what plans it: a new kind is one planner and one line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from studyapp.models import Classifier, Dataset
from studyapp.protocol.schema import Protocol
from studyapp.services.adversarial.plan import plan_adversarial
from studyapp.services.criticism.assignment_plan import plan_assignment
from studyapp.services.criticism.attribute_plan import plan_attributes
from studyapp.services.planning.choice_plan import plan_choices
from studyapp.services.planning.plan import Planner, StudyPlan
from studyapp.services.planning.questions import plan_about_mistakes
from studyapp.services.planning.study_files import StudyFiles
from studyapp.services.refusals import Refused
from studyapp.services.same_content.plan import plan_same_content
from studyapp.services.stability.plan import plan_stability

PLANNERS: Mapping[str, Planner] = MappingProxyType(
    {
        "relevance": plan_about_mistakes,
        "relevance_top5": plan_about_mistakes,
        "adversarial": plan_adversarial,
        "stability": plan_stability,
        "same_content": plan_same_content,
        "prototype_assignment": plan_assignment,
        "attributes": plan_attributes,
        "forced_choice": plan_choices,
    }
)


def plan_study(
    *, protocol: Protocol, dataset: Dataset, classifiers: Sequence[Classifier], files: StudyFiles
) -> StudyPlan:
    """Decide everything that a study of this protocol asks; nothing is written.

    Raises Refused where there is nothing to ask, or what the kind needs has not been computed.
    """
    planner = PLANNERS.get(protocol.kind)
    if planner is None:
        raise Refused(
            f"A study of kind {protocol.kind} can not be created; choose one of {', '.join(PLANNERS)}."
        )
    return planner(protocol, dataset, classifiers, files)
