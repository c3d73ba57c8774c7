"""Resampling the images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyapp.analysis.bootstrap import NOT_DRAWN, ImageOutcomes, bootstrap_images, distinct_rows, estimates
from studyapp.analysis.intervals import clopper_pearson, percentile, wilson, wilson_rate


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 3)), min_size=1, max_size=30))
def test_distinct_rows_are_numpys_unique_rows(rows: list[tuple[int, int]]) -> None:
    table = np.array(rows)
    patterns, counts = distinct_rows(table)
    expected, expected_counts = np.unique(table, axis=0, return_counts=True)
    assert patterns.tolist() == expected.tolist()
    assert counts.tolist() == expected_counts.tolist()


def test_draws_over_patterns_are_distributed_as_draws_over_images() -> None:
    values = rng(3).integers(0, 2, (60, 2))
    ours = bootstrap_images(ImageOutcomes(values, ("a", "b")), draws=20_000, rng=rng()).estimates
    picked = rng(2).integers(0, 60, (20_000, 60))
    naive = values[picked].mean(axis=1)
    assert np.allclose(ours.mean(axis=0), naive.mean(axis=0), atol=2e-3)
    assert np.allclose(np.cov(ours.T), np.cov(naive.T), rtol=0.06, atol=1e-4)


def test_columns_share_their_draws() -> None:
    first = rng().integers(0, 2, 500)
    outcomes = ImageOutcomes(np.stack([first, first, 1 - first], axis=1), ("a", "same", "opposite"))
    draws = bootstrap_images(outcomes, draws=50, rng=rng())
    assert (draws.of("a") == draws.of("same")).all()
    assert np.allclose(draws.of("a") + draws.of("opposite"), 1)


def test_the_same_generator_gives_the_same_draws() -> None:
    outcomes = ImageOutcomes(rng().integers(0, 2, (100, 1)), ("a",))
    one, two = (bootstrap_images(outcomes, draws=20, rng=rng(7)).estimates for _ in range(2))
    assert (one == two).all()


def test_a_sampled_estimate_weighs_each_stratum_by_its_size() -> None:
    # Stratum 0: 6 correct images. Stratum 1: 3 mistakes, 2 drawn, 1 still wrong. Stratum 2: 1 mistake, wrong.
    values = np.array([0, 0, 0, 0, 0, 0, 1, 0, NOT_DRAWN, 1])
    stratum = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2])
    outcomes = ImageOutcomes(values[:, None], ("e",), stratum[:, None])
    assert estimates(outcomes).tolist() == [pytest.approx((3 * 0.5 + 1) / 10)]


def test_a_stratum_that_nothing_speaks_for_is_refused() -> None:
    values = np.array([[0], [NOT_DRAWN]])
    with pytest.raises(ValueError, match="stratum 1 has 1 images and none was drawn"):
        estimates(ImageOutcomes(values, ("e",), np.array([[0], [1]])))


def test_the_stratified_spread_is_the_textbook_variance() -> None:
    # W = 4,000 mistakes of N = 10,000; k = 200 drawn, 50 of them accepted.
    values = np.zeros(10_000, dtype=np.int64)
    stratum = np.zeros(10_000, dtype=np.int64)
    stratum[:4_000] = 1
    values[:4_000] = NOT_DRAWN
    values[:150] = 1
    values[150:200] = 0
    design = np.where(values == NOT_DRAWN, NOT_DRAWN, stratum)
    outcomes = ImageOutcomes(values[:, None], ("e",), stratum[:, None], design)
    draws = bootstrap_images(outcomes, draws=40_000, rng=rng()).of("e")
    w, a, k, n = 0.4, 0.25, 200, 10_000
    variance = (1 - a) ** 2 * w * (1 - w) / n + w**2 * a * (1 - a) / k
    assert draws.mean() == pytest.approx(0.3, abs=2e-4)
    assert draws.var() == pytest.approx(variance, rel=0.03)


def test_the_number_of_drawn_images_is_held_fixed() -> None:
    # One stratum of ten errors, three drawn: whatever is redrawn, the share is a number of thirds.
    values = np.array([1, 0, 0] + [NOT_DRAWN] * 7)
    stratum = np.zeros(10, dtype=np.int64)
    design = np.where(values == NOT_DRAWN, NOT_DRAWN, 0)
    outcomes = ImageOutcomes(values[:, None], ("e",), stratum[:, None], design)
    draws = bootstrap_images(outcomes, draws=500, rng=rng()).of("e")
    assert set(np.round(draws * 3, 9)) == {0, 1, 2, 3}


def test_a_sample_of_everything_spreads_as_the_full_review_does() -> None:
    values = (rng().random(2_000) < 0.3).astype(np.int64)
    stratum = (np.arange(2_000) < 1_000).astype(np.int64)
    values[stratum == 0] = 0
    full = bootstrap_images(ImageOutcomes(values[:, None], ("e",)), draws=20_000, rng=rng())
    sampled = bootstrap_images(
        ImageOutcomes(values[:, None], ("e",), stratum[:, None], stratum), draws=20_000, rng=rng(2)
    )
    assert sampled.estimates.mean() == pytest.approx(full.estimates.mean(), abs=3e-4)
    assert sampled.estimates.var() == pytest.approx(full.estimates.var(), rel=0.05)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1), min_size=2, max_size=40), st.integers(0, 1000))
def test_percentile_intervals_hold_the_middle_of_the_draws(values: list[int], seed: int) -> None:
    outcomes = ImageOutcomes(np.array(values)[:, None], ("e",))
    draws = bootstrap_images(outcomes, draws=400, rng=rng(seed)).of("e")
    interval = percentile(draws)
    inside = (draws >= interval.low) & (draws <= interval.high)
    assert inside.mean() >= 0.95
    assert interval.low <= np.median(draws) <= interval.high


def test_wilson_by_hand() -> None:
    # Wilson (1927) for 81 of 263, as tabulated by Newcombe (1998), method 3.
    interval = wilson(81, 263)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)


def test_clopper_pearson_of_nothing_is_the_rule_of_three_made_exact() -> None:
    interval = clopper_pearson(0, 20)
    assert interval.low == 0
    assert interval.high == pytest.approx(1 - 0.025 ** (1 / 20))


@given(st.integers(1, 200), st.data())
def test_intervals_contain_their_share(total: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, total))
    for interval in (wilson(count, total), clopper_pearson(count, total)):
        assert 0 <= interval.low <= count / total <= interval.high <= 1


def test_nothing_of_nothing_has_no_share() -> None:
    assert wilson_rate(0, 0).share is None
    with pytest.raises(ValueError, match="3 of 2"):
        wilson(3, 2)


def test_many_patterns_are_drawn_with_the_same_spread() -> None:
    # 2,048 images, each with a pattern of its own in twelve columns; the first column is half ones.
    values = (np.arange(2048)[:, None] >> np.arange(12)) & 1
    draws = bootstrap_images(ImageOutcomes(values, tuple("abcdefghijkl")), draws=4000, rng=rng()).estimates
    assert np.allclose(draws[:, :11].mean(axis=0), 0.5, atol=1e-3)
    assert np.allclose(draws[:, :11].var(axis=0), 0.25 / 2048, rtol=0.12)
    assert (draws[:, 11] == 0).all()
