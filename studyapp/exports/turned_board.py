"""The paper's Fig. 5 and 6 as rows: attacked images with their votes in two arms, and their four pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from studyapp.analysis.verdicts import Verdict
from studyapp.exports.judged import JudgedQuestions
from studyapp.models import AdversarialImage, Explanation, Question, QuestionUse, Stimulus, Study, Version
from studyapp.models.explanations import ExplanationRun

Outcome = Literal["turned", "to_agreed", "to_rejected", "same", "open", "all"]
Order = Literal["difference", "to_second", "to_first", "image"]


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


def chosen_rows(
    rows: Sequence[BoardRow], *, first: str, second: str, classifier: str, outcome: Outcome, order: Order
) -> list[BoardRow]:
    """The rows of one pair of arms with one outcome, sorted; of one classifier if it is named."""
    kept = []
    for row in rows:
        came_out = row.outcome(first, second)
        if came_out is None or (classifier and row.classifier != classifier):
            continue
        wanted = ("to_agreed", "to_rejected") if outcome == "turned" else (outcome,)
        if outcome == "all" or came_out in wanted:
            kept.append(row)
    if order == "image":
        return kept
    moved = np.array([row.difference(first, second) for row in kept])
    by = {"difference": -np.abs(moved), "to_second": -moved, "to_first": moved}[order]
    return [kept[i] for i in np.argsort(by, kind="stable")]


@dataclass(frozen=True, slots=True)
class Shown:
    """An explanation on a board: its own picture, or the very stimulus that people saw."""

    explanation: Explanation
    stimulus: Stimulus | None


def explanations_of(study: Study, rows: Sequence[AdversarialImage]) -> Mapping[int, Mapping[str, Shown]]:
    """For each adversarial image, the explanation of its clean and of its adversarial version, if any.

    What people saw comes first; then the method that they saw elsewhere in the study, then the newest.
    """
    stimuli = (
        Stimulus.objects.filter(study=study, image__in=[row.image_id for row in rows])
        .exclude(explanation=None)
        .select_related("explanation__run")
        .order_by("-pk")
    )
    # Random superpixels are cut to an explanation's area and show nothing of it.
    seen = {
        each.explanation_id: each for each in stimuli if each.parameters.get("shows") != "random_superpixels"
    }
    methods = {each.explanation.run.method for each in seen.values() if each.explanation is not None}
    found: dict[int, dict[str, tuple[tuple[bool, bool, bool, int], Explanation]]] = {}
    candidates = Explanation.objects.filter(
        image__in=[row.image_id for row in rows], outcome=Explanation.Outcome.DONE
    ).select_related("run")
    by_image = {(row.image_id, row.run.classifier_id): row for row in rows}
    for each in candidates.exclude(picture_file=""):
        row = by_image.get((each.image_id, each.run.classifier_id))
        adversarial = each.run.version == Version.ADVERSARIAL
        if row is None or (adversarial and each.adversarial_id != row.pk):
            continue
        rank = (
            each.pk in seen,
            each.run.method in methods,
            each.run.explained != ExplanationRun.Explained.TRUE or not adversarial,
            each.pk,
        )
        best = found.setdefault(row.pk, {}).get(each.run.version)
        if best is None or rank > best[0]:
            found[row.pk][each.run.version] = (rank, each)
    return {
        pk: {version: Shown(each, seen.get(each.pk)) for version, (_, each) in versions.items()}
        for pk, versions in found.items()
    }
