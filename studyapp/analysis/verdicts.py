"""The outcome of the agreement rule on every question."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.votes import AgreementRule, Votes


class Verdict(IntEnum):
    """What people's answers say about a question. A question without an outcome has a name, too."""

    UNDECIDED = 0
    AGREED = 1
    REJECTED = 2

    @property
    def word(self) -> str:
        return self.name.lower()


class Majority(IntEnum):
    """Which side has more voices; a tie is a value and is never broken."""

    TIED = -1
    NEGATIVE = 0
    POSITIVE = 1


def verdicts(votes: Votes, rule: AgreementRule) -> IntArray:
    """[Q] `Verdict` codes by counting (science.md, section 1).

    Decided once p >= t (agreed) or m - p > n - t (rejected). Otherwise undecided, unless the rule
    judges by proportion: then p/m >= t/n decides from three answers on (compared as integers).
    """
    p, m = votes.positive, votes.received
    n, t = rule.required, rule.agreement
    outcome = np.full(len(p), int(Verdict.UNDECIDED), dtype=np.int8)
    if rule.judges_by_proportion:
        enough = m >= rule.fewest
        outcome[enough & (p * n >= t * m)] = Verdict.AGREED
        outcome[enough & (p * n < t * m)] = Verdict.REJECTED
    outcome[p >= t] = Verdict.AGREED
    outcome[m - p > n - t] = Verdict.REJECTED
    return outcome


def verdicts_from_posterior(posterior: FloatArray, votes: Votes, rule: AgreementRule) -> IntArray:
    """[Q] `Verdict` codes from the probability that the label is relevant: agreed at 0.5 or more.

    A question with fewer than `required` answers is undecided under `strict`; under `proportion` three
    answers are enough.
    """
    needed = rule.fewest if rule.judges_by_proportion else rule.required
    outcome = np.where(posterior >= 0.5, int(Verdict.AGREED), int(Verdict.REJECTED)).astype(np.int8)
    outcome[votes.received < needed] = Verdict.UNDECIDED
    return outcome


def could_still_change(votes: Votes, rule: AgreementRule) -> BoolArray:
    """[Q] whether further answers could still change the verdict of the count.

    With `stop_when_decided` a question is closed where this is false: for 4 of 5 at the fourth yes or
    the second answer that is not yes.
    """
    p, m = votes.positive, votes.received
    open_slots = m < rule.required
    certain = (p >= rule.agreement) | (m - p > rule.required - rule.agreement)
    return np.asarray(open_slots & ~certain, dtype=np.bool_)


def any_agreed(outcomes: IntArray) -> IntArray:
    """[Q] verdict of a set of questions [Q, J], agreed if any is (top-5 asked class by class).

    Rejected only where all are rejected; otherwise undecided.
    """
    joint = np.full(len(outcomes), int(Verdict.UNDECIDED), dtype=np.int8)
    joint[(outcomes == Verdict.REJECTED).all(axis=1)] = Verdict.REJECTED
    joint[(outcomes == Verdict.AGREED).any(axis=1)] = Verdict.AGREED
    return joint


def majority(positive: IntArray, received: IntArray) -> IntArray:
    """[Q] `Majority` codes: more than half positive, fewer than half, or a tie (no answers are a tie)."""
    outcome = np.full(len(positive), int(Majority.TIED), dtype=np.int8)
    outcome[2 * positive > received] = Majority.POSITIVE
    outcome[2 * positive < received] = Majority.NEGATIVE
    return outcome
