"""The verdicts under other rules: would the table read differently?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from studyapp.analysis.arrays import BoolArray, IntArray
from studyapp.analysis.dawid_skene import Golden, dawid_skene, gold_calibrated, positive_classes
from studyapp.analysis.verdicts import Verdict, verdicts, verdicts_from_posterior
from studyapp.analysis.votes import AgreementRule, Answers, Votes
from studyapp.analysis.withheld import STOPPED_EARLY, Withheld


@dataclass(frozen=True, slots=True, eq=False)
class RuleVerdicts:
    """One rule and its verdicts [Q]; `exact` is false where only bounds follow from the answers."""

    name: str
    rule: AgreementRule
    verdicts: IntArray | Withheld
    exact: bool = True


def verdicts_under(
    rule: AgreementRule,
    *,
    counted: Answers,
    votes: Votes,
    golden: Golden | None,
    estimate_from: BoolArray,
) -> IntArray | Withheld:
    """[Q] verdicts under `rule`; `estimate_from` [Q] marks the questions that Dawid-Skene learns from."""
    if rule.rule in ("count", "proportion"):
        return verdicts(votes, rule)
    if rule.rule == "dawid_skene":
        rows = counted.where(np.asarray(estimate_from[counted.question], dtype=np.bool_))
        if not len(rows):
            return Withheld("no answers")
        known, compact = answered_only(rows)
        classes = dawid_skene(compact, positive_classes(rows, rule.positive))
        relevant = np.zeros(counted.questions)
        relevant[known] = classes.relevant
        return verdicts_from_posterior(relevant, replace_received(votes, estimate_from), rule)
    if golden is None:
        return Withheld("no golden questions: their answers give each participant's confusion matrix")
    calibrated = gold_calibrated(counted, golden)
    if isinstance(calibrated, Withheld):
        return calibrated
    return verdicts_from_posterior(calibrated.relevant, votes, rule)


def own_verdicts(
    rule: AgreementRule,
    *,
    counted: Answers,
    votes: Votes,
    golden: Golden | None,
    estimate_from: BoolArray,
) -> IntArray:
    """[Q] verdicts under the study's own rule, which a study has from its first day on.

    While there is no answer, or not what the rule needs to calibrate anybody, nothing is decided.
    """
    found = verdicts_under(rule, counted=counted, votes=votes, golden=golden, estimate_from=estimate_from)
    if isinstance(found, Withheld):
        return np.full(counted.questions, int(Verdict.UNDECIDED), dtype=np.int8)
    return found


def answered_only(answers: Answers) -> tuple[IntArray, Answers]:
    """The questions that have answers (indices), and the answers numbered by them alone."""
    known, question = np.unique(answers.question, return_inverse=True)
    return known, replace(answers, question=question, questions=len(known))


def replace_received(votes: Votes, kept: BoolArray) -> Votes:
    """The votes with questions outside `kept` [Q] as if nobody had answered them."""
    return Votes(np.where(kept, votes.positive, 0), np.where(kept, votes.received, 0))


def alternative_rules(rule: AgreementRule) -> tuple[tuple[str, AgreementRule], ...]:
    """Every agreement from a bare majority to all, Dawid-Skene, and gold-calibrated Dawid-Skene.

    For five answers: 3 of 5, 4 of 5, 5 of 5.
    """
    # Counting again is never a posterior rule, whatever the study's own rule is.
    counted = replace(rule, rule="proportion" if rule.rule == "proportion" else "count")
    thresholds = range(rule.required // 2 + 1, rule.required + 1)
    by_count = tuple((f"{t} of {rule.required}", replace(counted, agreement=t)) for t in thresholds)
    if rule.stop_when_decided:
        return by_count
    return (
        *by_count,
        ("Dawid-Skene", replace(counted, rule="dawid_skene")),
        ("gold-calibrated Dawid-Skene", replace(counted, rule="gold_calibrated")),
    )


def sensitivity_verdicts(
    rule: AgreementRule,
    *,
    counted: Answers,
    votes: Votes,
    golden: Golden | None,
    estimate_from: BoolArray,
) -> tuple[RuleVerdicts, ...]:
    """The verdicts under every alternative rule.

    With `stop_when_decided` the study's own agreement stays exact, another agreement gives bounds (a
    question closed at the second no may still have reached three yes), and Dawid-Skene is withheld.
    """
    rows = [
        RuleVerdicts(
            name,
            other,
            verdicts_under(other, counted=counted, votes=votes, golden=golden, estimate_from=estimate_from),
            exact=not rule.stop_when_decided or other.agreement == rule.agreement,
        )
        for name, other in alternative_rules(_strict_if_stopped(rule))
    ]
    if rule.stop_when_decided:
        withheld = Withheld(STOPPED_EARLY)
        rows += [
            RuleVerdicts(name, rule, withheld) for name in ("Dawid-Skene", "gold-calibrated Dawid-Skene")
        ]
    return tuple(rows)


def _strict_if_stopped(rule: AgreementRule) -> AgreementRule:
    """Shares of early-closed questions are no sample of their answers, so other thresholds use counts."""
    return replace(rule, rule="count", incomplete="strict") if rule.stop_when_decided else rule
