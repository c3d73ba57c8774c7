"""The published ratings of reassessed-imagenet, to the last digit of science.md, section 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import reassessed
from studyapp.analysis.evidence import StudyEvidence
from studyapp.analysis.reliability import Reliability
from studyapp.analysis.result_values import StudyResults
from studyapp.analysis.study_results import analyse
from studyapp.analysis.verdicts import could_still_change
from studyapp.analysis.votes import count_votes, counted_answers

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def study(shared_data: Path) -> StudyEvidence:
    return reassessed.study(shared_data / "reassessed-imagenet")


@pytest.fixture(scope="module")
def found(study: StudyEvidence) -> StudyResults:
    return analyse(study, rng=np.random.default_rng(0), draws=500)


def test_the_standard_error(found: StudyResults) -> None:
    row = found.classifiers[0]
    assert (row.images, row.errors) == (50_000, 13_634)
    assert row.standard_top1_error == 0.27268


def test_the_rated_mistakes_and_their_positive_answers(found: StudyResults) -> None:
    row = found.classifiers[0]
    assert found.questions == 8_802
    assert found.imported_questions == 184_962 - 8_802
    assert found.answers == 924_810
    assert row.review.errors - row.review.unasked == 8_802
    assert row.positive_answers.counts == (4959, 1342, 810, 605, 536, 550)


def test_the_rectified_error(found: StudyResults) -> None:
    row = found.classifiers[0]
    assert row.rectified_top1_error == 0.25096
    assert row.rectified_top1_bounds == (0.25096, 0.25096)
    assert row.undecided == 0
    assert row.rectified_top1_interval.low < 0.25096 < row.rectified_top1_interval.high


def test_fleiss_kappa_of_yes_against_the_rest(found: StudyResults) -> None:
    everything = next(
        r for r in found.reliability if (r.scope, r.coding) == ("all", "positive against the rest")
    )
    assert isinstance(everything.reliability, Reliability)
    assert everything.reliability.questions == 184_962
    assert round(everything.reliability.fleiss_kappa, 5) == 0.49333  # type: ignore[call-overload]


def test_the_authors_posteriors_where_they_can_be_derived(found: StudyResults, shared_data: Path) -> None:
    with np.load(shared_data / "reassessed-imagenet" / "scores.npz") as archive:
        published = archive["tensor"]
    assert isinstance(found.gold_posterior, np.ndarray)
    assert int((np.abs(found.gold_posterior - published) <= 1e-12).sum()) == 129_083


def test_early_decisions_need_half_the_answers_and_give_the_same_table(study: StudyEvidence) -> None:
    answers = counted_answers(study.answers, 5)
    by_question = answers.is_positive(("yes",)).reshape(-1, 5)
    before = np.cumsum(by_question, axis=1) - by_question
    received = np.arange(5)
    still_open = (before < 4) & (received - before <= 1)
    needed = float(still_open.mean())
    assert 0.45 < needed < 0.53
    votes = count_votes(answers.where(still_open.ravel()), study.rule)
    assert not could_still_change(votes, study.rule).any()
    full = count_votes(answers, study.rule)
    assert ((votes.positive >= 4) == (full.positive >= 4)).all()
