"""Pairs of pictures by hand: who is right, whose target is more probable, and the two exact tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyapp.analysis.image_pairs import PairPrediction, TargetProbability, sign_test, summarise_pairs
from studyapp.analysis.withheld import Withheld


def pair(
    first_right: bool, second_right: bool, first: float | None, second: float | None, at_most: float = 1.0
) -> PairPrediction:
    """A pair whose unknown probabilities are at most `at_most`."""
    return PairPrediction(
        first_right, second_right, TargetProbability(first, at_most), TargetProbability(second, at_most)
    )


def test_the_set_is_counted_and_tested_as_by_hand() -> None:
    pairs = [
        *[pair(True, False, 0.9, 0.2)] * 5,
        pair(False, True, 0.1, 0.6),
        pair(True, True, 0.8, 0.8),
        pair(False, False, 0.3, 0.1),
    ]
    found = summarise_pairs(pairs)
    assert (found.both_right, found.first_only, found.second_only, found.neither) == (1, 5, 1, 1)
    assert (found.first_accuracy.count, found.second_accuracy.count, found.pairs) == (6, 2, 8)
    # Five of six to one side, two-sided: 2 * (C(6,5) + C(6,6)) / 2^6.
    assert found.mcnemar_p == pytest.approx(2 * 7 / 64)
    assert (found.first_higher, found.second_higher, found.equal, found.unknown) == (6, 1, 1, 0)
    assert found.sign_p == pytest.approx(2 * 8 / 128)
    assert found.mean_difference == pytest.approx((5 * 0.7 - 0.5 + 0 + 0.2) / 8)


def test_a_target_that_is_not_listed_is_below_one_that_is_more_probable_than_all_listed() -> None:
    assert pair(True, False, 0.5, None, at_most=0.01).sign == 1
    assert pair(False, True, None, 0.5, at_most=0.01).sign == -1
    assert pair(True, False, 0.005, None, at_most=0.01).sign is None
    assert pair(True, False, 0.5, None, at_most=0.01).difference is None
    assert pair(False, False, None, None, at_most=0.01).sign is None


def test_without_predictions_the_tests_are_withheld() -> None:
    found = summarise_pairs([])
    assert isinstance(found.mcnemar_p, Withheld)
    assert isinstance(found.sign_p, Withheld)
    assert isinstance(found.mean_difference, Withheld)
    assert found.first_accuracy.share is None


def test_a_number_that_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.5"):
        TargetProbability(1.5)


probabilities = st.one_of(st.none(), st.floats(0, 1))


@given(st.lists(st.tuples(st.booleans(), st.booleans(), probabilities, probabilities), max_size=12))
def test_exchanging_the_sides_exchanges_the_counts_and_leaves_the_tests(
    rows: list[tuple[bool, bool, float | None, float | None]],
) -> None:
    there = summarise_pairs([pair(*row, at_most=0.1) for row in rows])
    back = summarise_pairs([pair(b, a, q, p, at_most=0.1) for a, b, p, q in rows])
    assert (there.first_only, there.first_higher) == (back.second_only, back.second_higher)
    assert (there.mcnemar_p, there.sign_p) == (back.mcnemar_p, back.sign_p)
    assert there.first_higher + there.second_higher + there.equal + there.unknown == there.pairs


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_sign_test_is_a_probability_and_symmetric(higher: int, lower: int) -> None:
    assert 0 < sign_test(higher, lower) <= 1
    assert sign_test(higher, lower) == pytest.approx(sign_test(lower, higher))
