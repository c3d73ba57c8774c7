"""The metrics of small transformations, worked out by hand; intervals over images, not pairs."""

from __future__ import annotations

import numpy as np
import pytest

from studyapp.analysis.intervals import clustered_wilson, mean_interval, wilson
from studyapp.analysis.small_transformations import (
    Chain,
    TransformPlan,
    TransformResponses,
    changes,
    transform_stability,
)

PLAN = TransformPlan(sizes=(0.5,), pairs=2, passes=1)


def responses() -> TransformResponses:
    """Two images, nine columns: original, two crops, three places, three sizes."""
    top1 = np.array([[0, 0, 1, 0, 0, 1, 2, 2, 2], [1, 1, 1, 1, 1, 1, 0, 1, 0]])
    probability = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.6, 0.5, 0.7], [0.5] * 9])
    followed = np.array([[0.9, 0.8, 0.2, 0.1, 0.5, 0.3, 0.1, 0.5, 0.6], [0.5] * 7 + [0.25, 0.25]])
    return TransformResponses("toy", PLAN, np.array([0, 1]), top1, probability, followed)


def test_columns_are_crops_then_places_then_sizes() -> None:
    plan = TransformPlan(sizes=(0.2, 0.4), pairs=2, passes=2)
    assert plan.crops == ((1, 2), (3, 4))
    assert [(chain.axis, chain.size, chain.first) for chain in plan.chains] == [
        ("translation", 0.2, 5),
        ("scale", 0.2, 8),
        ("translation", 0.4, 11),
        ("scale", 0.4, 14),
    ]
    assert plan.columns == 17


def test_the_metrics_are_those_worked_out_by_hand() -> None:
    found = transform_stability(responses())
    assert found.top1_original.value == 1.0
    assert found.consistency.value == 0.5
    assert found.passes == (0.5,)
    translation, scale = found.sizes
    # Image 0 changes at the second of its two steps, image 1 never.
    assert translation.change.value == 0.25
    # |0.6 - 0.5| and |0.5 - 0.3|; nothing.
    assert translation.absolute.value == pytest.approx((0.1 + 0.2) / 4)
    # First pictures: 0, 0 of label 0; 1, 1 of label 1.
    assert translation.accuracy.value == 1.0
    # Image 1 changes twice. |0.6 - 0.5|, |0.5 - 0.6|; |0.5 - 0.25| twice.
    assert scale.change.value == 0.5
    assert scale.absolute.value == pytest.approx((0.1 + 0.1 + 0.25 + 0.25) / 4)
    assert scale.accuracy.value == 0.25


def test_changes_are_told_pair_by_pair() -> None:
    chain = Chain("translation", 0.5, 3)
    assert changes(responses(), chain).tolist() == [[False, True], [False, False]]


def test_without_images_or_passes_there_is_no_number() -> None:
    none = TransformPlan(sizes=(0.5,), pairs=2, passes=0)
    empty = np.empty((0, none.columns))
    found = transform_stability(TransformResponses("toy", none, np.empty(0), empty, empty, empty))
    assert found.consistency.value is None
    assert all(each.change.value is None and each.absolute.value is None for each in found.sizes)
    with pytest.raises(ValueError, match="shape"):
        TransformResponses("toy", PLAN, np.array([0]), empty, empty, empty)


def test_the_clustered_interval_is_wilsons_where_every_cluster_is_one_answer() -> None:
    shares = np.array([1.0] * 30 + [0.0] * 70)
    # The effective number is n (n - 1) / n for single answers.
    ours, theirs = clustered_wilson(shares), wilson(30, 100)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=2e-3)


def test_pairs_of_one_image_that_agree_count_once() -> None:
    alike = np.array([1.0] * 3 + [0.0] * 7)
    spread = np.full(10, 0.3) + np.tile([0.05, -0.05], 5)
    wide, narrow = clustered_wilson(alike), clustered_wilson(spread)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_intervals_at_the_ends_stay_inside_and_contain_the_share() -> None:
    none, every = clustered_wilson(np.zeros(20)), clustered_wilson(np.ones(20))
    assert none.low == 0.0
    assert none.high == pytest.approx(wilson(0, 20).high)
    assert (every.low, every.high) == pytest.approx((wilson(20, 20).low, 1.0))
    assert mean_interval(np.array([0.1])) is None
    around = mean_interval(np.array([0.0, 0.001, 0.01]))
    assert around is not None
    assert 0 <= around.low < 0.0037 < around.high
    with pytest.raises(ValueError, match="at least one"):
        clustered_wilson(np.empty(0))
