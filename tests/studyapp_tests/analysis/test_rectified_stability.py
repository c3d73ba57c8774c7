"""Stability with accepted flips, by hand: weights, undecided flips, intervals, limits."""

from __future__ import annotations

import numpy as np
import pytest

from studyapp.analysis.intervals import weighted_rate, wilson, wilson_of_share
from studyapp.analysis.rectified_stability import (
    AskedFlips,
    FlipCount,
    flip_verdicts,
    setting_stabilities,
)
from studyapp.analysis.verdicts import Verdict

AGREED, REJECTED, UNDECIDED = (int(each) for each in (Verdict.AGREED, Verdict.REJECTED, Verdict.UNDECIDED))


def asked(
    setting: list[int], verdict: list[int], weight: list[float] | None = None, image: list[int] | None = None
) -> AskedFlips:
    number = len(setting)
    return AskedFlips(
        setting=np.array(setting, dtype=np.int64),
        direction=np.zeros(number, dtype=np.int64),
        image=np.array(image if image is not None else range(number), dtype=np.int64),
        weight=np.array(weight or [1.0] * number),
        verdict=np.array(verdict, dtype=np.int64),
    )


def test_accepted_flips_count_as_stable() -> None:
    counts = [FlipCount("hue 30", images=100, flips=4, in_question=4)]
    flips = asked([0] * 4, [AGREED, REJECTED, REJECTED, REJECTED])
    (found,), together = setting_stabilities(counts, flips)
    assert found.raw == 0.96
    assert found.rectified == pytest.approx(0.97)
    assert found.verdicts.rejected_share == 0.75
    assert found.bounds is None
    assert together.rectified == found.rectified


def test_a_drawn_flip_speaks_for_its_stratum() -> None:
    # Setting 0: 30 flips, 3 asked, 1 accepted. Setting 1: 10 flips, 2 asked, both accepted.
    counts = [FlipCount("a", 100, 30, 30), FlipCount("b", 100, 10, 10)]
    flips = asked([0, 0, 0, 1, 1], [AGREED, REJECTED, REJECTED, AGREED, AGREED], [10, 10, 10, 5, 5])
    each, together = setting_stabilities(counts, flips)
    assert [row.rectified for row in each] == pytest.approx([0.8, 1.0])
    # 10 + 10 of the 40 flips are accepted.
    assert together.verdicts.accepted_share == pytest.approx(0.5)
    assert together.raw == pytest.approx(0.8)
    assert together.rectified == pytest.approx(0.9)


def test_flips_to_the_datasets_label_count_as_stable_without_being_asked_about() -> None:
    # Of 20 flips 8 are to the label; of the other 12 two in three are accepted: 1 - (20 - 8 - 8) / 100.
    (found,), _ = setting_stabilities(
        [FlipCount("a", 100, 20, 12, right=8)], asked([0] * 3, [AGREED, AGREED, REJECTED])
    )
    assert (found.raw, found.rectified) == (pytest.approx(0.80), pytest.approx(0.96))
    (nothing_asked,), _ = setting_stabilities([FlipCount("a", 100, 8, 0, right=8)], asked([], []))
    assert nothing_asked.rectified == 1.0


def test_flips_outside_the_question_stay_unstable() -> None:
    (found,), _ = setting_stabilities([FlipCount("a", 100, 10, 4)], asked([0, 0], [AGREED, AGREED], [2, 2]))
    assert found.rectified == pytest.approx(0.94)


def test_undecided_flips_leave_bounds_and_are_in_no_share() -> None:
    flips = asked([0] * 4, [AGREED, REJECTED, UNDECIDED, UNDECIDED])
    verdicts = flip_verdicts(flips)
    assert (verdicts.asked, verdicts.decided, verdicts.accepted) == (4, 2, 1)
    assert verdicts.accepted_share == 0.5
    assert verdicts.bounds == (0.25, 0.75)
    (found,), _ = setting_stabilities([FlipCount("a", 10, 4, 4)], flips)
    assert found.bounds == pytest.approx((0.7, 0.9))


def test_nothing_decided_has_no_value_and_nothing_flipped_keeps_it() -> None:
    (none,), _ = setting_stabilities([FlipCount("a", 10, 2, 2)], asked([0, 0], [UNDECIDED, UNDECIDED]))
    assert none.rectified is None
    assert none.raw == 0.8
    (still,), _ = setting_stabilities([FlipCount("a", 10, 0, 0)], asked([], []))
    assert (still.raw, still.rectified) == (1.0, 1.0)


@pytest.mark.parametrize(("count", "total"), [(0, 7), (3, 7), (7, 7), (123, 400)])
def test_the_interval_of_a_share_is_wilsons(count: int, total: int) -> None:
    ours, known = wilson_of_share(count / total, total), wilson(count, total)
    assert (ours.low, ours.high) == pytest.approx((known.low, known.high))


def test_flips_of_one_image_are_not_independent() -> None:
    alone = flip_verdicts(asked([0] * 6, [AGREED] * 3 + [REJECTED] * 3)).interval
    same = flip_verdicts(asked([0] * 6, [AGREED] * 3 + [REJECTED] * 3, image=[1, 1, 1, 2, 2, 2])).interval
    assert alone is not None
    assert same is not None
    assert same.high - same.low > alone.high - alone.low
    assert (same.low, same.high) == pytest.approx((wilson(1, 2).low, wilson(1, 2).high))


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="has not the 2 rows"):
        AskedFlips(*(np.zeros(2, dtype=np.int64),) * 4, verdict=np.zeros(3, dtype=np.int64))


def test_a_weighted_share_rests_on_kishs_number_and_on_no_more_than_there_are_images() -> None:
    weight, counted = np.array([3.0, 1.0, 1.0]), np.array([True, False, True])
    found = weighted_rate(counted=counted, weight=weight, image=np.array([1, 2, 3]))
    assert (found.count, found.total, found.share) == (2, 3, 0.8)
    # (3 + 1 + 1)^2 / (9 + 1 + 1) = 25 / 11.
    assert found.interval == wilson_of_share(0.8, 25 / 11)
    same = weighted_rate(counted=counted, weight=weight, image=np.array([1, 1, 1]))
    assert same.interval == wilson_of_share(0.8, 1.0)
    nothing = np.array([])
    empty = weighted_rate(counted=nothing.astype(bool), weight=nothing, image=nothing.astype(int))
    assert (empty.total, empty.share, empty.interval) == (0, None, None)
