"""Exclusions declared in the protocol, worked out by hand on the small study.

Person i took 2 + i seconds for every answer and, in the order of the votes, is the first to say yes: person
4 gives the only wrong gold answer and 11 of the 57 answers.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from studyapp.exports.report import compute_report
from studyapp.exports.writing import plain_rows
from studyapp.models import Mode, Study
from studyapp.protocol.canonical import canonical_json, canonical_sha256
from studyapp.protocol.schema import Exclusion
from tests.studyapp_tests.results.small_study import small_protocol, small_study

pytestmark = pytest.mark.django_db

SLOW = Exclusion(measure="seconds", above=5.5, reason="Away from the screen.")
GUESSING = Exclusion(measure="gold_accuracy", below=0.6, reason="Guessing.")
HURRIED = Exclusion(measure="median_seconds", below=2.5, reason="Hurried.")


def tables(*exclusions: Exclusion) -> Any:
    """Every table of the small study under a protocol with these exclusions."""
    small = small_study()
    canonical = canonical_json(replace(small_protocol(), exclusions=exclusions))
    Study.objects.filter(pk=small.study.pk).update(
        protocol=json.loads(canonical), protocol_sha256=canonical_sha256(canonical)
    )
    small.study.refresh_from_db()
    report = compute_report(study=small.study, mode=Mode.REAL).report
    return {name: plain_rows(table) for name, table in report.tables.items()}


@pytest.mark.parametrize("exclusion", [SLOW, GUESSING])
def test_the_filtered_error_is_counted_from_what_is_left(exclusion: Exclusion) -> None:
    alpha, beta = tables(exclusion)["filtered_error"]
    # Without person 4: (3,4), (4,5), (7,8) have 4 of 4; (5,6) has 3 of 4, so its fifth answer decides.
    assert (alpha["unfiltered_top1_error"], alpha["rectified_top1_error"]) == (2 / 8, 2 / 8)
    assert (alpha["undecided"], alpha["coverage"]) == (1, 4 / 5)
    assert alpha["rectified_top1_bounds"] == [1 / 8, 2 / 8]
    assert (beta["undecided"], beta["rectified_top1_bounds"]) == (2, [0.0, 2 / 8])


def test_a_hurried_participant_goes_with_all_answers() -> None:
    alpha, _ = tables(HURRIED)["filtered_error"]
    # Without person 0, who said yes wherever anybody did: (4,5) has 3 of 4, (5,6) 2 of 4.
    assert (alpha["unfiltered_top1_error"], alpha["rectified_top1_error"]) == (2 / 8, 3 / 8)
    assert (alpha["undecided"], alpha["rectified_top1_bounds"]) == (1, [2 / 8, 3 / 8])


def test_the_headline_is_of_all_answers_and_every_exclusion_is_counted_and_named() -> None:
    found = tables(SLOW, HURRIED)
    assert found["rectified_error"][0]["rectified_top1_error"] == 2 / 8
    counted = [(row["measure"], row["answers"], row["participants"]) for row in found["exclusions"]]
    # Person 0 answered all 12 questions; person 4 all but the one with two answers.
    assert counted == [("seconds", 11, 1), ("median_seconds", 12, 1), ("all together", 23, 2)]
    assert [row["reason"] for row in found["exclusions"]] == ["Away from the screen.", "Hurried.", ""]


def test_a_bound_itself_is_not_left_out() -> None:
    at_the_bounds = Exclusion(measure="seconds", below=2.0, above=6.0, reason="Nobody.")
    (seconds, together) = tables(at_the_bounds)["exclusions"]
    assert (seconds["answers"], together["participants"]) == (0, 0)


def test_without_exclusions_nothing_is_filtered() -> None:
    found = tables()
    assert (found["filtered_error"], found["exclusions"]) == ([], [])
