"""The rectified error on tables small enough to do by hand, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyapp.analysis.evidence import NO_QUESTION
from studyapp.analysis.rectified import (
    RectifiedError,
    Review,
    draw_columns,
    image_verdicts,
    positive_answers,
    rectified_error,
    remaining_errors,
    sampling_design,
)
from studyapp.analysis.verdicts import verdicts
from studyapp.analysis.votes import AgreementRule, count_votes
from studyapp.analysis.withheld import Withheld
from tests.studyapp_tests.analysis.tables import answers_of

RULE = AgreementRule()


def rectify(
    correct: list[bool],
    question: list[int],
    rows: list[str],
    *,
    rule: AgreementRule = RULE,
    stratum: list[int] | None = None,
) -> RectifiedError:
    outcome = verdicts(count_votes(answers_of(rows), rule), rule)
    review = Review(
        ~np.array(correct, dtype=bool),
        image_verdicts(np.array(question), outcome),
        None if stratum is None else np.array(stratum),
    )
    column = remaining_errors(review, name="rectified")
    drawn = draw_columns([column], draws=300, rng=np.random.default_rng(0), design=sampling_design(column))
    return rectified_error(review, column, drawn)


def test_by_hand_ten_images() -> None:
    # 4 correct; mistakes: 4/5 and 5/5 accepted, 3/5 and 0/5 rejected, one undecided (yyn), one never asked.
    result = rectify(
        [True] * 4 + [False] * 6,
        [-1] * 4 + [0, 1, 2, 3, 4, -1],
        ["yyyyn", "yyyyy", "yyynn", "nnnnn", "yyn"],
    )
    assert result.error == pytest.approx(0.4)
    assert result.bounds == (pytest.approx(0.3), pytest.approx(0.4))
    assert (result.review.errors, result.review.agreed, result.review.rejected) == (6, 2, 2)
    assert (result.review.undecided, result.review.unasked, result.review.not_drawn) == (1, 1, 0)
    assert result.review.coverage == pytest.approx(4 / 6)


def test_two_classifiers_mistakes_share_one_question() -> None:
    question = np.array([0, 0, NO_QUESTION])
    outcome = verdicts(count_votes(answers_of(["yyyyy"]), RULE), RULE)
    assert image_verdicts(question, outcome).tolist() == [1, 1, NO_QUESTION]


def test_a_sampled_study_by_hand() -> None:
    # 10 images, stratum 0 with 4 mistakes (2 drawn, 1 accepted), stratum 1 with 2 (1 drawn, rejected).
    result = rectify(
        [True] * 4 + [False] * 6,
        [-1] * 4 + [0, 1, -1, -1, 2, -1],
        ["yyyyy", "nnnnn", "nnnnn"],
        stratum=[0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
    )
    assert result.error == pytest.approx((4 * 0.5 + 2) / 10)
    assert result.review.coverage == 1
    assert result.review.not_drawn == 3


def test_not_sampled_by_design_is_not_undecided() -> None:
    result = rectify([False] * 4, [0, -1, -1, -1], ["yyyyn"], stratum=[0, 0, 0, 0])
    assert result.review.undecided == 0
    assert result.error == 0
    assert result.bounds == (0, 0)


def test_a_stratum_in_which_nothing_could_be_drawn_stays_wrong() -> None:
    result = rectify([False] * 4, [0, -1, -1, -1], ["yyyyn"], stratum=[0, 0, 1, 1])
    assert result.error == 0.5
    assert (result.review.unasked, result.review.not_drawn) == (2, 1)
    assert result.review.coverage == pytest.approx(1 / 3)


def test_when_every_error_goes_the_interval_is_wilsons() -> None:
    result = rectify([True, False], [-1, 0], ["yyyyy"])
    assert result.error == 0
    assert result.interval.method == "wilson"
    assert result.interval.high > 0.5


def test_when_all_the_drawn_are_accepted_the_sample_is_not_taken_for_everything() -> None:
    result = rectify([True] * 5 + [False] * 5, [-1] * 5 + [0, -1, -1, -1, -1], ["yyyyy"], stratum=[0] * 10)
    assert result.error == 0
    assert 0.3 < result.interval.high < 0.5
    assert "wilson" in result.interval.method


def test_the_histogram_counts_positive_answers() -> None:
    rows = ["nnnnn", "ynnnn", "yynnn", "yyynn", "yyyyn", "yyyyy", "yyyyy", "yn"]
    votes = count_votes(answers_of(rows), RULE)
    histogram = positive_answers(votes, np.arange(8), RULE)
    assert histogram.counts == (1, 1, 1, 1, 1, 2)
    assert histogram.incomplete == 1
    assert histogram.fewest == (1, 1, 1, 1, 1, 2)
    # "yn" may yet reach one to four positive answers.
    assert histogram.most == (1, 2, 2, 2, 2, 2)


def test_the_histogram_of_questions_closed_early_is_bounds() -> None:
    rule = AgreementRule(stop_when_decided=True)
    histogram = positive_answers(count_votes(answers_of(["nn", "yyyy"]), rule), np.arange(2), rule)
    assert isinstance(histogram.counts, Withheld)
    assert "stop_when_decided" in histogram.counts.reason
    assert histogram.fewest == (0,) * 6
    assert histogram.most == (1, 1, 1, 1, 1, 1)


answer_rows = st.lists(st.text("yn", max_size=5), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(rows=answer_rows, correct=st.integers(0, 5), data=st.data())
def test_laws_of_the_rectified_error(rows: list[str], correct: int, data: st.DataObject) -> None:
    labels = [True] * correct + [False] * len(rows)
    question = [-1] * correct + list(range(len(rows)))
    result = rectify(labels, question, rows)
    standard = len(rows) / len(labels)
    low, high = result.bounds
    assert 0 <= low <= result.error <= high <= standard
    assert result.interval.low <= result.interval.high

    # Completing every question in any way stays within the bounds.
    completed = [row + data.draw(st.text("yn", min_size=5 - len(row), max_size=5 - len(row))) for row in rows]
    final = rectify(labels, question, completed)
    assert low - 1e-12 <= final.error <= high + 1e-12
    assert final.bounds == (final.error, final.error)

    # One "no" turned into "yes" never raises the error.
    place = data.draw(st.integers(0, len(rows) - 1))
    better = completed.copy()
    better[place] = completed[place].replace("n", "y", 1)
    assert rectify(labels, question, better).error <= final.error


def test_the_planted_error_lies_in_the_interval_and_a_shifted_one_does_not() -> None:
    draw = np.random.default_rng(4)
    images, planted = 20_000, 0.12
    truly_wrong = draw.random(images) < planted
    labelled_wrong = truly_wrong | (draw.random(images) < 0.1)
    rows = ["nnnnn" if wrong else "yyyyy" for wrong in truly_wrong[labelled_wrong]]
    question = np.full(images, -1)
    question[labelled_wrong] = np.arange(labelled_wrong.sum())
    result = rectify((~labelled_wrong).tolist(), question.tolist(), rows)
    assert result.interval.low < planted < result.interval.high
    assert not result.interval.low < planted + 0.02 < result.interval.high
