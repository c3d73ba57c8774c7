"""The answers of a bias audit as counts: how many annotators saw each attribute in each image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studyapp.analysis.bias_audit import (
    Annotations,
    AttributeAgreement,
    GroupRate,
    PerceptionRule,
    attribute_agreement,
    group_rates,
)
from studyapp.exports.columns import FETCHED_AT_ONCE
from studyapp.models import Answer, Question, QuestionUse, Study
from studyapp.protocol.criticism import CANNOT_TELL, AttributeQuestions
from studyapp.protocol.schema import Protocol
from studyapp.services.participation.choosing import chosen_values


@dataclass(frozen=True, slots=True, eq=False)
class ArmAudit:
    """The rates and agreements of one arm."""

    arm: str
    rates: tuple[GroupRate, ...]
    agreement: tuple[AttributeAgreement, ...]


@dataclass(frozen=True, slots=True, eq=False)
class AuditResults:
    """Everything that the tables of a bias audit are made from: the audited category, the rule, every arm."""

    category: str
    rule: PerceptionRule
    arms: tuple[ArmAudit, ...]


def audit_results(study: Study, protocol: Protocol, mode: str) -> AuditResults | None:
    """Analyse the answers of `mode` that count; None for studies of other kinds."""
    plan = protocol.questions
    if not isinstance(plan, AttributeQuestions):
        return None
    rule = PerceptionRule(protocol.answers.agreement, protocol.answers.required)
    arms = []
    for setup in protocol.arm_setups():
        found = read_annotations(study, plan, arm=setup.name, mode=mode)
        arms.append(ArmAudit(setup.name, group_rates(found, rule), attribute_agreement(found)))
    return AuditResults(plan.category, rule, tuple(arms))


def read_annotations(study: Study, plan: AttributeQuestions, *, arm: str, mode: str) -> Annotations:
    """The counts of one arm; groups in the protocol's order, images in the order of their questions."""
    questions = list(
        Question.objects.filter(study=study, arm__name=arm, origin=Question.Origin.STUDY)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    place = {question: row for row, question in enumerate(questions)}
    column = {attribute: number for number, attribute in enumerate(plan.attributes)}
    seen = np.zeros((len(questions), len(plan.attributes)), dtype=np.int64)
    received, cannot_tell = (np.zeros(len(questions), dtype=np.int64) for _ in range(2))
    rows = Answer.objects.filter(
        question__study=study,
        question__arm__name=arm,
        question__origin=Question.Origin.STUDY,
        mode=mode,
        status=Answer.Status.COUNTED,
    ).order_by()
    for question, value in rows.values_list("question_id", "value").iterator(chunk_size=FETCHED_AT_ONCE):
        row = place[question]
        received[row] += 1
        for each in chosen_values(value):
            if each in column:
                seen[row, column[each]] += 1
            cannot_tell[row] += each == CANNOT_TELL
    uses = QuestionUse.objects.filter(
        question__study=study, question__arm__name=arm, role=QuestionUse.Role.ATTRIBUTES
    )
    members: dict[str, list[int]] = {group: [] for group in plan.audited}
    for group, question in uses.order_by("question_id").values_list("stratum", "question_id"):
        if question in place:
            members[group].append(place[question])
    return Annotations(
        attributes=plan.attributes,
        seen=seen,
        received=received,
        cannot_tell=cannot_tell,
        groups={group: np.array(images, dtype=np.int64) for group, images in members.items()},
    )
