"""The bias audit by hand: what counts as perceived, rates of groups, their tests, and agreement."""

from __future__ import annotations

from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyapp.analysis.bias_audit import (
    Annotations,
    Perceived,
    PerceptionRule,
    attribute_agreement,
    difference_interval,
    fisher_p,
    group_rates,
    perceived,
)
from studyapp.analysis.intervals import wilson, wilson_rate
from studyapp.analysis.withheld import Withheld

TWO_OF_THREE = PerceptionRule(2, 3)


def annotated(
    seen: list[list[int]],
    received: list[int],
    groups: dict[str, list[int]],
    cannot_tell: list[int] | None = None,
) -> Annotations:
    """Annotations from lists, attributes named a, b, ..."""
    return Annotations(
        attributes=tuple("abcdef"[: len(seen[0])]),
        seen=np.array(seen),
        received=np.array(received),
        cannot_tell=np.array(cannot_tell or [0] * len(received)),
        groups={name: np.array(images, dtype=np.int64) for name, images in groups.items()},
    )


def eight_images() -> Annotations:
    """Four prototypes and four of training: a is in 4 and 0 of them, b in 3 and 1."""
    return annotated(
        [[3, 2], [2, 3], [3, 3], [2, 1], [0, 0], [1, 3], [0, 1], [1, 0]],
        [3] * 8,
        {"prototypes": [0, 1, 2, 3], "training": [4, 5, 6, 7]},
    )


def test_what_half_say_is_tied_and_what_most_cannot_tell_is_not_decided() -> None:
    found = perceived(
        annotated([[2], [1], [2], [3], [1], [2]], [3, 3, 4, 4, 3, 2], {"training": []}, [0, 0, 0, 0, 2, 0]),
        TWO_OF_THREE,
    )
    assert [Perceived(int(code)).name for code in found[:, 0]] == [
        *("PRESENT", "ABSENT", "TIED", "PRESENT", "CANNOT_TELL", "TOO_FEW")
    ]


def test_a_declared_two_of_four_is_a_rule_and_no_tie() -> None:
    found = perceived(annotated([[2], [1]], [4, 4], {"training": []}), PerceptionRule(2, 4))
    assert found[:, 0].tolist() == [Perceived.PRESENT, Perceived.ABSENT]


def test_rates_differences_and_fishers_p_are_those_worked_out_by_hand() -> None:
    rows = {(row.group, row.attribute): row for row in group_rates(eight_images(), TWO_OF_THREE)}
    first, second = rows["prototypes", "a"], rows["prototypes", "b"]
    assert (first.rate.count, first.rate.total, first.difference) == (4, 4, 1.0)
    assert (second.rate.count, second.rate.total, second.difference) == (3, 4, 0.5)
    # The margins are 4 and 4 of 8: 1 and 1 tables of 70 are as far out, then 16 + 1 and 16 + 1.
    assert comb(8, 4) == 70
    assert first.p == pytest.approx(2 / 70)
    assert second.p == pytest.approx(34 / 70)
    # Benjamini and Hochberg over two tests: the smaller p times two, the larger as it is.
    assert first.p_adjusted == pytest.approx(4 / 70)
    assert second.p_adjusted == pytest.approx(34 / 70)
    reference = rows["training", "b"]
    assert (reference.rate.count, reference.difference, reference.p, reference.p_adjusted) == (
        1,
        None,
        None,
        None,
    )
    assert first.few


def test_the_interval_of_a_difference_is_newcombes() -> None:
    first, second = wilson_rate(15, 20), wilson_rate(9, 30)
    one, two = wilson(15, 20), wilson(9, 30)
    found = difference_interval(first, second)
    assert found.low == pytest.approx(0.45 - sqrt((0.75 - one.low) ** 2 + (two.high - 0.3) ** 2))
    assert found.high == pytest.approx(0.45 + sqrt((one.high - 0.75) ** 2 + (0.3 - two.low) ** 2))


def test_alpha_of_an_attribute_is_the_one_worked_out_by_hand() -> None:
    found = attribute_agreement(annotated([[3], [0], [2]], [3, 3, 3], {"training": [0, 1, 2]}))
    # 2 of 9 pairable values disagree with another of their image; by chance it would be 2 * 5 * 4 / (9 * 8).
    assert found[0].reliability.alpha == pytest.approx(1 - (2 / 9) / (40 / 72))


def test_who_cannot_tell_says_nothing_about_agreement() -> None:
    with_them = annotated([[3], [0], [2]], [4, 3, 5], {"training": [0, 1, 2]}, [1, 0, 2])
    without = annotated([[3], [0], [2]], [3, 3, 3], {"training": [0, 1, 2]})
    assert attribute_agreement(with_them) == attribute_agreement(without)


def test_an_image_of_two_groups_is_counted_in_both_and_said_to_be_shared() -> None:
    found = annotated([[3], [0], [3]], [3, 3, 3], {"prototypes": [0, 1], "training": [1, 2]})
    row = group_rates(found, TWO_OF_THREE)[0]
    assert (row.group, row.images, row.shared) == ("prototypes", 2, 1)


def test_without_answers_every_rate_is_withheld_and_nothing_fails() -> None:
    empty = annotated([[0, 0]] * 3, [0, 0, 0], {"prototypes": [0], "training": [1, 2]})
    rows = group_rates(empty, TWO_OF_THREE)
    assert [row.rate.share for row in rows] == [None] * 4
    assert all(isinstance(row.p, Withheld) for row in rows if row.group == "prototypes")
    assert {row.too_few for row in rows} == {1, 2}
    assert isinstance(attribute_agreement(empty)[0].reliability.alpha, Withheld)


def test_counts_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="could not tell"):
        annotated([[3]], [3], {"training": [0]}, [1])
    with pytest.raises(ValueError, match="4 of 3"):
        PerceptionRule(4, 3)


@given(st.integers(0, 12), st.integers(1, 12), st.integers(0, 12), st.integers(1, 12))
def test_a_group_compared_with_training_or_training_with_it_has_one_p(
    first: int, more: int, second: int, rest: int
) -> None:
    one, other = wilson_rate(first, first + more), wilson_rate(second, second + rest)
    assert fisher_p(one, other) == pytest.approx(fisher_p(other, one))
    there, back = difference_interval(one, other), difference_interval(other, one)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=20),
    st.integers(1, 3),
)
def test_every_image_of_a_group_is_counted_once(rows: list[tuple[int, int]], agreement: int) -> None:
    seen = [[first] for first, _ in rows]
    received = [first + more for first, more in rows]
    found = annotated(seen, received, {"prototypes": list(range(len(rows))), "training": [0]})
    for row in group_rates(found, PerceptionRule(agreement, 3)):
        assert row.images == row.rate.total + row.tied + row.cannot_tell + row.too_few
