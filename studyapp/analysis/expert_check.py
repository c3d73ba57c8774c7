"""How often an expert who saw neither votes nor labels agrees, by the number of positive answers."""

from __future__ import annotations

from dataclasses import dataclass

from studyapp.analysis.evidence import ExpertCheck
from studyapp.analysis.intervals import Rate, wilson_rate
from studyapp.analysis.votes import AgreementRule, Votes


@dataclass(frozen=True, slots=True)
class PrecisionAtCount:
    """Of the checked questions with `positive` positive answers, those the expert finds relevant."""

    positive: int
    relevant: Rate


def precision_per_count(
    votes: Votes, check: ExpertCheck, rule: AgreementRule
) -> tuple[PrecisionAtCount, ...]:
    """One row per count 0..required, with Wilson intervals; questions without all answers are left out."""
    complete = votes.received[check.question] >= rule.required
    positive = votes.positive[check.question]
    rows = []
    for k in range(rule.required + 1):
        at_k = complete & (positive == k)
        rows.append(PrecisionAtCount(k, wilson_rate(int(check.relevant[at_k].sum()), int(at_k.sum()))))
    return tuple(rows)
