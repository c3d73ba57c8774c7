"""Raw and rectified shares of choices by shape, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from studyapp.analysis.evidence import NO_QUESTION
from studyapp.analysis.rectified_choices import RectifiedChoices, ReviewedChoices, rectified_choices
from studyapp.analysis.shape_texture import Choices
from studyapp.analysis.verdicts import Verdict

YES, NO, OPEN, NONE = Verdict.AGREED, Verdict.REJECTED, Verdict.UNDECIDED, NO_QUESTION

# (shape, texture, response, verdict): of ten pictures in conflict three choices are the shape's, four the
# texture's, three of neither; the last two pictures have one thing's shape and texture.
ROWS = [
    (0, 1, 0, NONE),
    (0, 2, 0, NONE),
    (1, 0, 1, NONE),
    (0, 1, 1, YES),
    (0, 2, 2, YES),
    (1, 2, 2, NO),
    (2, 1, 1, OPEN),
    (0, 1, 2, YES),
    (1, 0, 2, NO),
    (2, 0, 1, NO),
    (1, 1, 1, NONE),
    (2, 2, 0, YES),
]


def found(rows: list[tuple[int, int, int, int]] = ROWS, stratum: list[int] | None = None) -> RectifiedChoices:
    shape, texture, response, verdict = np.array(rows, dtype=np.int64).T
    reviewed = ReviewedChoices(
        Choices("toy", ("bear", "cat", "dog"), shape, texture, response),
        verdict,
        None if stratum is None else np.array(stratum, dtype=np.int64),
    )
    result = rectified_choices(reviewed, draws=400, rng=np.random.default_rng(1))
    assert result is not None
    return result


def test_the_shares_are_of_the_pictures_in_conflict() -> None:
    result = found()
    assert (result.pictures, result.shape) == (10, 3)
    assert result.raw == pytest.approx(3 / 10)
    # Two of the texture's and one of neither are accepted; the open one is not.
    assert result.rectified == pytest.approx(6 / 10)
    assert result.bounds == (pytest.approx(6 / 10), pytest.approx(7 / 10))
    assert result.coverage == pytest.approx(6 / 7)


def test_texture_and_neither_are_told_apart() -> None:
    result = found()
    texture, neither = result.texture, result.neither
    assert (texture.decisions, texture.asked, texture.accepted.total, texture.accepted.count) == (4, 4, 3, 2)
    assert (texture.coverage, texture.accepted.share) == (pytest.approx(3 / 4), pytest.approx(2 / 3))
    assert (neither.decisions, neither.asked, neither.accepted.total, neither.accepted.count) == (3, 3, 3, 1)
    assert (neither.coverage, neither.accepted.share) == (1.0, pytest.approx(1 / 3))
    assert neither.accepted.interval is not None
    # Wilson's interval of 1 of 3, as tables have it.
    assert neither.accepted.interval.low == pytest.approx(0.0615, abs=1e-4)
    assert neither.accepted.interval.high == pytest.approx(0.7923, abs=1e-4)


def test_the_intervals_hold_the_shares_and_carry_the_images_over() -> None:
    result = found()
    for share, interval in ((result.raw, result.raw_interval), (result.rectified, result.rectified_interval)):
        assert 0 <= interval.low < share < interval.high <= 1
    again = found()
    assert (again.raw_interval, again.rectified_interval) == (result.raw_interval, result.rectified_interval)


def test_a_choice_without_a_question_stays_unaccepted_and_out_of_the_coverage() -> None:
    rows = [row if row[3] != NO else (*row[:3], NONE) for row in ROWS]
    result = found(rows)
    assert result.rectified == pytest.approx(6 / 10)
    assert (result.texture.asked, result.neither.asked) == (3, 1)
    assert result.coverage == pytest.approx(3 / 4)


def test_in_a_sample_what_is_drawn_stands_for_its_stratum() -> None:
    # Stratum 0: six choices of the texture, two drawn, one accepted. Stratum 1: two of neither, both drawn,
    # both accepted. Two choices of the shape.
    texture = [(0, 1, 1, YES), (0, 1, 1, NO), *[(0, 1, 1, NONE)] * 4]
    rows = [*texture, *[(0, 1, 2, YES)] * 2, *[(1, 0, 1, NONE)] * 2]
    result = found(rows, stratum=[0] * 6 + [1] * 2 + [0] * 2)
    assert result.rectified == pytest.approx((2 + 6 / 2 + 2) / 10)
    assert (result.texture.decisions, result.texture.asked) == (6, 2)
    assert result.coverage == 1.0
    # One stratum for both sorts: three drawn of eight, of which two are accepted.
    rows = [(0, 1, 1, YES), (0, 1, 2, YES), (0, 1, 2, NO), *[(0, 1, 1, NONE)] * 5]
    whole = found(rows, stratum=[0] * 8)
    assert (whole.raw, whole.rectified) == (0.0, pytest.approx(2 / 3))
    assert whole.raw_interval.method == "wilson"


def test_weights_of_a_sample_enter_the_accepted_share() -> None:
    # Of the texture's choices stratum 0 has three, one drawn and accepted; stratum 1 one, drawn and rejected.
    rows = [(0, 1, 1, YES), (0, 1, 1, NONE), (0, 1, 1, NONE), (1, 2, 2, NO)]
    result = found(rows, stratum=[0, 0, 0, 1])
    assert result.texture.accepted.share == pytest.approx(3 / 4)
    assert result.rectified == pytest.approx(3 / 4)


def test_nothing_in_conflict_gives_nothing_and_lengths_must_fit() -> None:
    one = np.zeros(1, dtype=np.int64)
    choices = Choices("toy", ("bear", "cat"), one, one, one)
    reviewed = ReviewedChoices(choices, np.array([NONE]))
    assert rectified_choices(reviewed, draws=10, rng=np.random.default_rng(1)) is None
    with pytest.raises(ValueError, match="verdict has 2 entries for 1 choices"):
        ReviewedChoices(choices, np.array([NONE, NONE]))


def test_a_network_that_only_chooses_shapes_has_nothing_to_accept() -> None:
    result = found([(0, 1, 0, NONE), (1, 0, 1, NONE)])
    assert (result.raw, result.rectified, result.coverage) == (1.0, 1.0, None)
    assert result.texture.accepted.share is None
