"""Planted shares of agreement in the arms of an adversarial study, and whether its tables show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from django.urls import reverse

from studyapp.analysis.intervals import wilson
from studyapp.exports.arm_results import AttackedResults
from studyapp.exports.report import compute_report
from studyapp.management.rehearsal.browser import ServerTrouble
from studyapp.management.rehearsal.buttons import button_saying
from studyapp.management.rehearsal.counted import LEVEL, recovered_agreement
from studyapp.management.rehearsal.pages import Form, Page, Sight, sight_of
from studyapp.management.rehearsal.recovery import Recovery, recovery_of
from studyapp.management.rehearsal.report import Finding, Recovered
from studyapp.management.rehearsal.stored_truth import planted_rates, stored_or_drawn
from studyapp.models import Mode, Question, QuestionUse, Study
from studyapp.services.participation.wording import shown_question
from studyapp.services.plans import protocol_of

FIRST_RATE, LAST_RATE = 0.25, 0.6
_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class AdversarialTruth:
    """`rates`: by arm, the share of its images whose class was to be relevant.

    `relevant`: by question key, whether its class is; `sights`: the same by what a person sees. Arms that
    show and ask the same share one truth.
    """

    rates: Mapping[str, float]
    error_rate: float
    relevant: Mapping[str, bool]
    sights: Mapping[Sight, bool]
    positive: frozenset[str]

    def choose(self, page: Page, form: Form, rng: np.random.Generator) -> str:
        """A button that says what is true or, at the error rate, one that says the opposite."""
        truth = self.sights.get(page.sight())
        if truth is None:
            raise ServerTrouble(f"a picture and a class name that the study does not have: {page.labels}")
        says_yes = truth != (rng.random() < self.error_rate)
        return button_saying(form, yes=says_yes, is_yes=lambda button: button.value in self.positive, rng=rng)

    def seconds(self, rng: np.random.Generator) -> float:
        """Times play no part here."""
        return _SECONDS

    def recover(self, study: Study) -> Recovery:
        """Both shares of agreement of every arm and classifier beside the planted ones."""
        rows: list[Recovered] = []
        findings: list[Finding] = []
        truths = self._by_arm(study)
        for arm in compute_report(study=study, mode=Mode.REHEARSAL).arms:
            for found in arm.compared.attacked:
                truth = truths[arm.arm, found.classifier]
                where = f"{found.classifier} in arm {arm.arm}"
                rows += self._answers(found, truth, where)
                if protocol_of(study).analysis.rule == "count":
                    images, finding = recovered_agreement(
                        quantity=f"images agreed, {where}",
                        claim=f"people agree with as many labels of {where} as planted",
                        truth=truth,
                        rule=protocol_of(study).answers,
                        error_rate=self.error_rate,
                        found=found.agreement.images,
                    )
                    rows.append(images)
                    findings.append(finding)
        return recovery_of(rows, findings, what="shares")

    def _by_arm(self, study: Study) -> dict[tuple[str, str], np.ndarray]:
        """The truth of every image by arm and classifier."""
        uses = QuestionUse.objects.filter(question__study=study, role=QuestionUse.Role.ADVERSARIAL)
        found: dict[tuple[str, str], list[bool]] = {}
        for arm, classifier, key in uses.values_list(
            "question__arm__name", "study_classifier__classifier__name", "question__key"
        ):
            found.setdefault((arm, str(classifier)), []).append(self.relevant[key])
        return {each: np.array(truth) for each, truth in found.items()}

    def _answers(self, found: AttackedResults, truth: np.ndarray, where: str) -> list[Recovered]:
        """The share of positive answers; none where questions were closed early."""
        share = found.agreement.positive_share
        if not isinstance(share, float):
            return []
        agreement = found.agreement
        interval = wilson(agreement.positive, agreement.answers, LEVEL)
        return [
            Recovered(
                quantity=f"positive answers about {where}",
                standard=None,
                planted=float(truth.mean()),
                expected=float(np.where(truth, 1 - self.error_rate, self.error_rate).mean()),
                estimate=share,
                interval=(interval.low, interval.high),
                slack=0.5 / agreement.answers,
            )
        ]


def ensure_adversarial_truth(
    *, study: Study, planted: Mapping[str, float], error_rate: float, rng: np.random.Generator
) -> AdversarialTruth:
    """The study's stored truth, or one drawn now: rates from 0.25 to 0.6 over the arms unless planted.

    `planted` names arms. Raises Refused for an unknown name, a rate outside 0 to 1, or answers that follow
    another plan.
    """
    names = [setup.name for setup in protocol_of(study).arm_setups()]
    spread = np.linspace(FIRST_RATE, LAST_RATE, max(len(names), 2)).tolist()
    rates = planted_rates(
        names=dict(zip(names, spread, strict=False)),
        planted=planted,
        what="arm",
        study=study,
        error_rate=error_rate,
    )
    positive = frozenset(value for setup in protocol_of(study).arm_setups() for value in setup.positive)
    asked = _asked(study)

    def draw(generator: np.random.Generator) -> list[Any]:
        return sorted([key, int(true)] for key, true in _draw(asked, rates, positive, generator).items())

    drawn = stored_or_drawn(
        study=study, parameters={"planted": rates, "error_rate": error_rate}, rng=rng, draw=draw
    )
    relevant = {str(key): bool(true) for key, true in drawn}
    return AdversarialTruth(
        rates=MappingProxyType(rates),
        error_rate=error_rate,
        relevant=MappingProxyType(relevant),
        sights=MappingProxyType({each.sight: relevant[each.key] for each in asked}),
        positive=positive,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    key: str
    arm: str
    sight: Sight
    expected: str


def _asked(study: Study) -> list[_Asked]:
    """Every question of the study, in the order they were made."""
    questions = Question.objects.filter(
        study=study, origin__in=(Question.Origin.STUDY, Question.Origin.PRACTICE)
    )
    found = []
    for question in questions.select_related("stimulus", "label", "arm").order_by("pk"):
        shown = shown_question(question=question, study=study, positive_first=True)
        picture = reverse("participant:stimulus", args=[question.stimulus.key])
        sight = sight_of(picture, (shown.label,), [])
        found.append(_Asked(question.key, question.arm.name, sight, question.expected))
    return found


def _draw(
    asked: Sequence[_Asked],
    rates: Mapping[str, float],
    positive: frozenset[str],
    rng: np.random.Generator,
) -> dict[str, bool]:
    """As many sights of each arm are true as its rate says; one of an earlier arm keeps its truth."""
    truth: dict[Sight, bool] = {each.sight: each.expected in positive for each in asked if each.expected}
    for arm, rate in rates.items():
        own = list(dict.fromkeys(each.sight for each in asked if each.arm == arm and not each.expected))
        free = [sight for sight in own if sight not in truth]
        wanted = round(rate * len(own)) - sum(truth.get(sight, False) for sight in own)
        for place, number in enumerate(rng.permutation(len(free))):
            truth[free[int(number)]] = place < wanted
    return {each.key: truth[each.sight] for each in asked}
