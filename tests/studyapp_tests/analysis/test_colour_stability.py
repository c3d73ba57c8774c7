"""The poster's metrics, worked out by hand and by their identity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyapp.analysis.colour_stability import ColourResponses, Setting, colour_stability

SETTINGS = (
    Setting("hue", 30.0),
    Setting("hue", 180.0),
    Setting("hue", 330.0),
    Setting("saturation", 0.5),
    Setting("saturation", 1.4),
)


def four_images() -> ColourResponses:
    """Images 0 and 1 are right at first (class 7), 2 and 3 wrong (class 5 for 7)."""
    return ColourResponses(
        classifier="toy",
        settings=SETTINGS,
        label=np.array([7, 7, 7, 7]),
        original=np.array([7, 7, 5, 5]),
        changed=np.array([[7, 3, 7, 7, 7], [7, 7, 7, 7, 7], [5, 7, 7, 5, 5], [5, 3, 5, 3, 5]]),
        original_rank=np.array([[1, 4, 1, 1, 1], [1, 1, 1, 1, 1], [1, 2, 3, 1, 1], [1, 12, 1, 2, 1]]),
        classes=20,
    )


def test_equal_is_the_mean_over_settings_of_the_share_of_images_that_stay() -> None:
    every = colour_stability(four_images()).sets[0]
    # Shares under 30, 180, 330 degrees: 4/4, 1/4, 3/4.
    assert every.equal.mean == pytest.approx(2 / 3)
    assert every.equal.deviation == pytest.approx(np.std([1.0, 0.25, 0.75]))
    assert every.settings == 3


def test_near_is_thirty_degrees_either_way_and_gains_between_a_half_and_one_and_a_half() -> None:
    found = colour_stability(four_images())
    assert found.sets[1].settings == 2
    assert found.sets[1].equal.mean == pytest.approx(7 / 8)
    assert [setting.amount for setting in SETTINGS if setting.axis == "saturation" and setting.near] == [1.4]


def test_top1_counts_labels_and_ol_splits_by_what_was_right_at_first() -> None:
    found = colour_stability(four_images())
    every = found.sets[0]
    assert found.top1_original == 0.5
    # Labels hit: 30 degrees 2/4, 180 degrees 2/4 (images 1 and 2), 330 degrees 3/4.
    assert every.top1.mean == pytest.approx(7 / 12)
    assert every.equal_right.mean == pytest.approx((1 + 0.5 + 1) / 3)
    assert every.equal_wrong.mean == pytest.approx((1 + 0 + 0.5) / 3)


def test_the_original_position_is_taken_where_the_prediction_changed() -> None:
    every = colour_stability(four_images()).sets[0]
    assert every.original_position.mean == pytest.approx((4 + 2 + 3 + 12) / 4)
    assert every.original_position.count == 4
    from_zero = colour_stability(four_images(), op_base=0).sets[0]
    assert from_zero.original_position.mean == pytest.approx((4 + 2 + 3 + 12) / 4 - 1)
    over_all = colour_stability(four_images(), op_over="all").sets[0]
    assert over_all.original_position.count == 12


def test_the_curve_and_the_histogram_of_ranks() -> None:
    found = colour_stability(four_images())
    assert found.curve.tolist() == [1.0, 0.25, 0.75, 0.75, 1.0]
    # Ranks of changed predictions: 4, 2, 3, 12, 2.
    assert found.rank_counts.tolist() == [2, 1, 1, 0, 0, 0, 0, 0, 0, 1]


def test_a_classifier_that_never_changes_its_mind_has_no_original_position() -> None:
    steady = ColourResponses(
        "steady", SETTINGS, np.array([1]), np.array([1]), np.ones((1, 5), int), np.ones((1, 5), int), 2
    )
    found = colour_stability(steady).sets[0]
    assert found.equal.mean == 1.0
    assert found.original_position.mean is None
    assert found.equal_wrong.mean is None


def test_arrays_that_do_not_fit_the_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"changed has the shape \(1, 4\)"):
        ColourResponses(
            "short", SETTINGS, np.array([1]), np.array([1]), np.ones((1, 4), int), np.ones((1, 5), int), 2
        )


@given(seed=st.integers(0, 10_000))
def test_equal_is_made_of_what_was_right_and_what_was_wrong_at_first(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = 12
    label, original = rng.integers(0, 3, images), rng.integers(0, 3, images)
    label[0], original[0], label[1], original[1] = 0, 0, 0, 1
    found = colour_stability(
        ColourResponses(
            "random",
            SETTINGS,
            label,
            original,
            rng.integers(0, 3, (images, 5)),
            rng.integers(1, 4, (images, 5)),
            3,
        )
    )
    share = found.top1_original
    assert share is not None
    for each in found.sets:
        right, wrong, equal = each.equal_right.mean, each.equal_wrong.mean, each.equal.mean
        assert right is not None
        assert wrong is not None
        assert equal == pytest.approx(share * right + (1 - share) * wrong)
