"""Arms of a study: agreement by hand, pairs against brute force, and the laws they obey."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyapp.analysis.adversarial_accuracy import AttackedImages, adversarial_accuracy
from studyapp.analysis.arm_pairs import ArmPair, arm_pairs, holm_pairs, mcnemar_exact, turned
from studyapp.analysis.arms import ArmImages, agreement, arm_images, draw_answers
from studyapp.analysis.intervals import wilson, wilson_rate
from studyapp.analysis.verdicts import verdicts
from studyapp.analysis.votes import AgreementRule, Votes
from studyapp.analysis.withheld import Bounds, Withheld

RULE = AgreementRule()
NONE = -1


def arm(name: str, *votes: tuple[int, int] | None, rule: AgreementRule = RULE) -> ArmImages:
    """An arm from (positive, received) of each image; None where it does not ask."""
    given_votes = [each for each in votes if each is not None]
    counts = Votes(
        np.array([p for p, _ in given_votes], dtype=np.int64),
        np.array([m for _, m in given_votes], dtype=np.int64),
    )
    places = iter(range(len(given_votes)))
    question = np.array([NONE if each is None else next(places) for each in votes])
    return arm_images(name, question, counts, verdicts(counts, rule))


WHOLE = arm("whole", (5, 5), (4, 5), (3, 5), (0, 5), (1, 5), (0, 5), None)
EXPLAINED = arm("explained", (5, 5), (1, 5), (4, 5), (5, 5), (4, 5), (1, 2), (5, 5))


def pairs(*arms: ArmImages, planned: tuple[tuple[str, str], ...] | None = None) -> tuple[ArmPair, ...]:
    return arm_pairs(arms, planned, rule=RULE, draws=4000, rng=np.random.default_rng(1))


# --- agreement ---------------------------------------------------------------------------------------------


def test_both_readings_of_the_papers_agreement_stand_beside_each_other() -> None:
    found = agreement(WHOLE, RULE, draw_answers([WHOLE], draws=400, rng=np.random.default_rng(1)))
    assert (found.asked, found.answers, found.positive) == (6, 30, 13)
    assert found.positive_share == 13 / 30
    # Images 0 and 1 of six have at least four of five.
    assert (found.images.count, found.images.total, found.images.share) == (2, 6, 1 / 3)
    assert found.images.interval == wilson(2, 6)
    assert (found.undecided, found.coverage, found.image_bounds) == (0, 1.0, (2 / 6, 2 / 6))


def test_an_undecided_image_opens_the_bounds_and_lowers_the_coverage() -> None:
    found = agreement(EXPLAINED, RULE, draw_answers([EXPLAINED], draws=400, rng=np.random.default_rng(1)))
    assert (found.asked, found.undecided, found.coverage) == (7, 1, 6 / 7)
    assert (found.images.count, found.images.total) == (5, 6)
    assert found.image_bounds == (5 / 7, 6 / 7)
    assert found.positive_share == 25 / 32


def test_the_interval_of_the_answers_takes_images_for_units() -> None:
    # Ten images, all yes or all no: fifty answers, but only ten independent ones.
    clustered = arm("one", *[(5, 5)] * 5, *[(0, 5)] * 5)
    spread = arm("one", *[(2, 5), (3, 5)] * 5)
    widths = []
    for one in (clustered, spread):
        found = agreement(one, RULE, draw_answers([one], draws=4000, rng=np.random.default_rng(2)))
        assert found.positive_share == 0.5
        assert found.positive_interval is not None
        widths.append(found.positive_interval.high - found.positive_interval.low)
    # Exactly: the mean of ten fair coins (0.2 to 0.8), against a tenth of that spread.
    assert widths[0] == pytest.approx(0.6, abs=0.02)
    assert widths[1] == pytest.approx(0.12, abs=0.02)


def test_the_bootstrap_of_the_answers_is_the_exact_one_on_three_images() -> None:
    one = arm("one", (5, 5), (1, 5), (0, 3))
    shares = []
    for drawn in product(range(3), repeat=3):  # all 27 samples with replacement are equally likely
        positive, received = sum((5, 1, 0)[i] for i in drawn), sum((5, 5, 3)[i] for i in drawn)
        shares.append(positive / received)
    low, high = np.quantile(np.repeat(sorted(shares), 1000), [0.025, 0.975])
    found = agreement(one, RULE, draw_answers([one], draws=60_000, rng=np.random.default_rng(3)))
    assert found.positive_interval is not None
    assert found.positive_interval.low == pytest.approx(low)
    assert found.positive_interval.high == pytest.approx(high)


def test_nothing_but_no_has_an_interval_all_the_same() -> None:
    one = arm("one", *[(0, 5)] * 8)
    found = agreement(one, RULE, draw_answers([one], draws=100, rng=np.random.default_rng(1)))
    assert found.positive_share == 0.0
    assert found.positive_interval == wilson(0, 8)


def test_an_arm_without_answers_says_so() -> None:
    one = arm("one", (0, 0), (0, 0))
    found = agreement(one, RULE, draw_answers([one], draws=100, rng=np.random.default_rng(1)))
    assert isinstance(found.positive_share, Withheld)
    assert (found.images.share, found.coverage, found.image_bounds) == (None, 0.0, (0.0, 1.0))


def test_questions_closed_early_leave_bounds_for_the_answers_and_exact_images() -> None:
    early = AgreementRule(stop_when_decided=True)
    one = arm("one", (4, 4), (0, 2), rule=early)
    found = agreement(one, early, draw_answers([one], draws=100, rng=np.random.default_rng(1)))
    # Four of ten are known to be yes; four answers never came.
    assert isinstance(found.positive_share, Bounds)
    assert (found.positive_share.low, found.positive_share.high) == (0.4, 0.8)
    assert found.images.share == 0.5


# --- pairs -------------------------------------------------------------------------------------------------


def test_a_pair_counts_the_images_judged_in_both_by_hand() -> None:
    (pair,) = pairs(WHOLE, EXPLAINED)
    # Image 5 is undecided in one arm, image 6 is not asked about in the other.
    assert pair.judged == 5
    assert (pair.both, pair.first_only, pair.second_only, pair.neither) == (1, 1, 3, 0)
    assert not isinstance(pair.acceptance, Withheld)
    assert pair.acceptance.difference == pytest.approx(2 / 5 - 4 / 5)
    # 2 * P(X <= 1) for four fair coins.
    assert pair.p == pytest.approx(2 * (1 + 4) / 16)
    # Answered in both: images 0 to 5, 13 of 30 against 20 of 27.
    assert not isinstance(pair.answers, Withheld)
    assert pair.answers.difference == pytest.approx(13 / 30 - 20 / 27)


def test_the_images_that_turned_are_those_with_different_verdicts() -> None:
    found = [(each.image, each.agreed_in_second) for each in turned(WHOLE, EXPLAINED)]
    assert found == [(1, False), (2, True), (3, True), (4, True)]
    back = [(each.image, each.agreed_in_second) for each in turned(EXPLAINED, WHOLE)]
    assert back == [(image, not second) for image, second in found]


@pytest.mark.parametrize(("first_only", "second_only"), list(product(range(6), repeat=2)))
def test_mcnemar_is_the_sum_over_coins_that_are_no_likelier(first_only: int, second_only: int) -> None:
    tosses = first_only + second_only
    here = comb(tosses, first_only)
    brute = sum(Fraction(comb(tosses, k), 2**tosses) for k in range(tosses + 1) if comb(tosses, k) <= here)
    assert mcnemar_exact(first_only, second_only) == pytest.approx(float(brute))


def test_the_paired_bootstrap_is_the_exact_one_on_four_images() -> None:
    first = arm("a", (5, 5), (5, 5), (0, 5), (0, 5))
    second = arm("b", (0, 5), (5, 5), (5, 5), (0, 5))
    third = arm("c", (0, 5), (0, 5), (0, 5), (0, 5))
    differences = [sum((1, 1, 0, 0)[i] for i in drawn) / 4 for drawn in product(range(4), repeat=4)]
    low, high = np.quantile(np.repeat(sorted(differences), 200), [0.025, 0.975])
    found = {(pair.first, pair.second): pair for pair in pairs(first, second, third)}
    acceptance = found["a", "c"].acceptance
    assert not isinstance(acceptance, Withheld)
    assert acceptance.difference == 0.5
    assert acceptance.interval.low == pytest.approx(low)
    assert acceptance.interval.high == pytest.approx(high)


VOTES = st.one_of(
    st.none(),
    st.integers(0, 5).flatmap(lambda m: st.tuples(st.integers(0, m), st.just(m))),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(VOTES, VOTES), min_size=1, max_size=12))
def test_swapping_the_arms_flips_every_sign(
    rows: list[tuple[tuple[int, int] | None, tuple[int, int] | None]],
) -> None:
    first, second = arm("a", *(row[0] for row in rows)), arm("b", *(row[1] for row in rows))
    (there,) = pairs(first, second)
    (back,) = pairs(second, first)
    assert (there.both, there.first_only, there.second_only, there.neither) == (
        *(back.both, back.second_only, back.first_only, back.neither),
    )
    assert there.p == back.p
    for one, other in ((there.acceptance, back.acceptance), (there.answers, back.answers)):
        if isinstance(one, Withheld) or isinstance(other, Withheld):
            assert one == other
            continue
        assert one.difference == pytest.approx(-other.difference)
        assert one.interval.low == pytest.approx(-other.interval.high, abs=1e-12)
        assert one.interval.high == pytest.approx(-other.interval.low, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.lists(VOTES, min_size=1, max_size=12))
def test_identical_arms_do_not_differ(rows: list[tuple[int, int] | None]) -> None:
    (pair,) = pairs(arm("a", *rows), arm("b", *rows))
    if pair.judged == 0:
        assert isinstance(pair.p, Withheld)
        return
    assert pair.p == 1.0
    assert not isinstance(pair.acceptance, Withheld)
    assert pair.acceptance.difference == 0
    # None of the images differs: how many could is Wilson's, and it is not nothing.
    assert pair.acceptance.interval.high == -pair.acceptance.interval.low == wilson(0, pair.judged).high


def test_planned_pairs_are_taken_in_their_order_and_holm_counts_them() -> None:
    third = arm("foil", *[(0, 5)] * 7)
    found = holm_pairs(
        pairs(WHOLE, EXPLAINED, third, planned=(("explained", "foil"), ("whole", "explained")))
    )
    assert [(pair.first, pair.second) for pair in found] == [("explained", "foil"), ("whole", "explained")]
    small, large = sorted(float(pair.p) for pair in found if not isinstance(pair.p, Withheld))
    adjusted = sorted(float(pair.p_holm) for pair in found if not isinstance(pair.p_holm, Withheld))
    assert adjusted == pytest.approx([2 * small, max(2 * small, large)])


def test_an_arm_that_does_not_ask_about_these_images_makes_no_pair() -> None:
    (pair,) = pairs(WHOLE, arm("other", *[None] * 7))
    assert isinstance(pair.p, Withheld)
    assert "both arms" in pair.p.reason
    assert pairs() == ()


# --- Table 2 -----------------------------------------------------------------------------------------------

# Eight attacked images and one wrong at the start, of a dataset of ten with nine right.
ATTACK = AttackedImages(
    classifier="alpha",
    attacked=np.array([True] * 8 + [False]),
    correct_before=np.array([True] * 8 + [False]),
    correct_in_float=np.array([False] * 7 + [True, False]),
    correct_in_file=np.array([False] * 6 + [True, True, False]),
    dataset=wilson_rate(9, 10),
)
SHOWN = arm("whole", (5, 5), (4, 5), (3, 5), (0, 5), (1, 2), (0, 5), None, None, None)


def test_table_two_states_every_numerator_and_denominator() -> None:
    rows = {
        row.images: row
        for row in adversarial_accuracy(ATTACK, SHOWN, draws=400, rng=np.random.default_rng(1))
    }
    assert {name: (row.before.count, row.before.total) for name, row in rows.items()} == {
        "shown": (6, 6),
        "attacked": (8, 8),
        "categories": (8, 9),
        "dataset": (9, 10),
    }
    found: dict[str, object] = {}
    for name in ("shown", "attacked", "categories"):
        after = rows[name].after
        assert not isinstance(after, Withheld)
        found[name] = (after.standard.count, after.rectified_count, after.standard.total, after.rectified)
        assert after.undecided == 1
        # The image that was wrong at the start was not to be asked about.
        assert (after.coverage, after.unasked) == (5 / 6, 0)
        assert after.bounds[1] - after.bounds[0] == pytest.approx(1 / after.standard.total)
        assert after.rectified_interval.low <= after.rectified <= after.rectified_interval.high
    # Two of six were agreed; six and seven still have their label in the file.
    assert found == {
        "shown": (0, 2, 6, pytest.approx(2 / 6)),
        "attacked": (2, 4, 8, pytest.approx(4 / 8)),
        "categories": (2, 4, 9, pytest.approx(4 / 9)),
    }
    unattacked = rows["dataset"].after
    assert isinstance(unattacked, Withheld)
    assert "9 of 10 images" in unattacked.reason


def test_the_float_reading_counts_what_rounding_loses() -> None:
    rows = adversarial_accuracy(
        replace(ATTACK, read_from_file=False), SHOWN, draws=100, rng=np.random.default_rng(1)
    )
    after = rows[1].after
    assert not isinstance(after, Withheld)
    assert (after.standard.count, after.correct_in_float, after.correct_in_file) == (1, 1, 2)
    assert after.unasked == 1  # image 6 flips in float alone and nobody was asked


def test_an_attack_on_the_whole_dataset_has_an_accuracy_over_it() -> None:
    rows = adversarial_accuracy(
        replace(ATTACK, dataset=wilson_rate(8, 9)), SHOWN, draws=100, rng=np.random.default_rng(1)
    )
    assert rows[3].before == rows[2].before
    after = rows[3].after
    assert not isinstance(after, Withheld)
    assert (after.standard.count, after.standard.total) == (2, 9)


def test_a_sample_speaks_for_the_errors_that_were_not_drawn() -> None:
    # Two of the six errors were drawn and one of them was agreed: half of six count as agreed.
    drawn = arm("whole", (5, 5), (0, 5), *[None] * 7)
    rows = adversarial_accuracy(replace(ATTACK, sampled=True), drawn, draws=400, rng=np.random.default_rng(1))
    after = rows[1].after
    assert not isinstance(after, Withheld)
    assert after.rectified == pytest.approx((2 + 3) / 8)
    assert after.rectified_count is None
    wider = rows[2].after
    assert not isinstance(wider, Withheld)
    assert (wider.coverage, wider.unasked) == (1.0, 4)
    # The image that was wrong at the start is spoken for by nobody.
    assert wider.rectified == pytest.approx((2 + 3) / 9)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="alpha"):
        replace(ATTACK, attacked=np.array([True]))
