"""Foils, dataset labels, and the error corrected by them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from studyapp.analysis.intervals import Interval
from studyapp.analysis.null_calibration import (
    CorrectedError,
    NullCalibration,
    Sensitivity,
    corrected_error,
    null_calibration,
)
from studyapp.analysis.verdicts import Verdict
from studyapp.analysis.withheld import Withheld

A, R, U = int(Verdict.AGREED), int(Verdict.REJECTED), int(Verdict.UNDECIDED)


def calibration(false: int, foils: int, hits: int, labels: int) -> NullCalibration:
    verdicts = np.array([A] * false + [R] * (foils - false) + [A] * hits + [R] * (labels - hits))
    return null_calibration(verdicts, foil=np.arange(foils), dataset_label=np.arange(foils, foils + labels))


def correct(
    controls: NullCalibration, *, accepted: float, reviewable: float = 0.2, standard: float = 0.3
) -> CorrectedError | Withheld:
    return corrected_error(
        controls,
        standard_error=standard,
        accepted_error=accepted,
        reviewable_error=reviewable,
        standard_draws=np.full(500, standard),
        accepted_draws=np.full(500, accepted),
        reviewable_draws=np.full(500, reviewable),
        rng=np.random.default_rng(0),
    )


def test_acceptance_is_of_the_decided_controls() -> None:
    result = null_calibration(
        np.array([A, R, U, R, A, A, U, R]), foil=np.array([0, 1, 2, 3]), dataset_label=np.array([4, 5, 6, 7])
    )
    assert (result.foils.accepted.count, result.foils.accepted.total, result.foils.undecided) == (1, 3, 1)
    assert result.dataset_labels.accepted.share == pytest.approx(2 / 3)


def test_d_prime_by_hand_with_the_log_linear_correction() -> None:
    result = calibration(false=2, foils=20, hits=18, labels=20).sensitivity
    assert isinstance(result, Sensitivity)
    hit, false = norm.ppf(18.5 / 21), norm.ppf(2.5 / 21)
    assert result.d_prime == pytest.approx(hit - false)
    # Hits and false alarms mirror each other, so nobody leans to yes or to no.
    assert result.criterion == pytest.approx(0, abs=1e-12)


def test_perfect_controls_have_a_finite_d_prime() -> None:
    result = calibration(false=0, foils=10, hits=10, labels=10).sensitivity
    assert isinstance(result, Sensitivity)
    assert result.d_prime == pytest.approx(2 * norm.ppf(10.5 / 11))


def test_rogan_and_gladen_by_hand() -> None:
    # Half the mistakes accepted, foils at 0.1, labels at 0.9: (0.5 - 0.1) / 0.8 = 0.5 deserve it.
    result = correct(calibration(false=100, foils=1000, hits=900, labels=1000), accepted=0.1)
    assert isinstance(result, CorrectedError)
    assert result.acceptable_share == pytest.approx(0.5)
    assert result.error == pytest.approx(0.3 - 0.2 * 0.5)
    assert isinstance(result.interval, Interval)
    assert result.interval.low < result.error < result.interval.high


def test_without_errors_of_the_crowd_nothing_is_corrected() -> None:
    result = correct(calibration(false=0, foils=50, hits=50, labels=50), accepted=0.08)
    assert isinstance(result, CorrectedError)
    assert result.error == pytest.approx(0.3 - 0.08)


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0, 0.2))
def test_the_corrected_error_stays_between_nothing_and_everything_accepted(
    false: int, hits: int, accepted: float
) -> None:
    result = correct(calibration(false=false, foils=40, hits=hits, labels=40), accepted=accepted)
    if false >= hits:
        assert isinstance(result, Withheld)
        assert "as often as dataset labels" in result.reason
    else:
        assert isinstance(result, CorrectedError)
        assert 0.1 - 1e-12 <= result.error <= 0.3 + 1e-12


def test_people_who_say_yes_to_everything_correct_nothing() -> None:
    result = correct(calibration(false=20, foils=20, hits=20, labels=20), accepted=0.2)
    assert isinstance(result, Withheld)


def test_few_controls_withhold_the_interval_and_say_why() -> None:
    result = correct(calibration(false=2, foils=5, hits=3, labels=5), accepted=0.1)
    assert isinstance(result, CorrectedError)
    assert isinstance(result.interval, Withheld)
    assert "too few controls" in result.interval.reason


def test_no_controls_of_one_kind_is_withheld() -> None:
    result = calibration(false=0, foils=0, hits=1, labels=2)
    assert isinstance(result.sensitivity, Withheld)
    assert isinstance(correct(result, accepted=0.1), Withheld)
