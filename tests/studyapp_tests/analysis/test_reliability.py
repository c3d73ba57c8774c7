"""Agreement beyond chance, against published examples and plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from studyapp.analysis.reliability import positive_counts, reliability
from studyapp.analysis.withheld import Withheld

# Fleiss (1971) as printed on many pages: ten subjects, fourteen raters, five categories; kappa 0.210.
FLEISS_EXAMPLE = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def plain_alpha(units: np.ndarray) -> float:
    """1 - observed / expected disagreement over pairable values (Krippendorff 2011, nominal)."""
    m = units.sum(axis=1)
    total = units.sum()
    observed = sum((row.sum() ** 2 - (row**2).sum()) / (size - 1) for row, size in zip(units, m, strict=True))
    n = units.sum(axis=0)
    expected = (total**2 - (n**2).sum()) / (total - 1)
    return float(1 - observed / expected)


def test_fleiss_kappa_of_the_published_example() -> None:
    result = reliability(np.array(FLEISS_EXAMPLE))
    assert result.fleiss_kappa == pytest.approx(0.210, abs=5e-4)
    assert result.questions == 10


def test_krippendorffs_published_example() -> None:
    # Krippendorff (2011), "Computing Krippendorff's alpha-reliability", C: nominal data, four observers,
    # twelve units with missing values, alpha 0.743.
    values = [
        [1, 1, 0, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
        [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [0, 5, 5, 5], [0, 0, 1, 1], [0, 0, 3, 0],
    ]  # fmt: skip
    counts = np.array([[row.count(value) for value in range(1, 6)] for row in values])
    result = reliability(counts)
    assert result.alpha == pytest.approx(0.743, abs=5e-4)
    assert result.questions == 11
    assert isinstance(result.fleiss_kappa, Withheld)
    assert "2 to 4 answers" in result.fleiss_kappa.reason


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=2, max_size=12))
def test_alpha_is_its_definition(rows: list[tuple[int, int, int]]) -> None:
    counts = np.array(rows)
    units = counts[counts.sum(axis=1) >= 2]
    assume(len(units) > 0 and (units.sum(axis=0) > 0).sum() >= 2)
    assert reliability(counts).alpha == pytest.approx(plain_alpha(units), abs=1e-9)


def test_percent_agreement_by_hand() -> None:
    # 5 of 5: all 10 pairs agree; 3 against 2: 3 + 1 of 10; a single answer has no pair.
    assert reliability(np.array([[5, 0], [3, 2], [1, 0]])).percent_agreement == pytest.approx(0.7)


def test_answers_that_are_all_the_same_have_no_chance_agreement() -> None:
    result = reliability(np.array([[5, 0], [5, 0]]))
    assert isinstance(result.alpha, Withheld)
    assert result.percent_agreement == 1


def test_no_pair_of_answers_means_no_reliability() -> None:
    result = reliability(np.array([[1, 0], [0, 0]]))
    assert isinstance(result.alpha, Withheld)
    assert result.questions == 0


def test_yes_against_the_rest_joins_the_other_values() -> None:
    assert positive_counts(np.array([[1, 2, 3]]), np.array([2])).tolist() == [[3, 3]]
