"""A table's share beside what was planted: both sides by hand, and what makes the finding fail."""

from __future__ import annotations

import numpy as np
import pytest

from studyapp.analysis.intervals import Rate, wilson_of_share, wilson_rate
from studyapp.management.rehearsal.counted import LEVEL, recovered_agreement, recovered_count
from studyapp.protocol.schema import AnswersRule

RULE = AnswersRule(required=3, agreement=2)


def test_a_share_is_expected_as_people_err() -> None:
    truth = np.array([True, True, True, False])
    row, finding = recovered_agreement(
        quantity="share", claim="as planted", truth=truth, rule=RULE, error_rate=0.1, found=wilson_rate(3, 4)
    )
    # Two or three of three are right: 3 * 0.81 * 0.1 + 0.729 = 0.972.
    assert (row.planted, row.expected) == (0.75, pytest.approx((3 * 0.972 + 0.028) / 4))
    assert (row.estimate, row.slack) == (0.75, 0.125)
    assert row.holds
    assert finding.holds
    assert finding.seen.startswith("3 of 4 decided, 4 asked")


def test_a_drawn_question_counts_as_what_it_stands_for() -> None:
    weight = np.array([3.0, 1.0, 1.0])
    row, _ = recovered_agreement(
        quantity="share",
        claim="as planted",
        truth=np.array([True, False, False]),
        weight=weight,
        rule=RULE,
        error_rate=0.0,
        found=Rate(1, 3, 0.6, None),
    )
    assert (row.planted, row.expected, row.estimate) == pytest.approx((0.6, 0.6, 0.6))
    interval = wilson_of_share(0.6, 25 / 11, LEVEL)
    assert row.interval == (interval.low, interval.high)


def test_what_can_not_come_from_the_plan_and_what_is_missing_are_found() -> None:
    def found(share: Rate) -> bool:
        _, finding = recovered_count(
            quantity="rate",
            claim="as planted",
            planted=np.full(40, 0.5),
            probability=np.full(40, 0.5),
            found=share,
        )
        return finding.holds

    assert found(wilson_rate(20, 40))
    # 2 * P(0 or 1 of 40) is 7e-11.
    assert not found(wilson_rate(1, 40))
    assert not found(wilson_rate(20, 39)), "an undecided question"
