"""Do the results say what was planted? Every table number beside its expectation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from studyapp.analysis.arrays import BoolArray
from studyapp.analysis.evidence import ClassifierEvidence
from studyapp.analysis.intervals import Interval
from studyapp.analysis.result_values import ClassifierResult, StudyResults
from studyapp.analysis.study_results import analyse
from studyapp.exports.evidence import ArmEvidence, arm_evidence
from studyapp.management.rehearsal.expected import (
    Acceptance,
    acceptance,
    agreed_tail,
    expected_error,
    expected_top5_errors,
)
from studyapp.management.rehearsal.plan import RehearsalPlan
from studyapp.management.rehearsal.report import Finding, Recovered
from studyapp.models import Mode, Question, Study
from studyapp.services.plans import protocol_of
from studyapp.services.studies.bootstrap import bootstrap_seed

IMPROBABLE = 1e-6
"""Two-sided probability below which the number of agreed mistakes does not come from the plan."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """The numbers of one study's tables beside what was planted, and the findings on them."""

    rows: tuple[Recovered, ...]
    findings: tuple[Finding, ...]


def recovery_of(rows: Sequence[Recovered], findings: Sequence[Finding], *, what: str) -> Recovery:
    """The numbers and findings, with one more finding: all `what` lie in their intervals."""
    missed = [row for row in rows if not row.holds]
    inside = Finding(
        "the tables recover what was planted",
        bool(rows) and not missed,
        "; ".join(map(str, missed)) if missed else f"{len(rows)} {what} in their intervals",
    )
    return Recovery(tuple(rows), (inside, *findings))


def recover(*, study: Study, plan: RehearsalPlan) -> Recovery:
    """Analyse the rehearsal answers by the code that makes the tables, and compare with the plan.

    The rule is the count of positive answers, whatever the study's primary rule: what erring people make
    of a planted truth is exact for it.
    """
    rows: list[Recovered] = []
    findings: list[Finding] = []
    for arm in study.arms.order_by("position"):
        read = arm_evidence(study=study, protocol=protocol_of(study), arm=arm, mode=Mode.REHEARSAL)
        evidence = replace(read.evidence, rule=replace(read.evidence.rule, rule="count"))
        agreed = acceptance(_relevant(read, plan.relevant), rule=evidence.rule, error_rate=plan.error_rate)
        rng = np.random.default_rng([bootstrap_seed(study).value, arm.position])
        results = analyse(evidence, rng=rng, draws=protocol_of(study).analysis.draws)
        where = f" in arm {arm.name}" if study.arms.count() > 1 else ""
        rows += _errors(evidence.classifiers, results, agreed, where)
        rows += _differences(evidence.classifiers, results, agreed, where)
        findings += _counts(evidence.classifiers, results, agreed, where)
    return recovery_of(rows, findings, what="errors and differences")


def _relevant(read: ArmEvidence, relevant: Mapping[str, bool]) -> BoolArray:
    """[Q] the planted truth in the order of the evidence; imported questions are none of the plan's."""
    keys = dict(Question.objects.filter(arm__study__name=read.evidence.study).values_list("pk", "key"))
    return np.array([relevant.get(keys[int(pk)], False) for pk in read.questions.key], dtype=np.bool_)


def _errors(
    classifiers: Sequence[ClassifierEvidence], results: StudyResults, agreed: Acceptance, where: str
) -> list[Recovered]:
    rows: list[Recovered] = []
    for classifier, result in zip(classifiers, results.classifiers, strict=True):
        rows.append(
            _row(
                f"{result.classifier}{where}",
                (result.standard_top1_error, result.rectified_top1_error),
                result.rectified_top1_interval,
                (expected_error(classifier, agreed.planted), expected_error(classifier, agreed.with_errors)),
                images=result.images,
            )
        )
        rows += _top5(classifier, result, agreed, where)
    return rows


def _top5(
    classifier: ClassifierEvidence, result: ClassifierResult, agreed: Acceptance, where: str
) -> list[Recovered]:
    planted = expected_top5_errors(classifier, agreed.planted)
    expected = expected_top5_errors(classifier, agreed.with_errors)
    if result.top5 is None or planted is None or expected is None:
        return []
    variants = (result.top5.variant_a, result.top5.variant_b)
    return [
        _row(
            f"{result.classifier}, top 5 variant {letter}{where}",
            (result.standard_top5_error or 0.0, found.error),
            found.interval,
            (planted[place], expected[place]),
            images=result.images,
        )
        for place, (letter, found) in enumerate(zip("AB", variants, strict=True))
        if found is not None
    ]


def _differences(
    classifiers: Sequence[ClassifierEvidence], results: StudyResults, agreed: Acceptance, where: str
) -> list[Recovered]:
    by_name = {classifier.classifier: classifier for classifier in classifiers}
    rows: list[Recovered] = []
    for pair in results.comparisons:
        first, second = by_name[pair.first], by_name[pair.second]
        rows.append(
            _row(
                f"{pair.first} minus {pair.second}{where}",
                (pair.standard.difference, pair.rectified.difference),
                pair.rectified.interval,
                (
                    expected_error(first, agreed.planted) - expected_error(second, agreed.planted),
                    expected_error(first, agreed.with_errors) - expected_error(second, agreed.with_errors),
                ),
                images=results.classifiers[0].images,
            )
        )
    return rows


def _row(
    quantity: str,
    measured: tuple[float, float],
    interval: Interval,
    expected: tuple[float, float],
    *,
    images: int,
) -> Recovered:
    return Recovered(
        quantity=quantity,
        standard=measured[0],
        planted=expected[0],
        expected=expected[1],
        estimate=measured[1],
        interval=(interval.low, interval.high),
        slack=0.5 / max(images, 1),
    )


def _counts(
    classifiers: Sequence[ClassifierEvidence], results: StudyResults, agreed: Acceptance, where: str
) -> list[Finding]:
    """The sharper test: the number of agreed mistakes against its distribution under the plan."""
    findings: list[Finding] = []
    for classifier, result in zip(classifiers, results.classifiers, strict=True):
        tail = agreed_tail(classifier, agreed.with_errors, result.review.agreed)
        findings.append(
            Finding(
                f"people agree with as many mistakes of {result.classifier}{where} as planted",
                tail >= IMPROBABLE,
                f"{result.review.agreed} agreed of {result.review.agreed + result.review.rejected} "
                f"(probability of this or less likely under the plan: {tail:.2g})",
            )
        )
    return findings
