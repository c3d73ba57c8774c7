"""From a study's evidence to its results: the same code for live, sampled and imported answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from studyapp.analysis.agreement_pairs import label_pairs
from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.bootstrap import Draws
from studyapp.analysis.classifier_columns import ClassifierColumns, classifier_columns
from studyapp.analysis.classifier_results import classifier_result
from studyapp.analysis.comparison import Comparison, difference, holm, planned, ranks
from studyapp.analysis.dawid_skene import Golden, gold_calibrated, golden_from_experts
from studyapp.analysis.evidence import StudyEvidence
from studyapp.analysis.expert_check import precision_per_count
from studyapp.analysis.null_calibration import null_calibration
from studyapp.analysis.participant_quality import gold_rates, participant_quality, top_shares
from studyapp.analysis.rectified import column_error, draw_columns
from studyapp.analysis.reliability import positive_counts, reliability
from studyapp.analysis.result_values import ReliabilityRow, StudyResults
from studyapp.analysis.sensitivity import own_verdicts, sensitivity_verdicts
from studyapp.analysis.verdicts import Majority
from studyapp.analysis.votes import Answers, count_votes, counted_answers, value_counts
from studyapp.analysis.withheld import STOPPED_EARLY, Withheld


def analyse(
    evidence: StudyEvidence,
    *,
    rng: np.random.Generator,
    draws: int = 2000,
    include_imported: bool = False,
) -> StudyResults:
    """All results of one study.

    `rng` makes the bootstrap draws, whose replicates come back in the results to be stored.
    `include_imported` lets Dawid-Skene learn from imported questions, too; classifiers' mistakes are the
    same either way.
    """
    rule, answers = evidence.rule, evidence.answers
    counted = counted_answers(answers, rule.required)
    votes = count_votes(counted, rule)
    golden = golden_items(evidence)
    own = evidence.in_tables()
    estimate_from = np.ones(answers.questions, dtype=bool) if include_imported else own

    verdicts = own_verdicts(rule, counted=counted, votes=votes, golden=golden, estimate_from=estimate_from)
    others = sensitivity_verdicts(
        rule, counted=counted, votes=votes, golden=golden, estimate_from=estimate_from
    )
    columns = tuple(classifier_columns(c, verdicts, others) for c in evidence.classifiers)
    per_classifier, per_pair, stored = _draw(columns, _pairs(evidence), draws, rng)

    controls = evidence.controls
    calibration = (
        None
        if controls is None
        else null_calibration(verdicts, foil=controls.foil, dataset_label=controls.dataset_label)
    )
    gold = evidence.gold_questions
    # Every participant meets the gold questions, so all their answers count there, not the first n.
    return StudyResults(
        study=evidence.study,
        classifiers=tuple(
            classifier_result(
                column,
                study=evidence,
                counted=counted,
                votes=votes,
                others=others,
                calibration=calibration,
                draws=drawn,
                rng=rng,
            )
            for column, drawn in zip(columns, per_classifier, strict=True)
        ),
        comparisons=holm(per_pair),
        ranks=ranks(
            tuple(c.evidence.classifier for c in columns),
            np.array([column_error(c.standard) for c in columns]),
            np.array([column_error(c.rectified) for c in columns]),
        ),
        null_calibration=calibration,
        reliability=_reliability_rows(evidence, counted, own),
        gold=() if gold is None else gold_rates(answers, gold),
        participants=participant_quality(answers, rule.positive, gold),
        top_shares=top_shares(answers),
        label_pairs=None if evidence.true_label is None else label_pairs(verdicts, evidence.true_label),
        expert_check=()
        if evidence.expert_check is None
        else precision_per_count(votes, evidence.expert_check, rule),
        gold_posterior=_gold_posterior(counted, golden),
        answers=len(counted),
        questions=int(own.sum()),
        imported_questions=int((~own).sum()),
        draws=stored,
    )


def golden_items(evidence: StudyEvidence) -> Golden | None:
    """What gold calibration learns from: the experts' golden set, or else the study's gold questions."""
    rule = evidence.rule
    if evidence.golden_answers is not None:
        golden = evidence.golden_answers
        return golden_from_experts(golden.experts, golden.raters, rule.positive)
    gold = evidence.gold_questions
    if gold is None or not len(gold.question):
        return None
    answers = evidence.answers
    relevant = np.full(answers.questions, int(Majority.TIED), dtype=np.int8)
    relevant[gold.question] = np.isin(gold.expected, answers.codes(rule.positive))
    asked: BoolArray = relevant[answers.question] != Majority.TIED
    return Golden(relevant=relevant, answers=answers.where(asked))


def _pairs(evidence: StudyEvidence) -> tuple[tuple[int, int], ...]:
    names = tuple(c.classifier for c in evidence.classifiers)
    return tuple((names.index(a), names.index(b)) for a, b in planned(names, evidence.planned_pairs))


def _draw(
    columns: Sequence[ClassifierColumns],
    pairs: tuple[tuple[int, int], ...],
    draws: int,
    rng: np.random.Generator,
) -> tuple[tuple[Draws, ...], tuple[Comparison, ...], tuple[Draws, ...]]:
    """Replicates per classifier, the compared pairs, and the tables of replicates to store.

    One set of draws serves everything unless a sample was drawn: then each classifier keeps the cell sizes
    of its own design, and each pair is drawn together.
    """
    if not columns:
        return (), (), ()
    if all(c.design is None for c in columns):
        everything = draw_columns([column for c in columns for column in c.together], draws=draws, rng=rng)
        compared = tuple(_compare(columns[a], columns[b], everything) for a, b in pairs)
        return (everything,) * len(columns), compared, (everything,)
    own = tuple(draw_columns(c.together, draws=draws, rng=rng, design=c.design) for c in columns)
    joint = tuple(
        draw_columns(
            [x for c in (columns[a], columns[b]) for x in (c.standard, c.rectified)], draws=draws, rng=rng
        )
        for a, b in pairs
    )
    compared = tuple(
        _compare(columns[a], columns[b], drawn) for (a, b), drawn in zip(pairs, joint, strict=True)
    )
    return own, compared, own + joint


def _compare(first: ClassifierColumns, second: ClassifierColumns, draws: Draws) -> Comparison:
    return Comparison(
        first=first.evidence.classifier,
        second=second.evidence.classifier,
        standard=difference(first.standard, second.standard, draws),
        rectified=difference(first.rectified, second.rectified, draws),
    )


def _reliability_rows(
    evidence: StudyEvidence, counted: Answers, own: BoolArray
) -> tuple[ReliabilityRow, ...]:
    """Study questions (gold ones apart), then all with the imported ones; yes against the rest first."""
    codings = ("positive against the rest", "all answer values")
    study = own.copy()
    if evidence.gold_questions is not None:
        study[evidence.gold_questions.question] = False
    scopes = [("study", study)] + ([] if own.all() else [("all", study | ~own)])
    if evidence.rule.stop_when_decided:
        withheld = Withheld(STOPPED_EARLY)
        return tuple(ReliabilityRow(scope, coding, withheld) for scope, _ in scopes for coding in codings)
    counts: IntArray = value_counts(counted)
    binary = positive_counts(counts, counted.codes(evidence.rule.positive))
    return tuple(
        ReliabilityRow(scope, coding, reliability(table[kept]))
        for scope, kept in scopes
        for coding, table in zip(codings, (binary, counts), strict=True)
    )


def _gold_posterior(counted: Answers, golden: Golden | None) -> FloatArray | Withheld:
    if golden is None:
        return Withheld("no golden questions")
    calibrated = gold_calibrated(counted, golden)
    return calibrated if isinstance(calibrated, Withheld) else calibrated.relevant
