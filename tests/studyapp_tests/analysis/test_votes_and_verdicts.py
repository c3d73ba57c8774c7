"""Counting answers and judging the counts."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyapp.analysis.verdicts import (
    Majority,
    Verdict,
    any_agreed,
    could_still_change,
    majority,
    verdicts,
    verdicts_from_posterior,
)
from studyapp.analysis.votes import AgreementRule, Answers, Votes, count_votes, counted_answers, value_counts
from tests.studyapp_tests.analysis.tables import answers_of, shuffled

FOUR_OF_FIVE = AgreementRule(required=5, agreement=4)
A, R, U = Verdict.AGREED, Verdict.REJECTED, Verdict.UNDECIDED


def judge(rows: list[str], rule: AgreementRule) -> list[int]:
    return verdicts(count_votes(answers_of(rows), rule), rule).tolist()


def test_only_positive_answers_are_counted_and_unsure_is_not_positive() -> None:
    votes = count_votes(answers_of(["yyuny", "", "nnnnn"]), FOUR_OF_FIVE)
    assert votes.positive.tolist() == [3, 0, 0]
    assert votes.received.tolist() == [5, 0, 5]


def test_several_values_can_be_positive() -> None:
    rule = AgreementRule(positive=("yes", "unsure"))
    assert count_votes(answers_of(["yyuny"]), rule).positive.tolist() == [4]


def test_of_more_than_n_answers_the_first_n_count() -> None:
    votes = count_votes(answers_of(["nnyyyyy", "yyyyynn"]), FOUR_OF_FIVE)
    assert votes.positive.tolist() == [3, 5]
    assert votes.received.tolist() == [5, 5]


def test_the_first_n_are_found_when_questions_are_interleaved() -> None:
    answers = Answers(
        question=np.array([1, 0, 1, 0, 1]),
        participant=np.array([0, 0, 1, 1, 2]),
        value=np.array([1, 0, 1, 1, 0]),
        vocabulary=("no", "yes"),
        questions=2,
        participants=3,
    )
    counted = counted_answers(answers, 2)
    assert counted.question.tolist() == [0, 0, 1, 1]
    assert counted.value.tolist() == [0, 1, 1, 1]


def test_value_counts_hold_every_value_of_every_question() -> None:
    assert value_counts(answers_of(["yyun", "", "n"])).tolist() == [[1, 2, 1], [0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("yyyyy", A), ("yyyyn", A), ("yyynn", R), ("nnnnn", R),
        ("yyyy", A), ("nn", R), ("ynun", R), ("yyyn", U), ("yyy", U), ("n", U), ("", U),
    ],
)  # fmt: skip
def test_four_of_five_by_hand(row: str, expected: Verdict) -> None:
    assert judge([row], FOUR_OF_FIVE) == [expected]


def test_a_tie_keeps_the_error() -> None:
    assert judge(["yynn"], AgreementRule(required=4, agreement=3)) == [R]


def test_proportion_judges_from_three_answers_and_compares_exactly() -> None:
    rule = AgreementRule(required=5, agreement=4, incomplete="proportion")
    assert judge(["yy", "yyy", "yyyn", "yyn", "nn", "yyyyn"], rule) == [U, A, R, R, R, A]
    thirds = AgreementRule(required=6, agreement=4, incomplete="proportion")
    assert judge(["yyn"], thirds) == [A]


def test_the_proportion_rule_implies_judging_by_proportion() -> None:
    assert judge(["yyy"], AgreementRule(rule="proportion")) == [A]


def test_a_strict_verdict_is_what_every_completion_gives() -> None:
    rule = AgreementRule(required=5, agreement=4)
    for m in range(6):
        for row in product("yn", repeat=m):
            outcomes = {
                sum(letter == "y" for letter in row + rest) >= 4 for rest in product("yn", repeat=5 - m)
            }
            expected = U if len(outcomes) == 2 else (A if outcomes == {True} else R)
            assert judge(["".join(row)], rule) == [expected]
            votes = count_votes(answers_of(["".join(row)]), rule)
            assert could_still_change(votes, rule).tolist() == [len(outcomes) == 2]


@given(
    n=st.integers(1, 7),
    data=st.data(),
    incomplete=st.sampled_from(["strict", "proportion"]),
)
def test_one_more_positive_answer_never_turns_agreement_away(
    n: int, data: st.DataObject, incomplete: str
) -> None:
    t = data.draw(st.integers(1, n))
    m = data.draw(st.integers(0, n))
    p = data.draw(st.integers(0, m))
    rule = AgreementRule(required=n, agreement=t, incomplete=incomplete)  # type: ignore[arg-type]

    def verdict(positive: int, received: int) -> int:
        return int(verdicts(Votes(np.array([positive]), np.array([received])), rule)[0])

    if p < m:
        worse, better = verdict(p, m), verdict(p + 1, m)
        assert (worse != A) or (better == A)
        assert (better != R) or (worse == R)
    if m < n and verdict(p, m) == A:
        assert verdict(p + 1, m + 1) == A


@given(st.lists(st.text("ynu", max_size=5), min_size=1, max_size=6), st.randoms())
def test_the_order_of_at_most_n_answers_changes_nothing(rows: list[str], random: object) -> None:
    answers = answers_of(rows)
    order = np.random.default_rng(random.randrange(2**32)).permutation(len(answers))  # type: ignore[attr-defined]
    first, second = (count_votes(a, FOUR_OF_FIVE) for a in (answers, shuffled(answers, order)))
    assert first.positive.tolist() == second.positive.tolist()
    assert first.received.tolist() == second.received.tolist()


def test_a_posterior_of_one_half_is_accepted() -> None:
    votes = Votes(np.array([3, 3, 3]), np.array([5, 5, 4]))
    rule = AgreementRule(rule="dawid_skene")
    assert verdicts_from_posterior(np.array([0.5, 0.49999, 0.9]), votes, rule).tolist() == [A, R, U]


def test_a_set_is_agreed_if_any_is_and_rejected_only_if_all_are() -> None:
    outcomes = np.array([[R, A, U], [R, R, R], [R, U, R]])
    assert any_agreed(outcomes).tolist() == [A, R, U]


def test_a_majority_has_a_name_for_the_tie() -> None:
    outcome = majority(np.array([3, 2, 2, 0]), np.array([5, 5, 4, 0]))
    assert outcome.tolist() == [Majority.POSITIVE, Majority.NEGATIVE, Majority.TIED, Majority.TIED]


def test_answers_outside_their_tables_are_refused_with_the_range() -> None:
    with pytest.raises(ValueError, match=r"column value holds 0\.\.2; indices must be 0\.\.1"):
        Answers(np.array([0, 0]), np.array([0, 1]), np.array([0, 2]), ("no", "yes"), 1, 2)
    with pytest.raises(ValueError, match="column participant has 1 rows, column question has 2"):
        Answers(np.array([0, 0]), np.array([0]), np.array([0, 1]), ("no", "yes"), 1, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"required": 0}, "required = 0"),
        ({"required": 5, "agreement": 6}, "agreement = 6"),
        ({"positive": ()}, "positive is empty"),
        ({"rule": "dawid_skene", "stop_when_decided": True}, "needs every answer"),
    ],
)
def test_an_impossible_rule_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AgreementRule(**arguments)  # type: ignore[arg-type]
