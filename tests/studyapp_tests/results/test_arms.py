"""The tables of a two-arm study of attacked images, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from studyapp.exports.arm_figures import ACCURACY
from studyapp.exports.figures import BarGroups
from studyapp.exports.report import compute_report
from studyapp.exports.study_figures import study_figures
from studyapp.exports.writing import plain_rows
from studyapp.models import Mode
from studyapp.protocol.adversarial import AdversarialArm, AdversarialQuestions
from studyapp.protocol.schema import AnswersRule, Exclusion
from tests.studyapp_tests.results.adversarial_study import (
    ARMS,
    SHOWN,
    VOTES,
    TwoArms,
    two_arm_protocol,
    two_arm_study,
    with_contrasts,
)

pytestmark = pytest.mark.django_db


def rows(made: TwoArms, table: str, mode: str = Mode.REAL) -> Any:
    """The rows of one table as the command prints them."""
    return plain_rows(compute_report(study=made.study, mode=mode).report.tables[table])


def test_both_shares_of_agreement_are_printed_per_arm() -> None:
    whole, explained = rows(two_arm_study(), "adversarial_agreement")
    assert (whole["arm"], whole["shows"], whole["method"], whole["label"]) == (
        *("whole", "whole", None, "adversarial"),
    )
    assert (explained["shows"], explained["method"]) == ("explanation", "lime")
    assert (whole["questions"], whole["answers"], whole["positive"]) == (6, 30, 13)
    assert (whole["positive_share"], whole["agreed_share"]) == (
        pytest.approx(13 / 30),
        pytest.approx(2 / 6),
    )
    assert (explained["answers"], explained["positive"], explained["agreed"]) == (27, 20, 4)
    assert explained["agreed_share"] == pytest.approx(4 / 5)
    assert (explained["undecided"], explained["agreed_bounds"]) == (
        1,
        [pytest.approx(4 / 6), pytest.approx(5 / 6)],
    )


def test_exclusions_leave_answers_out_of_a_second_table_of_agreement_and_of_pairs() -> None:
    # The fifth person of every question took six seconds.
    slow = Exclusion(measure="seconds", above=5.5, reason="Away from the screen.")
    protocol = with_contrasts(replace(two_arm_protocol(), exclusions=(slow,)), ("explained", "whole"))
    made = two_arm_study(protocol=protocol)
    whole, explained = rows(made, "filtered_agreement")
    assert (whole["answers"], whole["positive"], whole["agreed"], whole["decided"]) == (24, 12, 2, 5)
    assert (explained["answers"], explained["positive"], explained["agreed"]) == (22, 18, 4)
    assert [row["answers"] for row in rows(made, "adversarial_agreement")] == [30, 27]
    (everything,), (kept,) = rows(made, "arm_pairs"), rows(made, "filtered_arm_pairs")
    # Image 2 is undecided in the first arm once its fifth answer is gone.
    assert (everything["judged"], kept["judged"]) == (5, 4)


def test_without_exclusions_no_arm_is_filtered() -> None:
    made = two_arm_study()
    assert rows(made, "filtered_agreement") == rows(made, "filtered_arm_pairs") == []


def test_table_two_states_numerator_and_denominator_over_every_set() -> None:
    found = {
        (row["arm"], row["images_of"]): (
            *(row["correct_after"], row["rectified_correct"], row["images"]),
            *(row["standard_top1_accuracy"], row["rectified_top1_accuracy"]),
        )
        for row in rows(two_arm_study(), "adversarial_accuracy")
    }
    whole = pytest.approx
    assert found["whole", "shown to people in this arm"] == (0, 2, 6, 0.0, whole(2 / 6))
    assert found["explained", "shown to people in this arm"] == (0, 4, 6, 0.0, whole(4 / 6))
    assert found["whole", "attacked"] == (2, 4, 8, whole(2 / 8), whole(4 / 8))
    assert found["explained", "attacked"] == (2, 6, 8, whole(2 / 8), whole(6 / 8))
    assert found["whole", "of the attacked categories"] == (2, 4, 9, whole(2 / 9), whole(4 / 9))
    # Class 8 was not drawn for the attack, so the whole dataset has an accuracy before it only.
    before, *_ = (
        row
        for row in rows(two_arm_study(protocol=two_arm_protocol("b")), "adversarial_accuracy")
        if row["images_of"] == "whole dataset"
    )
    assert (before["correct_before"], before["images"], before["accuracy_before"]) == (9, 10, 0.9)
    assert before["rectified_top1_accuracy"] is None
    assert "9 of 10 images" in before["withheld"]["rectified_top1_accuracy"]["reason"]


def test_rounding_to_eight_bits_is_counted() -> None:
    row = next(row for row in rows(two_arm_study(), "adversarial_accuracy") if row["images_of"] == "attacked")
    assert (row["correct_in_float"], row["correct_in_file"]) == (1, 2)


def test_the_label_of_the_float_result_is_the_other_reading() -> None:
    made = two_arm_study(protocol=two_arm_protocol(questions=AdversarialQuestions(adversarial_label="float")))
    row = next(row for row in rows(made, "adversarial_accuracy") if row["images_of"] == "attacked")
    assert (row["correct_after"], row["unasked"], row["rectified_correct"]) == (1, 1, 3)


def test_the_papers_numbers_are_named_as_references_and_stand_in_no_cell() -> None:
    report = compute_report(study=two_arm_study().study, mode=Mode.REAL).report
    for name, numbers in (
        ("adversarial_agreement", ("22.01", "30.80")),
        ("adversarial_accuracy", ("77.31", "7.96")),
    ):
        table = report.tables[name]
        assert table.note.startswith("References, no results of this study")
        assert all(number in table.note for number in numbers)
        cells = {cell for row in table.rows for cell in row if isinstance(cell, float)}
        assert not cells & {0.2201, 0.308, 0.7731, 0.0796}


def test_the_histogram_has_a_series_per_arm() -> None:
    found: dict[str, list[int]] = {}
    for row in rows(two_arm_study(), "positive_answers"):
        found.setdefault(row["arm"], []).append(row["mistakes"])
    # Image 5 of the second arm has two of five answers and is in no bar.
    assert found == {"whole": [2, 1, 0, 1, 1, 1], "explained": [0, 1, 0, 0, 2, 2]}


def test_arms_are_paired_over_the_images_judged_in_both() -> None:
    (pair,) = rows(two_arm_study(), "arm_pairs")
    assert (pair["first"], pair["second"], pair["judged"]) == ("whole", "explained", 5)
    assert (pair["both_agreed"], pair["first_only"], pair["second_only"], pair["neither"]) == (1, 1, 3, 0)
    assert pair["acceptance_difference"] == pytest.approx(-2 / 5)
    assert pair["mcnemar_p"] == pair["mcnemar_p_holm"] == pytest.approx(10 / 16)
    low, high = pair["acceptance_difference_interval"]
    assert low <= -2 / 5 <= high


def test_only_planned_pairs_of_arms_are_compared_and_holm_counts_them() -> None:
    protocol = two_arm_protocol(
        arms=(*ARMS, AdversarialArm(name="foil", label="foil"), AdversarialArm(name="true", label="true"))
    )
    protocol = with_contrasts(protocol, ("explained", "foil"), ("explained", "true"))
    votes = {**VOTES, **{("foil", i): (0, 5) for i in SHOWN}, **{("true", i): (5, 5) for i in SHOWN}}
    made = two_arm_study(protocol=protocol, votes=votes)
    foil, true = rows(made, "arm_pairs")
    assert (foil["first"], foil["second"], true["second"]) == ("explained", "foil", "true")
    # Four of five against none; one of five the other way.
    assert (foil["first_only"], foil["second_only"], foil["mcnemar_p"]) == (4, 0, pytest.approx(1 / 8))
    assert (true["first_only"], true["second_only"], true["mcnemar_p"]) == (0, 1, 1.0)
    assert (foil["mcnemar_p_holm"], true["mcnemar_p_holm"]) == (pytest.approx(2 / 8), 1.0)


@pytest.mark.parametrize(
    "control",
    [
        AdversarialArm(name="control", label="true"),
        AdversarialArm(name="control", shows="random_superpixels"),
    ],
    ids=["true", "random_superpixels"],
)
def test_control_arms_rectify_nothing_and_are_in_the_agreement(control: AdversarialArm) -> None:
    protocol = two_arm_protocol(arms=(*ARMS, control))
    made = two_arm_study(protocol=protocol, votes={**VOTES, **{("control", i): (5, 5) for i in SHOWN}})
    for table in ("adversarial_accuracy", "rectified_error", "sensitivity"):
        assert {row["arm"] for row in rows(made, table)} == {"whole", "explained"}, table
    assert [row["agreed_share"] for row in rows(made, "adversarial_agreement")][2] == 1.0
    assert [row["mistakes"] for row in rows(made, "positive_answers")][-1] == 6
    assert "control" in {row["second"] for row in rows(made, "arm_pairs")}
    figures = study_figures(compute_report(study=made.study, mode=Mode.REAL).report.tables, caption="")
    (accuracy,) = (figure.content for figure in figures if figure.name == ACCURACY)
    assert isinstance(accuracy, BarGroups)
    assert accuracy.series == ("after the attack", "rectified, whole", "rectified, explained")


def test_the_verdicts_that_turned_are_rows() -> None:
    found = [
        (
            row["image"],
            row["agreed_in"],
            row["true"],
            row["predicted"],
            row["first_positive"],
            row["second_positive"],
        )
        for row in rows(two_arm_study(), "turned_verdicts")
    ]
    assert found == [
        ("1.png", "whole", "bee", "cat", 4, 1),
        ("2.png", "explained", "cat", "dog", 3, 4),
        ("3.png", "explained", "dog", "eel", 0, 5),
        ("4.png", "explained", "eel", "fox", 1, 4),
    ]


def test_the_error_over_the_shown_images_has_every_rule() -> None:
    made = two_arm_study()
    whole, explained = rows(made, "rectified_error")
    assert (whole["images"], whole["errors"], whole["rectified_top1_error"]) == (6, 6, pytest.approx(4 / 6))
    assert explained["rectified_top1_bounds"] == [pytest.approx(1 / 6), pytest.approx(2 / 6)]
    found = {(row["arm"], row["rule"]): row["rectified_top1_error"] for row in rows(made, "sensitivity")}
    assert found["whole", "3 of 5"] == pytest.approx(3 / 6)
    assert found["whole", "5 of 5"] == pytest.approx(5 / 6)


def test_early_decided_studies_bound_the_answers() -> None:
    votes = {
        key: (4, 4) if positive >= 4 else (min(4, positive), min(5, positive + 2))
        for key, (positive, _) in VOTES.items()
    }
    made = two_arm_study(protocol=two_arm_protocol(answers=AnswersRule(stop_when_decided=True)), votes=votes)
    whole, _ = rows(made, "adversarial_agreement")
    assert whole["positive_share"] is None
    assert "stop_when_decided" in whole["withheld"]["positive_share"]["reason"]
    assert whole["agreed_share"] == pytest.approx(2 / 6)


def test_without_answers_everything_is_undecided_and_no_pair_is_tested() -> None:
    made = two_arm_study()
    whole, explained = rows(made, "adversarial_agreement", Mode.REHEARSAL)
    assert (whole["undecided"], explained["undecided"]) == (6, 6)
    assert whole["positive_share"] is None
    (pair,) = rows(made, "arm_pairs", Mode.REHEARSAL)
    assert (pair["judged"], pair["mcnemar_p"]) == (0, None)
    assert rows(made, "turned_verdicts", Mode.REHEARSAL) == []
