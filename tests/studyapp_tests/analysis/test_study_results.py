"""From evidence to all tables."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from studyapp.analysis.evidence import (
    ClassifierEvidence,
    Controls,
    ExpertCheck,
    GoldQuestions,
    StudyEvidence,
    Top5Evidence,
    TrueLabelQuestions,
)
from studyapp.analysis.null_calibration import CorrectedError
from studyapp.analysis.reliability import Reliability
from studyapp.analysis.study_results import analyse
from studyapp.analysis.votes import AgreementRule
from studyapp.analysis.withheld import Bounds, Withheld
from tests.studyapp_tests.analysis.evidence_tables import classifier, results
from tests.studyapp_tests.analysis.tables import answers_of


def test_rectification_can_reverse_ranks() -> None:
    # first: 3 mistakes, all real. second: 4 mistakes, 2 of them relevant labels.
    first = classifier("first", [0, 1, 2, None, None, None, None, None, None, None])
    second = classifier("second", [0, 3, 4, 5, None, None, None, None, None, None])
    found = results(["nnnnn", "nnnnn", "nnnnn", "yyyyy", "yyyyn", "nnnnn"], first, second)
    assert [c.rectified_top1_error for c in found.classifiers] == [0.3, 0.2]
    assert [(r.standard, r.rectified) for r in found.ranks] == [(1, 2), (2, 1)]
    (comparison,) = found.comparisons
    assert comparison.reversed
    assert comparison.standard.difference == pytest.approx(-0.1)
    assert comparison.rectified.difference == pytest.approx(0.1)


def test_the_replicates_come_back_and_give_the_intervals() -> None:
    one = classifier("one", [0, 1, None, None, None])
    found = results(["nnnnn", "yyyyy"], one, draws=500)
    (drawn,) = found.draws
    replicates = drawn.of("one: rectified top-1")
    low, high = np.quantile(replicates, [0.025, 0.975])
    interval = found.classifiers[0].rectified_top1_interval
    assert (interval.low, interval.high) == (low, high)


def test_sensitivity_rows_by_hand() -> None:
    rows = ["yyyyy", "yyyyn", "yyynn", "nnnnn"]
    found = results(rows, classifier("one", [0, 1, 2, 3]))
    by_rule = {row.rule: row for row in found.classifiers[0].sensitivity}
    assert [by_rule[f"{t} of 5"].error for t in (3, 4, 5)] == [0.25, 0.5, 0.75]
    assert isinstance(by_rule["Dawid-Skene"].error, float)
    gold = by_rule["gold-calibrated Dawid-Skene"].error
    assert isinstance(gold, Withheld)
    assert "golden" in gold.reason


def test_with_stop_when_decided_what_needs_all_answers_is_bounds_or_withheld() -> None:
    rule = AgreementRule(stop_when_decided=True)
    found = results(["yyyy", "nn", "yyynn", "ynn"], classifier("one", [0, 1, 2, 3]), rule=rule)
    row = found.classifiers[0]
    assert row.rectified_top1_error == 0.75
    assert isinstance(row.positive_answers.counts, Withheld)
    by_rule = {r.rule: r for r in row.sensitivity}
    assert by_rule["4 of 5"].error == 0.75
    three, five = by_rule["3 of 5"].error, by_rule["5 of 5"].error
    # At 3 of 5, "nn" and "ynn" may still be accepted (y = 3, and 1 + 2); at 5 of 5, "yyyy" may.
    assert isinstance(three, Bounds)
    assert (three.low, three.high) == (0.0, 0.5)
    assert isinstance(five, Bounds)
    assert (five.low, five.high) == (0.75, 1.0)
    assert isinstance(by_rule["Dawid-Skene"].error, Withheld)
    assert all(isinstance(r.reliability, Withheld) for r in found.reliability)


def test_dawid_skene_as_the_rule_decides_by_posterior() -> None:
    rows = ["yyyyy"] * 6 + ["nnnnn"] * 6 + ["yyyyn", "ynnnn"]
    rule = AgreementRule(rule="dawid_skene")
    found = results(rows, classifier("one", list(range(14))), rule=rule)
    row = found.classifiers[0]
    assert row.rectified_top1_error == pytest.approx(0.5)
    assert isinstance(row.participant_uncertainty, Withheld)


def test_dawid_skene_learns_from_the_studys_own_questions() -> None:
    rows = ["nnnnn", "yyyyy"] * 3 + ["yyyyy"] * 6 + ["nnnnn"] * 6
    imported = np.arange(18) < 6
    rule = AgreementRule(rule="dawid_skene")
    found = results(rows, classifier("one", list(range(6, 18))), rule=rule, imported=imported)
    assert found.classifiers[0].rectified_top1_error == 0.5
    assert found.classifiers[0].undecided == 0


def test_a_rule_without_its_gold_decides_nothing() -> None:
    found = results(["yyyyy"], classifier("one", [0]), rule=AgreementRule(rule="gold_calibrated"))
    assert found.classifiers[0].undecided == 1
    assert found.gold_posterior == Withheld("no golden questions")


def test_gold_questions_of_the_study_calibrate_it() -> None:
    rows = ["yyyyy", "nnnnn", "yyyyy", "nnnnn", "yyyyn", "ynnnn"]
    gold = GoldQuestions(np.array([0, 1, 2, 3]), np.array([1, 0, 1, 0]))
    found = results(
        rows, classifier("one", [4, 5]), rule=AgreementRule(rule="gold_calibrated"), gold_questions=gold
    )
    assert found.classifiers[0].rectified_top1_error == 0.5
    assert isinstance(found.gold_posterior, np.ndarray)
    assert [g.as_expected.share for g in found.gold] == [1, 1, 1, 1]
    # Gold questions have known answers, so agreement on them is no evidence of reliability.
    assert isinstance(found.reliability[0].reliability, Reliability)
    assert found.reliability[0].reliability.questions == 2


def test_controls_stand_beside_the_error_and_correct_it() -> None:
    rows = ["yyyyy", "nnnnn"] + ["nnnnn"] * 30 + ["yyyyy"] * 30
    controls = Controls(foil=np.arange(2, 32), dataset_label=np.arange(32, 62))
    found = results(rows, classifier("one", [0, 1, None, None]), controls=controls)
    assert found.null_calibration is not None
    assert found.null_calibration.foils.accepted.share == 0
    assert found.null_calibration.dataset_labels.accepted.share == 1
    corrected = found.classifiers[0].corrected
    assert isinstance(corrected, CorrectedError)
    assert corrected.error == pytest.approx(0.25)


def test_imported_questions_stay_outside_the_tables() -> None:
    rows = ["yyyyn", "ynyny", "nnnny"]
    imported = np.array([False, False, True])
    found = results(rows, classifier("one", [0, 1]), imported=imported)
    assert (found.questions, found.imported_questions, found.answers) == (2, 1, 15)
    headline, everything = found.reliability[0], found.reliability[2]
    assert (headline.scope, everything.scope) == ("study", "all")
    assert isinstance(headline.reliability, Reliability)
    assert isinstance(everything.reliability, Reliability)
    assert (headline.reliability.questions, everything.reliability.questions) == (2, 3)


def test_top5_variants_and_the_crowds_misses() -> None:
    # Four images, all top-1 mistakes but the last. The label is in the list of images 0, 1 and 3.
    # List questions: 0 accepted, 1 rejected (a crowd miss), 2 rejected.
    one = classifier(
        "one",
        [-1, -1, -1, None],
        label_in_top5=np.array([True, True, False, True]),
        top5=Top5Evidence("list", "A", np.array([0, 1, 2, -1])),
    )
    row = results(["yyyyy", "ynnnn", "nnnnn"], one).classifiers[0]
    assert row.standard_top5_error == 0.25
    assert row.top5 is not None
    assert row.top5.variant_a is not None
    assert row.top5.variant_a.error == 0.5
    assert row.top5.variant_b.error == 0.25
    assert row.top5.crowd_miss_rate == 0.25
    assert row.top5.positive_answers is not None
    assert row.top5.positive_answers.counts == (1, 1, 0, 0, 0, 1)


@pytest.mark.parametrize(
    ("answers", "a", "b"), [("yyyn", 0.125, 0.125), ("nyyn", 0.25, 0.125), ("yyyy", 0.0, 0.0)]
)
def test_in_a_sample_the_crowds_misses_are_never_less_than_none(answers: str, a: float, b: float) -> None:
    # 20 images, 10 mistakes of which 5 have their label in the list; drawn: three of these and one other.
    # Each drawn speaks for 10 / 4 mistakes, in A and in B alike.
    asked = np.full(20, -1)
    asked[[0, 1, 2, 5]] = [0, 1, 2, 3]
    one = ClassifierEvidence(
        "one",
        correct=np.arange(20) >= 10,
        mistake_question=np.full(20, -1),
        label_in_top5=(np.arange(20) < 5) | (np.arange(20) >= 10),
        top5=Top5Evidence("list", "A", asked),
        stratum=np.zeros(20, dtype=np.int64),
    )
    row = results([letter * 5 for letter in answers], one).classifiers[0]
    assert row.top5 is not None
    assert row.top5.variant_a is not None
    assert (row.top5.variant_a.error, row.top5.variant_b.error) == (a, b)
    assert row.top5.crowd_miss_rate == a - b
    assert row.top5.crowd_miss_interval is not None
    assert row.top5.crowd_miss_interval.low >= 0
    assert row.top5.crowd_miss_interval.high > 0
    review = row.top5.variant_b.review
    assert (review.unasked, review.not_drawn, review.coverage) == (0, 4, 1.0)


def test_top5_asked_class_by_class_is_accepted_if_any_class_is() -> None:
    questions = np.array([[0, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 2]])
    one = classifier(
        "one",
        [-1, -1, -1],
        label_in_top5=np.array([False, False, False]),
        top5=Top5Evidence("per_class", "B", questions),
    )
    row = results(["yyyyy", "nnnnn", "yyy"], one).classifiers[0]
    assert row.top5 is not None
    assert row.top5.variant_a is None
    assert row.top5.crowd_miss_rate is None
    assert row.top5.variant_b.error == pytest.approx(2 / 3)
    assert row.top5.variant_b.bounds == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert row.top5.variant_b.review.undecided == 1


def test_the_symmetric_error_counts_rejected_labels_of_correct_predictions() -> None:
    # 10 images: 2 mistakes (1 accepted), 8 correct of which 4 drawn, 1 rejected, 1 undecided.
    one = classifier(
        "one",
        [0, 1] + [None] * 8,
        correct_question=np.array([-1, -1, 2, 3, 4, 5, -1, -1, -1, -1]),
    )
    row = results(["yyyyy", "nnnnn", "yyyyy", "yyyyy", "nnnnn", "yy"], one).classifiers[0]
    symmetric = row.symmetric
    assert symmetric is not None
    assert (symmetric.drawn, symmetric.rejected, symmetric.undecided) == (4, 1, 1)
    assert symmetric.error == pytest.approx((1 + 8 / 4) / 10)
    assert symmetric.bounds == (pytest.approx((1 + 8 / 4) / 10), pytest.approx((1 + 16 / 4) / 10))
    assert symmetric.interval.low <= symmetric.error <= symmetric.interval.high


def test_no_rejected_label_among_few_drawn_is_not_proof_of_none() -> None:
    one = classifier("one", [0] + [None] * 9, correct_question=np.array([-1, 1, 1, 1] + [-1] * 6))
    symmetric = results(["nnnnn", "yyyyy"], one).classifiers[0].symmetric
    assert symmetric is not None
    assert symmetric.interval.high > 0.5


def test_sampled_classifiers_are_compared_by_joint_draws() -> None:
    rng = np.random.default_rng(3)
    images, wrong_a, wrong_b = 3000, 600, 900
    accepted = rng.random(images) < 0.3
    rows = ["yyyyy" if yes else "nnnnn" for yes in accepted]
    order = rng.permutation(images)

    def sampled(name: str, mistakes: np.ndarray, drawn: int) -> ClassifierEvidence:
        question = np.full(images, -1)
        kept = rng.permutation(mistakes)[:drawn]
        question[kept] = kept
        correct = np.ones(images, dtype=bool)
        correct[mistakes] = False
        return ClassifierEvidence(name, correct, question, stratum=np.zeros(images, dtype=np.int64))

    a, b = sampled("a", order[:wrong_a], 300), sampled("b", order[:wrong_b], 300)
    found = results(rows, a, b, draws=800)
    for row, size in zip(found.classifiers, (wrong_a, wrong_b), strict=True):
        truth = (~accepted[order[:size]]).sum() / images
        assert row.rectified_top1_interval.low < truth < row.rectified_top1_interval.high
        assert row.review.not_drawn == size - 300
    (comparison,) = found.comparisons
    assert comparison.rectified.interval.low < comparison.rectified.difference
    assert len(found.draws) == 3


def test_true_labels_fall_into_four_kinds() -> None:
    rows = ["yyyyy", "nnnnn", "yy"]
    pairs = TrueLabelQuestions(np.array([0, 0, 1, 1, 2, -1]), np.array([0, 1, 0, 1, 0, 0]))
    found = results(rows, classifier("one", [0]), true_label=pairs).label_pairs
    assert found is not None
    assert (found.both, found.prediction_only, found.dataset_only) == (1, 1, 1)
    assert (found.neither, found.undecided) == (1, 1)


def test_the_experts_precision_is_per_count_of_positive_answers() -> None:
    rows = ["nnnnn", "yyyyy", "yyyyy", "yy"]
    check = ExpertCheck(np.arange(4), np.array([False, True, False, True]))
    found = results(rows, classifier("one", [0]), expert_check=check).expert_check
    assert [(p.positive, p.relevant.count, p.relevant.total) for p in found] == [
        (0, 0, 1), (1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 1, 2),
    ]  # fmt: skip


def test_errors_are_broken_down_by_group() -> None:
    found = results(
        ["yyyyy", "nnnnn"],
        classifier("one", [0, 1, None, None]),
        groups=np.array([0, 1, 1, -1]),
        group_names=("dogs", "boats"),
    )
    dogs, boats = found.classifiers[0].groups
    assert (dogs.standard.share, dogs.rectified.share) == (1, 0)  # type: ignore[union-attr]
    assert (boats.standard.count, boats.standard.total) == (1, 2)


def test_a_study_before_its_first_answer_has_results() -> None:
    found = results(["", ""], classifier("one", [0, 1, None, None]))
    row = found.classifiers[0]
    assert row.rectified_top1_error == 0.5
    assert row.rectified_top1_bounds == (0, 0.5)
    assert (row.undecided, row.coverage) == (2, 0)
    assert found.participants == ()
    assert isinstance(row.participant_uncertainty, Withheld)


def test_a_study_without_classifiers_has_results() -> None:
    found = results(["yyyyy"])
    assert (found.classifiers, found.comparisons, found.draws) == ((), (), ())


def test_classifiers_of_different_datasets_are_refused() -> None:
    with pytest.raises(ValueError, match=r"run on \[1, 2\] images"):
        results(["y"], classifier("one", [0]), classifier("two", [0, None]))


def test_a_question_about_a_correct_prediction_is_refused() -> None:
    with pytest.raises(ValueError, match="image 1 is predicted correctly"):
        ClassifierEvidence("one", np.array([False, True]), np.array([0, 1]))


def test_planned_pairs_must_name_classifiers_of_the_study() -> None:
    with pytest.raises(ValueError, match="names other"):
        StudyEvidence(
            study="toy",
            answers=answers_of(["y"]),
            rule=AgreementRule(),
            classifiers=(classifier("one", [0]),),
            planned_pairs=(("one", "other"),),
        )


def test_the_same_generator_gives_the_same_results() -> None:
    one = classifier("one", [0, 1, None, -1])
    evidence = StudyEvidence("toy", answers_of(["yyyyn", "yynnn"]), AgreementRule(), (one,))
    first, second = (analyse(evidence, rng=np.random.default_rng(5), draws=200) for _ in range(2))
    assert first.classifiers == second.classifiers


def test_the_statistics_load_neither_django_nor_celery() -> None:
    code = (
        "import sys, studyapp.analysis.study_results; "
        "print([m for m in ('django', 'celery', 'torch') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert output.stdout.strip() == "[]"
