"""Prototype assignment: Table 3 by hand, the permutation test against every exchange, power."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyapp.analysis.assignment import (
    TimeWindow,
    Trials,
    condition_success,
    success_by,
    success_over_time,
    time_histogram,
)
from studyapp.analysis.assignment_contrasts import condition_contrasts, permutation_p
from studyapp.analysis.assignment_model import MixedModel, mixed_model
from studyapp.analysis.assignment_power import (
    needed_answers,
    separable,
    separable_words,
    smallest_difference,
)
from studyapp.analysis.intervals import wilson, wilson_rate
from studyapp.analysis.withheld import Withheld

WINDOW = TimeWindow(20, 180)
# (condition, participant, category set, category, right, seconds, position)
ROWS = (
    (0, 0, 0, 3, True, 30.0, 1),
    (0, 0, 1, 4, True, 19.9, 2),
    (0, 1, 0, 3, False, 180.0, 1),
    (0, 1, 1, 4, True, np.nan, 2),
    (1, 0, 2, 5, False, 20.0, 3),
    (1, 0, 3, 5, False, 180.1, 4),
    (1, 1, 2, 5, True, 60.0, 3),
)


def trials(
    rows: tuple[tuple[float, ...], ...] = ROWS, conditions: tuple[str, ...] = ("six", "mixed")
) -> Trials:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    whole = [np.array(columns[i], dtype=np.int64) for i in (0, 1, 2, 3, 6)]
    return Trials(
        condition=whole[0],
        participant=whole[1],
        category_set=whole[2],
        category=whole[3],
        right=np.array(columns[4], dtype=bool),
        seconds=np.array(columns[5], dtype=np.float64),
        position=whole[4],
        conditions=conditions,
        groups=6,
    )


# --- Table 3 -----------------------------------------------------------------------------------------------


def test_success_is_counted_within_the_window_and_over_everything() -> None:
    six, mixed = condition_success(trials(), WINDOW)
    # 19.9 s is too fast, both bounds belong to the window, and an unknown time is never judged.
    assert (six.within.count, six.within.total) == (2, 3)
    assert (six.everything.count, six.everything.total) == (3, 4)
    assert (mixed.within.count, mixed.within.total) == (1, 2)
    assert (mixed.everything.count, mixed.everything.total) == (1, 3)
    assert six.within.interval == wilson(2, 3)
    assert trials().chance == pytest.approx(1 / 6)


def test_success_by_category_and_person_adds_up_to_the_whole() -> None:
    data = trials()
    by_category = {each.part: (each.rate.count, each.rate.total) for each in success_by(data, data.category)}
    assert by_category == {3: (1, 2), 4: (2, 2), 5: (1, 3)}
    by_person = {each.part: (each.rate.count, each.rate.total) for each in success_by(data, data.participant)}
    assert by_person == {0: (2, 4), 1: (2, 3)}


def test_success_over_time_cuts_the_positions_into_equal_stretches() -> None:
    data = trials()
    found = [(each.first, each.last, each.rate) for each in success_over_time(data, stretches=2)]
    # Positions 1, 2, 3, 4 have two, two, two and one answers: the middle of the third is past the half.
    assert found == [(1, 2, wilson_rate(3, 4)), (3, 4, wilson_rate(1, 3))]
    assert sum(each.rate.total for each in success_over_time(data)) == 7
    assert success_over_time(trials(())) == ()


def test_the_histogram_has_every_known_time_once() -> None:
    bins = time_histogram(trials(), WINDOW)
    assert sum(each.answers for each in bins) == 6
    assert sum(each.kept for each in bins) == 4
    found = {each.low: (each.answers, each.kept) for each in bins if each.answers}
    assert found == {10.0: (1, 0), 20.0: (1, 1), 30.0: (1, 1), 60.0: (1, 1), 180.0: (2, 1)}
    assert (bins[-1].low, bins[-1].high) == (240.0, None)
    slow = trials(((0, 0, 0, 0, True, 9999.0, 1),))
    assert time_histogram(slow, WINDOW)[-1].answers == 1


def test_a_condition_without_answers_has_no_rate() -> None:
    *_, empty = condition_success(trials(conditions=("six", "mixed", "none")), WINDOW)
    assert (empty.within.share, empty.everything.total) == (None, 0)


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="conditions are numbered"):
        trials(conditions=("six",))


# --- contrasts ---------------------------------------------------------------------------------------------


def every_exchange(people: list[tuple[list[bool], list[bool]]]) -> float:
    """The share of all exchanges within people whose sum is as far from the mean as the observed one."""
    sums = []
    for choice in product(*(list(combinations(range(len(a) + len(b)), len(a))) for a, b in people)):
        total = 0
        for (a, b), places in zip(people, choice, strict=True):
            answers = a + b
            total += sum(answers[place] for place in places)
        sums.append(total)
    observed = sum(sum(a) for a, _ in people)
    mean = float(np.mean(sums))
    return float(np.mean([abs(each - mean) >= abs(observed - mean) - 1e-9 for each in sums]))


ANSWERS = st.lists(st.booleans(), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(ANSWERS, ANSWERS), min_size=1, max_size=3))
def test_the_permutation_test_is_every_exchange_within_people(
    people: list[tuple[list[bool], list[bool]]],
) -> None:
    answers = np.array([[len(a), len(b)] for a, b in people])
    right = np.array([[sum(a), sum(b)] for a, b in people])
    assert permutation_p(answers, right) == pytest.approx(every_exchange(people))
    assert permutation_p(answers[:, ::-1], right[:, ::-1]) == pytest.approx(every_exchange(people))


def paired(first: list[list[bool]], second: list[list[bool]]) -> Trials:
    rows = [
        (condition, person, 0, 0, right, 60.0, place + 1)
        for condition, people in enumerate((first, second))
        for person, answers in enumerate(people)
        for place, right in enumerate(answers)
    ]
    return trials(tuple(rows), ("a", "b"))


def test_a_contrast_by_hand() -> None:
    # Person 0: 2 of 2 against 0 of 2; person 1: all right in both, which says nothing.
    data = paired([[True, True], [True]], [[False, False], [True]])
    (found,) = condition_contrasts(data, None, draws=500, rng=np.random.default_rng(1))
    assert (found.answers_first, found.answers_second, found.informative) == (3, 3, 1)
    assert found.difference == pytest.approx(1 - 1 / 3)
    # Six ways to choose two of four answers; two of them are as far out.
    assert found.p == pytest.approx(2 / 6)
    assert found.p_holm == found.p


def test_swapping_conditions_flips_the_difference_and_keeps_p() -> None:
    data = paired([[True, True], [True, False]], [[False, False], [False, True]])
    there, back = (
        condition_contrasts(data, [pair], draws=500, rng=np.random.default_rng(1))[0]
        for pair in (("a", "b"), ("b", "a"))
    )
    assert there.p == pytest.approx(back.p)
    assert not isinstance(there.difference, Withheld)
    assert not isinstance(back.difference, Withheld)
    assert there.difference == -back.difference
    assert there.interval is not None
    assert back.interval is not None
    assert there.interval.low == pytest.approx(-back.interval.high)


def test_conditions_alike_give_one() -> None:
    data = paired([[True, False], [True, False]], [[True, False], [True, False]])
    (found,) = condition_contrasts(data, None, draws=100, rng=np.random.default_rng(1))
    assert found.p == 1.0
    assert found.difference == 0


def test_people_who_met_one_condition_only_have_nothing_to_exchange() -> None:
    rows = ((0, 0, 0, 0, True, 60.0, 1), (0, 0, 0, 0, False, 60.0, 2), (1, 1, 0, 0, False, 60.0, 1))
    (found,) = condition_contrasts(trials(rows), None, draws=100, rng=np.random.default_rng(1))
    assert isinstance(found.p, Withheld)
    assert isinstance(found.p_holm, Withheld)
    assert found.difference == 0.5


def test_holm_counts_the_planned_contrasts_alone() -> None:
    rows = [
        (condition, person, 0, 0, condition == 0 or (condition == 1 and person % 2 == 0), 60.0, 1)
        for condition in range(3)
        for person in range(12)
    ]
    data = trials(tuple(rows), ("a", "b", "c"))
    planned = condition_contrasts(data, [("a", "c"), ("a", "b")], draws=100, rng=np.random.default_rng(1))
    strongest, weaker = planned
    assert strongest.p == pytest.approx(2 / 2**12)
    assert weaker.p == pytest.approx(2 / 2**6)
    assert strongest.p_holm == pytest.approx(2 * 2 / 2**12)
    assert weaker.p_holm == pytest.approx(2 / 2**6)
    assert len(condition_contrasts(data, None, draws=100, rng=np.random.default_rng(1))) == 3


# --- the model ---------------------------------------------------------------------------------------------


def planted(seed: int) -> Trials:
    """Forty people, twelve sets, conditions a (log-odds 1) and b (-0.5), people with sd 0.8."""
    rng = np.random.default_rng(seed)
    person = rng.normal(0, 0.8, 40)
    rows = []
    for who in range(40):
        for place in range(24):
            condition = place % 2
            log_odds = (1.0, -0.5)[condition] + person[who]
            right = rng.random() < 1 / (1 + np.exp(-log_odds))
            rows.append((condition, who, place // 2, place // 2, right, 60.0, place + 1))
    return trials(tuple(rows), ("a", "b"))


def test_the_model_finds_what_was_planted_and_the_same_twice() -> None:
    data = planted(1)
    first, again = mixed_model(data), mixed_model(data)
    assert isinstance(first, MixedModel)
    assert first == again
    a, b = first.conditions
    assert a.log_odds == pytest.approx(1.0, abs=0.35)
    assert b.log_odds == pytest.approx(-0.5, abs=0.35)
    assert first.sd_participants == pytest.approx(0.8, abs=0.3)
    assert first.sd_category_sets < 0.5
    ratio = first.odds_ratio("a", "b")
    assert not isinstance(ratio, Withheld)
    value, interval = ratio
    assert interval.low < np.exp(1.5) < interval.high
    assert interval.low < value < interval.high
    assert isinstance(first.odds_ratio("a", "nobody"), Withheld)


def test_too_little_and_unanimous_answers_are_no_model() -> None:
    assert isinstance(mixed_model(trials()), Withheld)
    unanimous = tuple((0, i, 0, 0, True, 60.0, 1) for i in range(30))
    assert isinstance(mixed_model(trials(unanimous)), Withheld)


# --- what can be separated ---------------------------------------------------------------------------------


def test_229_answers_a_condition_can_not_separate_the_papers_two_rates() -> None:
    assert needed_answers(0.5502, 0.5706) == pytest.approx(9300, rel=0.005)
    alone = smallest_difference(229, base=0.5502)
    assert alone is not None
    assert 0.5706 - 0.5502 < alone < 0.14


@pytest.mark.parametrize("base", [0.1, 1 / 6, 0.5, 0.9])
@pytest.mark.parametrize("answers", [100, 229, 2000])
def test_the_smallest_difference_needs_these_answers(base: float, answers: int) -> None:
    found = smallest_difference(answers, base=base)
    if found is None:
        assert needed_answers(base, 1.0) > answers
    else:
        assert needed_answers(base, base + found) in (answers, answers + 1)


def test_more_contrasts_need_a_larger_difference() -> None:
    found = separable(229, base=0.55, contrasts=6)
    assert found.alone is not None
    assert found.corrected is not None
    assert found.corrected > found.alone
    assert separable(229, base=0.55, contrasts=1).corrected == found.alone


def test_what_can_be_separated_is_a_sentence() -> None:
    assert separable_words(229, contrasts=21) == (
        "229 answers a condition separate success rates that lie at least 12.9 points of percent (17.6 with "
        "Holm over 21 contrasts) apart, with power 0.8 at 5 %; the paper's 55.02 and 57.06 % would need "
        "about 9,300."
    )
    assert "can not separate" in separable_words(1, contrasts=1, base=0.9)


def test_questions_without_an_answer_are_refused() -> None:
    with pytest.raises(ValueError, match="equal"):
        needed_answers(0.5, 0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        needed_answers(0.5, 1.5)
    assert smallest_difference(1, base=0.9) is None
