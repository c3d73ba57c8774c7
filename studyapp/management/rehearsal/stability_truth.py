"""Planted acceptance of a stability study's flips, and whether its tables show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from studyapp.analysis.rectified_stability import wilson_of_share
from studyapp.exports.stability_evidence import ClassifierStability, stability_results
from studyapp.management.rehearsal.expected import count_tail
from studyapp.management.rehearsal.pages import Form, Page
from studyapp.management.rehearsal.plan import RehearsalPlan, ensure_plan
from studyapp.management.rehearsal.recovery import IMPROBABLE, Recovery
from studyapp.management.rehearsal.report import Finding, Recovered
from studyapp.models import Mode, QuestionUse, Study
from studyapp.services.plans import protocol_of

_LEVEL = 1 - IMPROBABLE


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
            row, finding = self._one(study, each, truth, weight)
            rows.append(row)
            findings.append(finding)
        missed = [row for row in rows if not row.holds]
        inside = Finding(
            "the tables recover what was planted",
            not missed and bool(rows),
            "; ".join(map(str, missed)) if missed else f"{len(rows)} shares in their intervals",
        )
        return Recovery(tuple(rows), (inside, *findings))

    def _flips(self, study: Study, of: ClassifierStability) -> tuple[np.ndarray, np.ndarray]:
        """Whether each flip's label is relevant, and what the flip stands for."""
        uses = QuestionUse.objects.filter(
            question__study=study,
            question__arm__name=of.arm,
            role=QuestionUse.Role.FLIP,
            study_classifier__classifier__name=of.classifier,
        ).values_list("question__key", "weight")
        rows = [(self.plan.relevant[key], weight) for key, weight in uses]
        truth = np.array([relevant for relevant, _ in rows], dtype=bool)
        return truth, np.array([weight for _, weight in rows], dtype=float)

    def _one(
        self, study: Study, of: ClassifierStability, truth: np.ndarray, weight: np.ndarray
    ) -> tuple[Recovered, Finding]:
        rule = protocol_of(study).answers
        probability = np.where(
            truth,
            float(binom.sf(rule.agreement - 1, rule.required, 1 - self.error_rate)),
            float(binom.sf(rule.agreement - 1, rule.required, self.error_rate)),
        )
        verdicts = of.together.verdicts
        share = verdicts.accepted_share
        effective = float(weight.sum() ** 2 / (weight**2).sum())
        interval = wilson_of_share(share or 0.0, effective, _LEVEL)
        where = f"{of.classifier} in arm {of.arm}"
        tail = count_tail(probability, verdicts.accepted)
        return (
            Recovered(
                quantity=f"flips accepted, {where}",
                standard=None,
                planted=float(np.average(truth, weights=weight)),
                expected=float(np.average(probability, weights=weight)),
                estimate=float("nan") if share is None else share,
                interval=(interval.low, interval.high),
                slack=0.5 / len(truth),
            ),
            Finding(
                f"people accept as many flips of {where} as planted",
                tail >= IMPROBABLE and verdicts.decided == len(truth),
                f"{verdicts.accepted} accepted of {verdicts.decided} decided, {len(truth)} asked "
                f"(probability of this or less likely under the plan: {tail:.2g})",
            ),
        )


def ensure_stability_truth(
    *, study: Study, planted: Mapping[str, float], error_rate: float, rng: np.random.Generator
) -> StabilityTruth:
    """The study's stored truth, or one drawn now; `planted` names classifiers, as for mistakes."""
    return StabilityTruth(ensure_plan(study=study, planted=planted, error_rate=error_rate, rng=rng))
