"""People beside a classifier: the two by two table, weights, and what is open, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from studyapp.analysis.intervals import wilson_of_share
from studyapp.analysis.same_content import AskedChanges, agreement, seen_by_setting, seen_changes
from studyapp.analysis.verdicts import Verdict

YES, NO, OPEN = int(Verdict.AGREED), int(Verdict.REJECTED), int(Verdict.UNDECIDED)


def asked(rows: list[tuple[int, bool, float, int, int, int]]) -> AskedChanges:
    """Rows of (setting, flips, weight, verdict, received, positive); the third is unlike its siblings."""
    setting, flips, weight, verdict, received, positive = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    return AskedChanges(
        setting=setting,
        flips=flips,
        apart=np.arange(len(rows)) == 2,
        image=np.arange(len(rows)),
        weight=weight,
        verdict=verdict,
        received=received,
        positive=positive,
    )


ROWS = asked(
    [
        (0, True, 1.0, YES, 5, 5),
        (0, True, 1.0, NO, 5, 1),
        (1, True, 3.0, YES, 5, 4),
        (0, False, 9.0, NO, 5, 0),
        (1, False, 7.0, YES, 5, 4),
        (1, False, 7.0, OPEN, 1, 1),
    ]
)


def test_every_cell_of_the_table_and_what_is_open() -> None:
    found = agreement(ROWS)
    assert (found.both, found.only_model, found.only_people, found.neither) == (2, 1, 1, 1)
    assert (found.open_flips, found.open_stays, found.asked, found.decided, found.apart) == (0, 1, 6, 5, 1)
    # Both say the same on weights 1, 3 and 9 of 1 + 1 + 3 + 9 + 7.
    assert found.agreement == pytest.approx(13 / 21)
    assert found.interval is not None
    assert found.interval.low < 13 / 21 < found.interval.high
    assert (found.seen_of_flips.count, found.seen_of_flips.total) == (2, 3)
    # People see the flips of weight 1 and 3 of 1 + 1 + 3, and what stays with weight 7 of 9 + 7.
    assert found.seen_of_flips.share == pytest.approx(4 / 5)
    assert found.seen_of_stays.share == pytest.approx(7 / 16)
    assert found.seen_of_flips.interval == wilson_of_share(0.8, 25 / 11)
    assert (found.seen_of_stays.count, found.seen_of_stays.total) == (1, 2)


def test_settings_are_told_apart_where_it_flips_and_where_it_stays() -> None:
    (flips, stays), (_, open_) = seen_by_setting(ROWS, 2)
    assert (flips.asked, flips.seen.count, flips.seen.total, flips.answers) == (2, 1, 2, 10)
    assert flips.said == pytest.approx((1.0 + 0.2) / 2)
    assert (stays.seen.count, stays.seen.total, stays.said) == (0, 1, 0.0)
    assert (open_.asked, open_.seen.total, open_.answers) == (2, 1, 6)


def test_of_nothing_nothing_is_said() -> None:
    nothing = ROWS.where(np.zeros(6, dtype=bool))
    found = agreement(nothing)
    assert (found.asked, found.agreement, found.interval) == (0, None, None)
    assert seen_changes(nothing).said is None
    assert seen_changes(nothing).seen.share is None
    with pytest.raises(ValueError, match="weight has not the 6 rows"):
        AskedChanges(
            *([ROWS.setting, ROWS.flips, ROWS.apart, ROWS.image, ROWS.weight[:2]] + [ROWS.verdict] * 3)
        )
