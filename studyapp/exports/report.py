"""A study's results as tables: the one source of the page, the command and the bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from studyapp.analysis.evidence import StudyEvidence
from studyapp.analysis.exclusions import ExclusionRule, without_excluded
from studyapp.analysis.sensitivity import own_verdicts
from studyapp.analysis.study_results import analyse, golden_items
from studyapp.analysis.votes import count_votes, counted_answers
from studyapp.exports.arm_results import ArmResults, FilteredResults
from studyapp.exports.columns import Int64Array
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
from studyapp.exports.study_table import study_table
from studyapp.exports.tabular import Table
from studyapp.models import Arm, Question, Study
from studyapp.protocol.schema import Protocol
from studyapp.services.bootstrap import BootstrapSeed, bootstrap_seed
from studyapp.services.plans import protocol_of

# Given no arms, each gives its table without rows: what its columns are does not depend on the answers.
TABLE_BUILDERS: tuple[Callable[[Sequence[ArmResults]], Table], ...] = (
    rectified_error_table,
    top5_table,
    positive_answers_table,
    controls_table,
    true_label_table,
    classifier_pairs_table,
    ranks_table,
    sensitivity_table,
    filtered_error_table,
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
class JudgedQuestions:
    """Every question of the study [Q]: primary key, answers that count, positive ones, `Verdict` code."""

    key: Int64Array
    received: Int64Array
    positive: Int64Array
    verdict: Int64Array
    imported: npt.NDArray[np.bool_]


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
    arms: list[ArmResults] = []
    judged: list[JudgedQuestions] = []
    for arm in Arm.objects.filter(study=study).order_by("position"):
        read = arm_evidence(study=study, protocol=protocol, arm=arm, mode=mode)
        results = analyse(read.evidence, rng=_generator(seed, arm), draws=protocol.analysis.draws)
        keys = _public_keys(read, [gold.question for gold in results.gold])
        filtered = _filtered(read.evidence, protocol, _generator(seed, arm))
        arms.append(ArmResults(arm.name, read.evidence, results, keys, filtered))
        judged.append(_judged(read))
    tables = study_tables(study=study, mode=mode, arms=arms, seed=seed)
    report = Report(
        study=study.name,
        mode=mode,
        protocol_sha256=study.protocol_sha256,
        caption=_caption(study, mode, arms),
        tables=tables,
        questions=_joined(judged),
    )
    return Computed(report, tuple(arms))


def _generator(seed: BootstrapSeed, arm: Arm) -> np.random.Generator:
    """The arm's generator: filtered and unfiltered tables draw the same images."""
    return np.random.default_rng([seed.value, arm.position])


def _filtered(
    evidence: StudyEvidence, protocol: Protocol, rng: np.random.Generator
) -> FilteredResults | None:
    """The results without the answers that the protocol's exclusions leave out."""
    if not protocol.exclusions:
        return None
    rules = [ExclusionRule(each.measure, each.below, each.above, each.reason) for each in protocol.exclusions]
    left_out = without_excluded(evidence, rules)
    return FilteredResults(left_out, analyse(left_out.evidence, rng=rng, draws=protocol.analysis.draws))


def study_tables(
    *, study: Study, mode: str, arms: Sequence[ArmResults], seed: BootstrapSeed
) -> Mapping[str, Table]:
    """Every table by name, in the order in which pages and bundles show them."""
    tables = (
        study_table(study=study, mode=mode, arms=arms, seed=seed),
        *(build(arms) for build in TABLE_BUILDERS),
    )
    return MappingProxyType({table.name: table for table in tables})


def _judged(read: ArmEvidence) -> JudgedQuestions:
    evidence = read.evidence
    counted = counted_answers(evidence.answers, evidence.rule.required)
    votes = count_votes(counted, evidence.rule)
    verdicts = own_verdicts(
        evidence.rule,
        counted=counted,
        votes=votes,
        golden=golden_items(evidence),
        estimate_from=evidence.in_tables(),
    )
    if not isinstance(verdicts, np.ndarray):
        raise ValueError(f"study {evidence.study}: {verdicts.reason}")
    return JudgedQuestions(
        key=read.questions.key,
        received=np.asarray(votes.received, dtype=np.int64),
        positive=np.asarray(votes.positive, dtype=np.int64),
        verdict=verdicts.astype(np.int64),
        imported=read.questions.imported,
    )


def _joined(parts: Sequence[JudgedQuestions]) -> JudgedQuestions:
    nothing = np.array([], dtype=np.int64)
    return JudgedQuestions(
        key=np.concatenate([nothing, *(part.key for part in parts)]),
        received=np.concatenate([nothing, *(part.received for part in parts)]),
        positive=np.concatenate([nothing, *(part.positive for part in parts)]),
        verdict=np.concatenate([nothing, *(part.verdict for part in parts)]),
        imported=np.concatenate([nothing.astype(bool), *(part.imported for part in parts)]),
    )


def _public_keys(read: ArmEvidence, positions: Sequence[int]) -> Mapping[int, str]:
    """The public keys of the questions at these positions."""
    wanted = {int(read.questions.key[position]): position for position in positions}
    found = Question.objects.filter(arm__study__name=read.evidence.study, pk__in=list(wanted))
    return {wanted[pk]: key for pk, key in found.values_list("pk", "key")}


def _caption(study: Study, mode: str, arms: Sequence[ArmResults]) -> str:
    answers = sum(arm.results.answers for arm in arms)
    rule = arms[0].evidence.rule if arms else None
    ruled = f"; rule {rule.agreement} of {rule.required}" if rule else ""
    if rule is not None and rule.rule not in ("count", "proportion"):
        ruled = f"; rule {rule.rule.replace('_', ' ')}"
    rehearsed = "" if mode == "real" else f"{mode.upper()} ANSWERS. "
    return f"{rehearsed}{count_shown(answers)} answers{ruled}; protocol {study.protocol_sha256[:12]}."
