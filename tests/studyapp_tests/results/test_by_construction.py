"""Shares of an attack that are 0 or 1 by construction have no interval; those that are measured have one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from studyapp.analysis.adversarial_accuracy import AdversarialAccuracy, AttackedImages, adversarial_accuracy
from studyapp.analysis.attack_summary import AttackedImages as AttackOutcomes
from studyapp.analysis.attack_summary import summarise
from studyapp.analysis.intervals import wilson, wilson_rate
from studyapp.analysis.withheld import Withheld
from studyapp.exports.report import compute_report
from studyapp.exports.writing import plain_rows
from studyapp.models import Mode
from tests.studyapp_tests.analysis.test_arms import ATTACK, arm
from tests.studyapp_tests.results.adversarial_study import two_arm_study

SIX_SHOWN = ((5, 5), (4, 5), (3, 5), (0, 5), (1, 2), (0, 5))


def table_two(attack: AttackedImages, *votes: tuple[int, int] | None) -> dict[str, AdversarialAccuracy]:
    """Table 2 of one arm by its set of images."""
    shown = arm("whole", *votes)
    found = adversarial_accuracy(attack, shown, draws=100, rng=np.random.default_rng(1))
    return {row.images: row for row in found}


def test_before_the_attack_only_images_that_were_not_chosen_for_being_right_have_an_interval() -> None:
    rows = table_two(ATTACK, *SIX_SHOWN, None, None, None)
    assert {name: row.before.share for name, row in rows.items()} == {
        "shown": 1.0,
        "attacked": 1.0,
        "categories": 8 / 9,
        "dataset": 0.9,
    }
    assert [name for name, row in rows.items() if row.before.interval is None] == ["shown", "attacked"]


def test_categories_without_any_image_wrong_at_the_start_are_measured_all_the_same() -> None:
    right = AttackedImages(
        classifier="alpha",
        attacked=np.ones(8, dtype=bool),
        correct_before=np.ones(8, dtype=bool),
        correct_in_float=np.zeros(8, dtype=bool),
        correct_in_file=np.zeros(8, dtype=bool),
        dataset=wilson_rate(8, 8),
    )
    rows = table_two(right, *[(5, 5)] * 8)
    assert rows["categories"].before.interval == wilson(8, 8)
    after = rows["attacked"].after
    assert not isinstance(after, Withheld)
    # That the attack turned every image is what it did, and no choice of ours.
    assert after.standard.interval == wilson(0, 8)


def test_after_the_attack_images_shown_because_they_flipped_have_no_interval_and_their_agreement_has() -> (
    None
):
    after = table_two(ATTACK, *SIX_SHOWN, None, None, None)["shown"].after
    assert not isinstance(after, Withheld)
    assert (after.standard.share, after.standard.interval) == (0.0, None)
    assert after.rectified_interval.low < after.rectified < after.rectified_interval.high


def test_flips_in_float_that_are_judged_in_the_file_are_measured() -> None:
    # Image 6 flips in float alone: of the seven shown one has its label again in the file.
    after = table_two(ATTACK, *SIX_SHOWN, (5, 5), None, None)["shown"].after
    assert not isinstance(after, Withheld)
    assert after.standard.share == 1 / 7
    assert after.standard.interval == wilson(1, 7)


@pytest.mark.django_db
def test_the_tables_of_a_study_print_no_interval_of_what_is_so_by_construction() -> None:
    report = compute_report(study=two_arm_study().study, mode=Mode.REAL).report
    found: Any = plain_rows(report.tables["adversarial_accuracy"])
    first = {row["images_of"]: row for row in found if row["arm"] == "whole"}
    shown, attacked = first["shown to people in this arm"], first["attacked"]
    assert (shown["accuracy_before"], shown["accuracy_before_interval"]) == (1.0, None)
    assert (shown["standard_top1_accuracy"], shown["standard_top1_accuracy_interval"]) == (0.0, None)
    assert attacked["accuracy_before_interval"] is None
    assert attacked["standard_top1_accuracy_interval"] == pytest.approx([*_ends(2, 8)])
    assert "only images that are mistaken after are shown" in report.tables["adversarial_accuracy"].note
    errors = report.tables["rectified_error"]
    for row in plain_rows(errors):  # type: ignore[union-attr]
        assert isinstance(row, dict)
        assert (row["standard_top1_error"], row["standard_top1_interval"]) == (1.0, None)
        assert row["rectified_top1_interval"] is not None
    assert "by construction" in errors.note


def test_over_the_steps_of_an_attack_the_start_has_no_interval() -> None:
    found = summarise(
        AttackOutcomes(
            steps=2,
            to_flip=np.array([1, 2, 3]),
            to_displayed_flip=np.array([2, 3, 3]),
            float_wrong=np.array([True, True, False]),
            displayed_wrong=np.array([True, False, False]),
        ),
        wrong_at_start=1,
        failed=0,
    )
    start, first, _ = found.curve
    assert (start.standing.share, start.standing.interval) == (1.0, None)
    assert (start.displayed_standing.share, start.displayed_standing.interval) == (1.0, None)
    assert first.standing.interval == wilson(2, 3)
    # No step has flipped an 8-bit picture yet: that is measured.
    assert (first.displayed_standing.share, first.displayed_standing.interval) == (1.0, wilson(3, 3))


def _ends(count: int, total: int) -> tuple[float, float]:
    interval = wilson(count, total)
    return interval.low, interval.high
