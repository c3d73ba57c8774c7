"""Planted success of each condition of an assignment study, and whether the answers show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from django.urls import reverse

from studyapp.analysis.intervals import wilson_rate
from studyapp.management.rehearsal.browser import ServerTrouble
from studyapp.management.rehearsal.counted import recovered_count
from studyapp.management.rehearsal.pages import Form, Page, Sight
from studyapp.management.rehearsal.recovery import Recovery, recovery_of
from studyapp.management.rehearsal.report import Finding, Recovered
from studyapp.management.rehearsal.stored_truth import planted_rates, stored_or_drawn
from studyapp.models import Answer, Mode, Question, Study
from studyapp.protocol.schema import AssignmentQuestions
from studyapp.services.criticism.boards import board_of, keys_beside
from studyapp.services.plans import protocol_of

FIRST_SUCCESS, LAST_SUCCESS = 0.85, 0.4
# Times are drawn so that about one answer in eight lies outside the paper's 20 to 180 s.
_MEDIAN_SECONDS, _LOG_SPREAD = 50.0, 0.8


@dataclass(frozen=True, slots=True)
class AssignmentTruth:
    """`success`: probability of the right group by arm, for people who do not err.

    Whoever errs chooses among all groups at random. `right` is the right answer, and `arms` the arm, by
    what a person sees.
    """

    success: Mapping[str, float]
    error_rate: float
    groups: int
    right: Mapping[Sight, str]
    arms: Mapping[Sight, str]

    def choose(self, page: Page, form: Form, rng: np.random.Generator) -> str:
        """The right group at the arm's rate, else any other; at the error rate any group."""
        sight = page.sight()
        right = self.right.get(sight)
        if right is None:
            raise ServerTrouble("a target with groups that the study does not have")
        offered = [button.value for button in form.buttons]
        if right not in offered:
            raise ServerTrouble(f"the page offers {offered} and not group {right}")
        if rng.random() < self.error_rate:
            return str(rng.choice(offered))
        if rng.random() < self.success[self.arms[sight]]:
            return right
        return str(rng.choice([value for value in offered if value != right]))

    def seconds(self, rng: np.random.Generator) -> float:
        """A log-normal time."""
        return float(_MEDIAN_SECONDS * np.exp(_LOG_SPREAD * rng.standard_normal()))

    def expected(self, arm: str) -> float:
        """The success rate of the arm with people who err."""
        return self.success[arm] * (1 - self.error_rate) + self.error_rate / self.groups

    def recover(self, study: Study) -> Recovery:
        """The success rate of every arm beside the planted one, and its distance by the binomial law."""
        rows: list[Recovered] = []
        findings: list[Finding] = []
        for arm, (right, received) in success_counts(study, Mode.REHEARSAL).items():
            row, finding = recovered_count(
                quantity=f"success in arm {arm}",
                claim=f"people find the right group in arm {arm} as often as planted",
                planted=np.full(received, self.success[arm]),
                probability=np.full(received, self.expected(arm)),
                found=wilson_rate(right, received),
            )
            rows.append(row)
            findings.append(finding)
        return recovery_of(rows, findings, what="success rates")


def ensure_assignment_truth(
    *, study: Study, planted: Mapping[str, float], error_rate: float, rng: np.random.Generator
) -> AssignmentTruth:
    """The study's stored truth, or one stored now: success by arm, spread from 0.85 to 0.4 unless planted.

    Raises Refused for an unknown arm, a rate outside 0 to 1, or answers that follow another plan.
    """
    protocol = protocol_of(study)
    assert isinstance(protocol.questions, AssignmentQuestions)
    names = list(study.arms.order_by("position").values_list("name", flat=True))
    spread = np.linspace(FIRST_SUCCESS, LAST_SUCCESS, max(len(names), 2)).tolist()
    success = planted_rates(
        names=dict(zip(names, spread, strict=False)),
        planted=planted,
        what="arm",
        study=study,
        error_rate=error_rate,
    )
    stored_or_drawn(
        study=study,
        parameters={"planted": success, "error_rate": error_rate},
        rng=rng,
        draw=lambda generator: [],
    )
    right: dict[Sight, str] = {}
    arms: dict[Sight, str] = {}
    asked = (Question.Origin.STUDY, Question.Origin.PRACTICE)
    questions = Question.objects.filter(study=study, origin__in=asked).select_related("stimulus", "arm")
    for question in questions:
        sight = _sight(question)
        right[sight] = str(board_of(question.parameters).right)
        arms[sight] = question.arm.name
    return AssignmentTruth(
        success=MappingProxyType(success),
        error_rate=error_rate,
        groups=protocol.questions.groups,
        right=MappingProxyType(right),
        arms=MappingProxyType(arms),
    )


def success_counts(study: Study, mode: str) -> dict[str, tuple[int, int]]:
    """Right answers and answers that count, by arm, whatever time they took."""
    found = {name: [0, 0] for name in study.arms.order_by("position").values_list("name", flat=True)}
    rows = Answer.objects.filter(
        question__study=study,
        question__origin=Question.Origin.STUDY,
        mode=mode,
        status=Answer.Status.COUNTED,
    ).order_by()
    boards = dict(Question.objects.filter(study=study).values_list("pk", "parameters"))
    for arm, question, value in rows.values_list("question__arm__name", "question_id", "value"):
        found[arm][0] += value == boards[question]["right"]
        found[arm][1] += 1
    return {name: (right, received) for name, (right, received) in found.items()}


def _sight(question: Question) -> Sight:
    keys = keys_beside(question.parameters)
    beside = tuple(reverse("participant:stimulus", args=[key]) for key in keys)
    return Sight(reverse("participant:stimulus", args=[question.stimulus.key]), beside)
