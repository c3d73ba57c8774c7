"""The paper's Fig. 5 and 6 as rows: attacked images with their votes in two arms, chosen and sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from studyapp.analysis.verdicts import Verdict
from studyapp.exports.judged import JudgedQuestions
from studyapp.models import Question, QuestionUse, Study
from studyapp.protocol.adversarial import AdversarialArm
from studyapp.protocol.schema import Protocol

Outcome = Literal["turned", "to_agreed", "to_rejected", "same", "open", "all"]
Order = Literal["difference", "to_second", "to_first", "image"]
OUTCOMES: Mapping[Outcome, str] = {
    "turned": "Verdicts that turned",
    "to_agreed": "Rejected, then agreed",
    "to_rejected": "Agreed, then rejected",
    "same": "Same verdict in both",
    "open": "Undecided in one of them",
    "all": "All images",
}
ORDERS: Mapping[Order, str] = {
    "difference": "Largest difference first",
    "to_second": "More agreement in the second first",
    "to_first": "More agreement in the first first",
    "image": "In the order of the images",
}


@dataclass(frozen=True, slots=True)
class BoardChoice:
    """Which rows of the board are wanted, and in which order; empty `classifier`: of all."""

    first: str
    second: str
    classifier: str = ""
    outcome: Outcome = "turned"
    order: Order = "difference"

    def values(self) -> dict[str, str]:
        """The same as an address or a job's parameters say it."""
        return {
            "first": self.first,
            "second": self.second,
            "classifier": self.classifier,
            "outcome": self.outcome,
            "order": self.order,
        }


def board_choice(values: Mapping[str, str], *, protocol: Protocol, classifiers: Sequence[str]) -> BoardChoice:
    """What an address or a job's parameters ask for; what makes no sense is as on a page without any."""
    arms = [setup.name for setup in protocol.arm_setups()]

    def one_of(name: str, allowed: Sequence[str], otherwise: str) -> str:
        value = values.get(name, "")
        return value if value in allowed else otherwise

    first = one_of("first", arms, _usual_first(protocol, arms))
    outcome, order = values.get("outcome", ""), values.get("order", "")
    return BoardChoice(
        first=first,
        second=one_of("second", arms, next((arm for arm in arms if arm != first), first)),
        classifier=one_of("classifier", classifiers, ""),
        outcome=next((each for each in OUTCOMES if each == outcome), "turned"),
        order=next((each for each in ORDERS if each == order), "difference"),
    )


def classifiers_of_board(study: Study) -> list[str]:
    """The study's classifiers by name, in its order."""
    return list(study.study_classifiers.order_by("position").values_list("classifier__name", flat=True))


def _usual_first(protocol: Protocol, arms: Sequence[str]) -> str:
    """The arm that shows whole attacked images, else the first."""
    for setup in protocol.arm_setups():
        plan = setup.plan
        if isinstance(plan, AdversarialArm) and (plan.shows, plan.version) == ("whole", "adversarial"):
            return setup.name
    return arms[0]


@dataclass(frozen=True, slots=True)
class ArmVotes:
    """What people said of an image in one arm."""

    arm: str
    question: int
    positive: int
    received: int
    verdict: Verdict

    @property
    def share(self) -> float | None:
        """Share of positive answers."""
        return self.positive / self.received if self.received else None


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One attacked image of one classifier, its votes in every arm by name; `adversarial` is its key."""

    adversarial: int
    classifier: str
    votes: Mapping[str, ArmVotes]

    def outcome(self, first: str, second: str) -> Outcome | None:
        """How the verdict went from the first arm to the second; None where one does not ask about it."""
        if first not in self.votes or second not in self.votes:
            return None
        one, other = self.votes[first].verdict, self.votes[second].verdict
        if Verdict.UNDECIDED in (one, other):
            return "open"
        if one == other:
            return "same"
        return "to_agreed" if other == Verdict.AGREED else "to_rejected"

    def difference(self, first: str, second: str) -> float:
        """Share of positive answers in the second arm minus that in the first; 0 where either has none."""
        one, other = self.votes[first].share, self.votes[second].share
        return 0.0 if one is None or other is None else other - one


def board_rows(study: Study, judged: JudgedQuestions) -> tuple[BoardRow, ...]:
    """Every attacked image that the study asks about, in the order of its images."""
    place = {int(key): position for position, key in enumerate(judged.key)}
    uses = (
        QuestionUse.objects.filter(question__study=study, question__origin=Question.Origin.STUDY)
        .exclude(adversarial=None)
        .exclude(role__in=(QuestionUse.Role.GOLD, QuestionUse.Role.PRACTICE))
        .order_by("question__arm__position", "question_id")
        .values_list(
            *("adversarial_id", "study_classifier__classifier__name", "question_id", "question__arm__name")
        )
    )
    found: dict[tuple[int, str], dict[str, ArmVotes]] = {}
    for adversarial, classifier, question, arm in uses:
        at = place.get(question)
        if at is None:
            continue
        found.setdefault((adversarial, classifier), {})[arm] = ArmVotes(
            arm=arm,
            question=question,
            positive=int(judged.positive[at]),
            received=int(judged.received[at]),
            verdict=Verdict(int(judged.verdict[at])),
        )
    return tuple(BoardRow(key, classifier, votes) for (key, classifier), votes in found.items())


def chosen_rows(rows: Sequence[BoardRow], choice: BoardChoice) -> list[BoardRow]:
    """The rows of the chosen pair of arms with the chosen outcome, sorted."""
    kept = []
    wanted = ("to_agreed", "to_rejected") if choice.outcome == "turned" else (choice.outcome,)
    for row in rows:
        came_out = row.outcome(choice.first, choice.second)
        if came_out is None or (choice.classifier and row.classifier != choice.classifier):
            continue
        if choice.outcome == "all" or came_out in wanted:
            kept.append(row)
    if choice.order == "image":
        return kept
    moved = np.array([row.difference(choice.first, choice.second) for row in kept])
    by = {"difference": -np.abs(moved), "to_second": -moved, "to_first": moved}[choice.order]
    return [kept[i] for i in np.argsort(by, kind="stable")]
