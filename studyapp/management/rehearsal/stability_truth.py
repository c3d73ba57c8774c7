"""Planted acceptance of a stability study's flips, and whether its tables show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import BoolArray, FloatArray
from studyapp.analysis.intervals import Rate
from studyapp.exports.stability_evidence import ClassifierStability, stability_results
from studyapp.management.rehearsal.counted import planted_in, recovered_agreement
from studyapp.management.rehearsal.pages import Form, Page
from studyapp.management.rehearsal.plan import RehearsalPlan, ensure_plan
from studyapp.management.rehearsal.recovery import Recovery, recovery_of
from studyapp.management.rehearsal.report import Finding, Recovered
from studyapp.models import Mode, QuestionUse, Study
from studyapp.services.plans import protocol_of


@dataclass(frozen=True, slots=True)
class StabilityTruth:
    """The truth of every question, planted as it is for mistakes; the flips are what is recovered."""

    plan: RehearsalPlan

    @property
    def error_rate(self) -> float:
        """How often a simulated participant says the opposite of the truth."""
        return self.plan.error_rate

    def choose(self, page: Page, form: Form, rng: np.random.Generator) -> str:
        """A button that says what is true or, at the error rate, one that says the opposite."""
        return self.plan.choose(page, form, rng)

    def seconds(self, rng: np.random.Generator) -> float:
        """Times play no part here."""
        return self.plan.seconds(rng)

    def recover(self, study: Study) -> Recovery:
        """The share of accepted flips of every arm and classifier beside the planted one."""
        found = stability_results(study, protocol_of(study), Mode.REHEARSAL)
        rows: list[Recovered] = []
        findings: list[Finding] = []
        for each in found.classifiers if found else ():
            truth, weight = self._flips(study, each)
            if not len(truth):
                continue
            verdicts = each.together.verdicts
            where = f"{each.classifier} in arm {each.arm}"
            row, finding = recovered_agreement(
                quantity=f"flips accepted, {where}",
                claim=f"people accept as many flips of {where} as planted",
                truth=truth,
                weight=weight,
                rule=protocol_of(study).answers,
                error_rate=self.error_rate,
                found=Rate(verdicts.accepted, verdicts.decided, verdicts.accepted_share, verdicts.interval),
            )
            rows.append(row)
            findings.append(finding)
        return recovery_of(rows, findings, what="shares")

    def _flips(self, study: Study, of: ClassifierStability) -> tuple[BoolArray, FloatArray]:
        """Whether each flip's label is relevant, and what the flip stands for."""
        uses = QuestionUse.objects.filter(
            question__study=study,
            question__arm__name=of.arm,
            role=QuestionUse.Role.FLIP,
            study_classifier__classifier__name=of.classifier,
        )
        return planted_in(uses, self.plan.relevant)


def ensure_stability_truth(
    *, study: Study, planted: Mapping[str, float], error_rate: float, rng: np.random.Generator
) -> StabilityTruth:
    """The study's stored truth, or one drawn now; `planted` names classifiers, as for mistakes."""
    return StabilityTruth(ensure_plan(study=study, planted=planted, error_rate=error_rate, rng=rng))
