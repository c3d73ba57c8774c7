"""The tables of the small study, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from studyapp.exports.report import compute_report
from studyapp.exports.writing import plain_rows
from studyapp.models import Answer, ExpertAnswer, Mode, Participant, Question
from studyapp.protocol.schema import AnswersRule
from tests.studyapp_tests.results.small_study import SmallStudy, add_answer, small_study

pytestmark = pytest.mark.django_db


def rows(small: SmallStudy, table: str, mode: str = Mode.REAL) -> Any:
    """The rows of one table as the command prints them."""
    return plain_rows(compute_report(study=small.study, mode=mode).report.tables[table])


def test_two_classifiers_share_the_answers_of_a_shared_mistake() -> None:
    alpha, beta = rows(small_study(), "rectified_error")
    assert (alpha["classifier"], alpha["images"], alpha["errors"]) == ("alpha", 8, 5)
    assert (beta["classifier"], beta["images"], beta["errors"]) == ("beta", 8, 3)
    assert (alpha["standard_top1_error"], beta["standard_top1_error"]) == (5 / 8, 3 / 8)
    # Agreed: (3,4) with 5, (4,5) with 4, (7,8) with 5. (5,6) has only 3.
    assert (alpha["rectified_top1_error"], beta["rectified_top1_error"]) == (2 / 8, 2 / 8)
    assert alpha["positive_answers"] == [1, 0, 0, 1, 1, 2]


def test_an_undecided_question_keeps_its_error_and_opens_the_bounds() -> None:
    alpha, beta = rows(small_study(), "rectified_error")
    assert (alpha["undecided"], alpha["rectified_top1_bounds"]) == (0, [0.25, 0.25])
    assert (beta["undecided"], beta["rectified_top1_bounds"]) == (1, [0.125, 0.25])
    assert beta["coverage"] == pytest.approx(2 / 3)
    # The undecided question has two of five answers, so it is not in the histogram.
    assert beta["positive_answers"] == [0, 0, 0, 1, 0, 1]


def test_foils_and_dataset_labels_stand_beside_every_error() -> None:
    for row in rows(small_study(), "rectified_error"):
        assert (row["foil_acceptance"], row["label_acceptance"]) == (0.5, 1.0)
    foil, label = rows(small_study(name="again"), "controls")
    assert (foil["decided"], foil["accepted"], label["decided"], label["accepted"]) == (2, 1, 1, 1)


def test_predicted_and_dataset_labels_make_a_four_way_table() -> None:
    found = {row["agreed_with"]: row["mistakes"] for row in rows(small_study(), "true_label")}
    # Image 3: both labels agreed. Image 6: the dataset's agreed, (6,7) rejected, (6,8) undecided.
    assert found == {"both": 1, "prediction only": 0, "dataset only": 1, "neither": 0, "undecided": 1}


def test_gold_is_counted_against_the_expected_answer() -> None:
    (gold,) = rows(small_study(), "gold")
    assert (gold["question"], gold["answers"], gold["right"]) == ("small-q2-2", 5, 4)


def test_ranks_change_places_only_by_the_errors() -> None:
    alpha, beta = rows(small_study(), "ranks")
    assert (alpha["standard_rank"], beta["standard_rank"]) == (2, 1)
    assert (alpha["rectified_rank"], beta["rectified_rank"]) == (1, 1)
    (pair,) = rows(small_study(name="again"), "classifier_pairs")
    assert (pair["standard_difference"], pair["rectified_difference"]) == (0.25, 0.0)
    assert pair["reversed"] == "no"


def test_other_rules_move_the_error() -> None:
    found = {
        (row["classifier"], row["rule"]): row["rectified_top1_error"]
        for row in rows(small_study(), "sensitivity")
    }
    assert found["alpha", "3 of 5"] == 1 / 8
    assert found["alpha", "4 of 5"] == 2 / 8
    assert found["alpha", "5 of 5"] == 3 / 8


def test_rehearsal_answers_never_reach_the_real_tables() -> None:
    small = small_study()
    before = rows(small, "rectified_error")
    simulated = [Participant.objects.create(pseudonym=f"simulated-{i}") for i in range(5)]
    for question in Question.objects.filter(study=small.study):
        for order, person in enumerate(simulated):
            add_answer(question, person, "yes", order, mode=Mode.REHEARSAL)
    assert rows(small, "rectified_error") == before
    alpha, beta = rows(small, "rectified_error", Mode.REHEARSAL)
    assert (alpha["rectified_top1_error"], beta["rectified_top1_error"]) == (0.0, 0.0)


def test_answers_that_do_not_count_change_nothing() -> None:
    small = small_study()
    before = rows(small, "rectified_error")
    late = Participant.objects.create(pseudonym="late")
    add_answer(small.questions[5, 6], late, "yes", 5, status=Answer.Status.SURPLUS)
    add_answer(small.questions[6, 8], late, "yes", 2, status=Answer.Status.SUPERSEDED)
    add_answer(small.questions[6, 8], late, "yes", 3, status=Answer.Status.WITHDRAWN)
    assert rows(small, "rectified_error") == before


def test_early_decided_studies_withhold_what_needs_all_answers_and_say_why() -> None:
    # The same verdicts from the answers that rule 3 would have collected.
    votes = {(3, 4): (4, 4), (4, 5): (4, 5), (5, 6): (3, 5), (6, 7): (0, 2), (7, 8): (4, 4), (6, 8): (1, 2)}
    small = small_study(answers=AnswersRule(stop_when_decided=True), votes=votes)
    alpha, beta = rows(small, "rectified_error")
    assert (alpha["rectified_top1_error"], beta["rectified_top1_error"]) == (0.25, 0.25)
    assert alpha["positive_answers"] is None
    assert "stop_when_decided" in alpha["withheld"]["positive_answers"]["reason"]
    histogram = [row for row in rows(small, "positive_answers") if row["classifier"] == "alpha"]
    assert all(row["share"] is None and row["mistakes"] is None for row in histogram)
    # (6,7) has 0 of 2: it may have ended anywhere from 0 to 3.
    assert [row["mistakes_bounds"] for row in histogram] == [[0, 1], [0, 1], [0, 1], [1, 2], [1, 3], [0, 2]]
    reliability = rows(small, "reliability")
    assert reliability["fleiss_kappa"] is None
    assert "stop_when_decided" in reliability["withheld"]["fleiss_kappa"]["reason"]


def test_golden_items_calibrate_the_participants_and_are_no_votes() -> None:
    small = small_study()
    before = rows(small, "rectified_error")
    # Person 0 is right on all four items that three experts judged; nobody else answered them.
    for label, relevant in ((0, True), (2, False), (3, True), (5, False)):
        sample = small.questions[3, 4]
        golden = Question.objects.create(
            study=small.study,
            arm=sample.arm,
            stimulus=sample.stimulus,
            image=sample.image,
            label=small.questions[1, 1].label,
            content=f"label:golden-{label}",
            origin=Question.Origin.GOLDEN,
        )
        majority, other = ("yes", "no") if relevant else ("no", "yes")
        for expert, value in zip("abc", (majority, majority, other), strict=True):
            ExpertAnswer.objects.create(question=golden, expert=expert, value=value)
        add_answer(golden, small.people[0], majority, 0)
    assert rows(small, "rectified_error") == before
    found = {
        row["classifier"]: row["rectified_top1_error"]
        for row in rows(small, "sensitivity")
        if row["rule"] == "gold-calibrated Dawid-Skene"
    }
    # With add-one smoothing person 0 speaks 3 : 1, and the others have the mean of the known matrices,
    # which is the same. So three yes against two no, (5,6), is 3 : 1 for the label at a prior of 1/2 and
    # is accepted, and (6,7), five no, is not; (6,8) has too few answers.
    assert found == {"alpha": 1 / 8, "beta": 1 / 8}


def test_what_experts_say_of_questions_here_is_precision_by_count() -> None:
    small = small_study()
    ExpertAnswer.objects.create(question=small.questions[3, 4], expert="a", value="yes")
    ExpertAnswer.objects.create(question=small.questions[7, 8], expert="a", value="no")
    ExpertAnswer.objects.create(question=small.questions[4, 5], expert="a", value="yes")
    ExpertAnswer.objects.create(question=small.questions[4, 5], expert="b", value="no")  # a tie says nothing
    found = {row["positive"]: (row["relevant"], row["checked"]) for row in rows(small, "expert_check")}
    assert (found[5], found[4]) == ((1, 2), (0, 0))


def test_a_hierarchy_breaks_errors_down_by_group() -> None:
    small = small_study()
    categories = small.study.dataset.class_list.categories.values_list("pk", "index")
    small.study.groups = [[pk, "first" if index < 4 else "second"] for pk, index in categories]
    small.study.save()
    found = {
        (row["classifier"], row["group"]): (
            row["images"],
            row["standard_top1_error"],
            row["rectified_top1_error"],
        )
        for row in rows(small, "groups")
    }
    assert found["alpha", "first"] == (4, 0.25, 0.0)
    assert found["alpha", "second"] == (4, 1.0, 0.5)


def test_a_study_without_answers_has_a_complete_empty_table() -> None:
    small = small_study()
    alpha, beta = rows(small, "rectified_error", Mode.PILOT)
    assert (alpha["undecided"], beta["undecided"]) == (5, 3)
    assert (alpha["rectified_top1_error"], alpha["rectified_top1_bounds"]) == (0.625, [0.0, 0.625])
    assert (alpha["coverage"], alpha["positive_answers"]) == (0.0, [0, 0, 0, 0, 0, 0])
