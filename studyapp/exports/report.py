"""A study's results as tables: the one source of the page, the command and the bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from studyapp.analysis.evidence import StudyEvidence
from studyapp.analysis.exclusions import ExclusionRule, without_excluded
from studyapp.analysis.result_values import StudyResults
from studyapp.analysis.study_results import analyse
from studyapp.analysis.withheld import Withheld
from studyapp.exports.adversarial_tables import (
    adversarial_accuracy_table,
    adversarial_agreement_table,
    filtered_agreement_table,
)
from studyapp.exports.arm_comparison import compare_arms
from studyapp.exports.arm_results import ArmResults, FilteredResults
from studyapp.exports.arm_tables import arm_pairs_table, filtered_arm_pairs_table, turned_verdicts_table
from studyapp.exports.assignment_evidence import counted_questions
from studyapp.exports.attack_evidence import read_attacks
from studyapp.exports.choice_review_evidence import arm_choices
from studyapp.exports.choice_review_tables import rectified_choices_table
from studyapp.exports.display import count_shown
from studyapp.exports.error_tables import (
    classifier_pairs_table,
    groups_table,
    positive_answers_table,
    ranks_table,
    sensitivity_table,
    top5_table,
)
from studyapp.exports.evidence import ArmEvidence, arm_evidence
from studyapp.exports.exclusion_tables import exclusions_table, filtered_error_table
from studyapp.exports.figures import Figure
from studyapp.exports.judged import JudgedQuestions, ReadArm, joined, judged_questions
from studyapp.exports.kind_tables import OWN_TABLES, own_tables
from studyapp.exports.people_tables import (
    controls_table,
    expert_check_table,
    gold_table,
    participants_table,
    reliability_detail_table,
    reliability_table,
    top_shares_table,
    true_label_table,
)
from studyapp.exports.rectified_table import rectified_error_table
from studyapp.exports.study_figures import study_figures
from studyapp.exports.study_table import AnswerCounts, counts_of_arms, study_table
from studyapp.exports.tabular import Table
from studyapp.models import Answer, Arm, Question, Study
from studyapp.protocol.schema import Protocol
from studyapp.services.plans import protocol_of
from studyapp.services.studies.bootstrap import BootstrapSeed, bootstrap_seed

# Given no arms, each gives its table without rows: what its columns are does not depend on the answers.
TABLE_BUILDERS: tuple[Callable[[Sequence[ArmResults]], Table], ...] = (
    adversarial_accuracy_table,
    adversarial_agreement_table,
    rectified_error_table,
    rectified_choices_table,
    top5_table,
    positive_answers_table,
    arm_pairs_table,
    turned_verdicts_table,
    controls_table,
    true_label_table,
    classifier_pairs_table,
    ranks_table,
    sensitivity_table,
    filtered_error_table,
    filtered_agreement_table,
    filtered_arm_pairs_table,
    exclusions_table,
    groups_table,
    reliability_table,
    reliability_detail_table,
    gold_table,
    expert_check_table,
    top_shares_table,
    participants_table,
)


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """The results of one study from the answers of one mode.

    `caption` states n, rule and protocol, as every figure must.
    """

    study: str
    mode: str
    protocol_sha256: str
    caption: str
    tables: Mapping[str, Table]
    questions: JudgedQuestions

    def figures(self) -> tuple[Figure, ...]:
        """The figures that these tables allow."""
        return study_figures(self.tables, caption=self.caption)


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """A report and what it was computed from, arm by arm (the bootstrap draws among it)."""

    report: Report
    arms: tuple[ArmResults, ...]


def compute_report(*, study: Study, mode: str) -> Computed:
    """Compute every table of the study from its answers of one mode."""
    protocol = protocol_of(study)
    seed = bootstrap_seed(study)
    if not _has_verdicts(protocol):
        return _computed(study, mode, (), counted_questions(study, mode), seed)
    arms: list[ArmResults] = []
    reads: list[ReadArm] = []
    attacks = read_attacks(study, protocol)
    for arm in Arm.objects.filter(study=study).order_by("position"):
        read = arm_evidence(study=study, protocol=protocol, arm=arm, mode=mode, attacks=attacks)
        results = _analysed(read.evidence, read.parts, seed, arm, protocol)
        keys = _public_keys(read, [gold.question for gold in results.gold])
        filtered = _filtered(read, protocol, seed, arm)
        judged = ReadArm(read, judged_questions(read))
        choices = arm_choices(judged, protocol, rng=_generator(seed, arm))
        arms.append(ArmResults(arm.name, read.evidence, results, keys, filtered, choices=choices))
        reads.append(judged)
    compared = compare_arms(protocol, reads, attacks, seed=seed.value)
    kept = [_without_excluded(read, arm.filtered) for read, arm in zip(reads, arms, strict=True)]
    # The same draws of images as of all answers: what differs is the answers alone.
    filtered_pairs = compare_arms(protocol, kept, attacks, seed=seed.value) if protocol.exclusions else {}
    arms = [
        replace(
            arm,
            compared=compared[arm.arm],
            compared_filtered=filtered_pairs.get(arm.arm, arm.compared_filtered),
        )
        for arm in arms
    ]
    return _computed(study, mode, tuple(arms), joined([each.judged for each in reads]), seed)


def _has_verdicts(protocol: Protocol) -> bool:
    """Whether answers agree or not: a choice among groups or attributes does neither."""
    return all(setup.positive for setup in protocol.arm_setups())


def _computed(
    study: Study, mode: str, arms: tuple[ArmResults, ...], questions: JudgedQuestions, seed: BootstrapSeed
) -> Computed:
    protocol = protocol_of(study)
    counts = counts_of_arms(arms) if _has_verdicts(protocol) else _plain_counts(study, mode, questions)
    tables = (
        study_table(study=study, mode=mode, counts=counts, seed=seed, note=_nothing_decided(arms)),
        *own_tables(study, protocol, mode, seed=seed.value),
        *(build(arms) for build in TABLE_BUILDERS),
    )
    report = Report(
        study=study.name,
        mode=mode,
        protocol_sha256=study.protocol_sha256,
        caption=_caption(study, mode, arms, counts),
        tables=MappingProxyType({table.name: table for table in tables}),
        questions=questions,
    )
    return Computed(report, arms)


def _nothing_decided(arms: Sequence[ArmResults]) -> str:
    """Why the rule decides nothing, where there are answers for it to judge."""
    for arm in arms:
        posterior = arm.results.gold_posterior
        calibrated = arm.evidence.rule.rule == "gold_calibrated"
        if calibrated and arm.results.answers and isinstance(posterior, Withheld):
            return (
                f"Nothing is decided by the rule gold_calibrated: {posterior.reason}. "
                "Golden items come in with import_answers --gold and --gold-answers."
            )
    return ""


def _plain_counts(study: Study, mode: str, questions: JudgedQuestions) -> AnswerCounts:
    people = Answer.objects.filter(question__study=study, mode=mode, status=Answer.Status.COUNTED)
    return AnswerCounts(
        questions=len(questions.key),
        imported=0,
        answers=int(questions.received.sum()),
        participants=people.values("participant").distinct().count(),
    )


def _generator(seed: BootstrapSeed, arm: Arm) -> np.random.Generator:
    """The arm's generator: filtered and unfiltered tables draw the same images."""
    return np.random.default_rng([seed.value, arm.position])


