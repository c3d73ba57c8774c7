"""How far each arm of a study is: questions, answers, people, and whether it takes any now."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Sum

from studyapp.models import QuestionSlots, Sitting, Study
from studyapp.protocol.adversarial import AdversarialArm
from studyapp.protocol.schema import ExplanationPlan
from studyapp.services.adversarial.words import arm_asks, arm_shows
from studyapp.services.participation.arms import first_incomplete
from studyapp.services.plans import protocol_of, setup_of


@dataclass(frozen=True, slots=True)
class ArmStanding:
    """One arm: what it shows and asks, in words, and its answers of one mode.

    `sittings`: visits that belong to it; None where a visit goes through every arm. `waits`: it opens only
    when the arm before it has all its answers.
    """

    name: str
    shows: str
    asks: str
    questions: int
    answers: int
    wanted: int
    sittings: int | None
    waits: bool


def arm_standings(study: Study, *, mode: str) -> tuple[ArmStanding, ...]:
    """Every arm in the protocol's order; nothing for a study of one arm."""
    protocol = protocol_of(study)
    arms = list(study.arms.order_by("position"))
    if len(arms) < 2:
        return ()
    rules = protocol.participants
    asked = QuestionSlots.objects.filter(study=study, mode=mode, gold=False).order_by()
    sums = {
        arm: (questions, answers or 0, wanted or 0)
        for arm, questions, answers, wanted in asked.values_list("arm").annotate(
            Count("pk"), Sum("counted"), Sum("required")
        )
    }
    visits = Sitting.objects.filter(study=study, mode=mode).order_by()
    sittings = dict(visits.values_list("arm").annotate(many=Count("pk")))
    current = first_incomplete(study=study, mode=mode, arms=arms) if rules.arm_order == "in_order" else None
    found = []
    for arm in arms:
        plan = setup_of(protocol, arm.name).plan
        attacked = plan if isinstance(plan, AdversarialArm) else None
        questions, answers, wanted = sums.get(arm.pk, (0, 0, 0))
        found.append(
            ArmStanding(
                name=arm.name,
                shows=arm_shows(attacked, protocol.explanation or ExplanationPlan()) if attacked else "",
                asks=arm_asks(attacked) if attacked else arm.wording,
                questions=questions or arm.questions.filter(origin="study").count(),
                answers=answers,
                wanted=wanted,
                sittings=None if rules.arm_order == "within" else sittings.get(arm.pk, 0),
                waits=current is not None and arm.position > current.position,
            )
        )
    return tuple(found)
