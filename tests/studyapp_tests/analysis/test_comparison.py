"""Classifiers in pairs."""

from __future__ import annotations

import numpy as np
import pytest

from studyapp.analysis.comparison import Comparison, Difference, bootstrap_p, difference, holm, planned, ranks
from studyapp.analysis.intervals import Interval
from studyapp.analysis.rectified import OutcomeColumn, draw_columns


def columns(first: np.ndarray, second: np.ndarray) -> tuple[OutcomeColumn, OutcomeColumn]:
    return OutcomeColumn("first", first.astype(np.int8)), OutcomeColumn("second", second.astype(np.int8))


def compare(first: np.ndarray, second: np.ndarray, draws: int = 4000) -> Difference:
    pair = columns(first, second)
    return difference(*pair, draw_columns(pair, draws=draws, rng=np.random.default_rng(0)))


def test_the_difference_and_its_spread_are_those_of_paired_images() -> None:
    # 1,000 images: 60 wrong for the first alone, 20 for the second alone, 100 for both.
    first = np.zeros(1000, dtype=bool)
    second = np.zeros(1000, dtype=bool)
    first[:160] = True
    second[60:180] = True
    result = compare(first, second, draws=20_000)
    assert result.difference == pytest.approx(0.04)
    spread = np.sqrt((0.08 - 0.04**2) / 1000)
    assert result.interval.low == pytest.approx(0.04 - 1.96 * spread, abs=1.5e-3)
    assert result.interval.high == pytest.approx(0.04 + 1.96 * spread, abs=1.5e-3)
    assert result.p < 0.001


def test_shared_mistakes_do_not_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    shared = rng.random(5000) < 0.4
    first = shared.copy()
    first[:20] ^= True
    paired = compare(first, shared)
    apart = compare(first, rng.permutation(shared))
    assert paired.interval.high - paired.interval.low < (apart.interval.high - apart.interval.low) / 5


def test_equal_classifiers_do_not_differ() -> None:
    outcome = np.arange(100) < 30
    result = compare(outcome, outcome)
    assert (result.difference, result.p) == (0, 1)
    assert (result.interval.low, result.interval.high) == (0, 0)


def test_p_is_two_sided_and_never_zero() -> None:
    assert bootstrap_p(np.array([1.0] * 9)) == pytest.approx(2 * 1 / 10)
    assert bootstrap_p(np.array([-1.0, 1.0, 1.0])) == pytest.approx(1.0)
    assert bootstrap_p(np.array([-1.0] + [1.0] * 98)) == pytest.approx(2 * 2 / 100)


def test_holm_by_hand() -> None:
    def with_p(name: str, p: float) -> Comparison:
        part = Difference(0.1, Interval(0, 0.2, "percentile bootstrap"), p, p)
        return Comparison(name, "z", part, part)

    adjusted = holm((with_p("a", 0.01), with_p("b", 0.04), with_p("c", 0.03)))
    assert [c.standard.p_holm for c in adjusted] == pytest.approx([0.03, 0.06, 0.06])
    assert [c.standard.p for c in adjusted] == [0.01, 0.04, 0.03]


def test_ranks_share_a_place_when_errors_are_equal() -> None:
    places = ranks(("a", "b", "c"), np.array([0.2, 0.3, 0.3]), np.array([0.2, 0.1, 0.05]))
    assert [(r.standard, r.rectified) for r in places] == [(1, 3), (2, 2), (2, 1)]


def test_all_pairs_are_planned_unless_some_are_named() -> None:
    assert planned(("a", "b", "c"), None) == (("a", "b"), ("a", "c"), ("b", "c"))
    assert planned(("a", "b", "c"), (("c", "a"),)) == (("c", "a"),)


def test_a_reversal_is_named() -> None:
    interval = Interval(-1, 1, "percentile bootstrap")
    up, down = Difference(0.1, interval, 0.5, 0.5), Difference(-0.1, interval, 0.5, 0.5)
    assert Comparison("a", "b", up, down).reversed
    assert not Comparison("a", "b", up, up).reversed