def _analysed(
    evidence: StudyEvidence,
    parts: Sequence[StudyEvidence],
    seed: BootstrapSeed,
    arm: Arm,
    protocol: Protocol,
) -> StudyResults:
    """The results of one arm; classifiers that have images of their own (`parts`) one by one."""
    draws = protocol.analysis.draws
    whole = analyse(evidence, rng=_generator(seed, arm), draws=draws)
    each = [analyse(part, rng=_generator(seed, arm), draws=draws) for part in parts]
    return replace(
        whole,
        classifiers=(*whole.classifiers, *(row for part in each for row in part.classifiers)),
        draws=(*whole.draws, *(drawn for part in each for drawn in part.draws)),
    )


def _filtered(read: ArmEvidence, protocol: Protocol, seed: BootstrapSeed, arm: Arm) -> FilteredResults | None:
    """The results without the answers that the protocol's exclusions leave out."""
    if not protocol.exclusions:
        return None
    rules = [ExclusionRule(each.measure, each.below, each.above, each.reason) for each in protocol.exclusions]
    left_out = without_excluded(read.evidence, rules)
    parts = [replace(part, answers=left_out.evidence.answers) for part in read.parts]
    return FilteredResults(left_out, _analysed(left_out.evidence, parts, seed, arm, protocol))


def _without_excluded(read: ReadArm, filtered: FilteredResults | None) -> ReadArm:
    """The arm with the answers that are left, judged anew."""
    if filtered is None:
        return read
    kept = replace(read.evidence, evidence=filtered.left_out.evidence)
    return ReadArm(kept, judged_questions(kept))


def _public_keys(read: ArmEvidence, positions: Sequence[int]) -> Mapping[int, str]:
    """The public keys of the questions at these positions."""
    wanted = {int(read.questions.key[position]): position for position in positions}
    found = Question.objects.filter(arm__study__name=read.evidence.study, pk__in=list(wanted))
    return {wanted[pk]: key for pk, key in found.values_list("pk", "key")}


def _caption(study: Study, mode: str, arms: Sequence[ArmResults], counts: AnswerCounts) -> str:
    rule = arms[0].evidence.rule if arms else None
    ruled = f"; rule {rule.agreement} of {rule.required}" if rule else ""
    if rule is not None and rule.rule not in ("count", "proportion"):
        ruled = f"; rule {rule.rule.replace('_', ' ')}"
    if (own := OWN_TABLES.get(study.kind)) is not None:
        ruled = f"; {own.rule(protocol_of(study))}"
    rehearsed = "" if mode == "real" else f"{mode.upper()} ANSWERS. "
    return f"{rehearsed}{count_shown(counts.answers)} answers{ruled}; protocol {study.protocol_sha256[:12]}."
