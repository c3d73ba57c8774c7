"""The results of an assignment study: Table 3 from stored answers, and the pages that show it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from studyapp.exports.figures import Lines
from studyapp.exports.report import compute_report
from studyapp.exports.writing import plain_rows
from studyapp.models import Answer, Mode, Participant, Question, Study
from studyapp.protocol.schema import AssignmentQuestions
from tests.studyapp_tests.criticism.small import assignment_study, attribute_study
from tests.studyapp_tests.factories import make_researcher
from tests.studyapp_tests.results.small_study import NOON

pytestmark = pytest.mark.django_db


def rows(study: Study, table: str, mode: str = Mode.REAL) -> Any:
    """The rows of one table as the command prints them."""
    return plain_rows(compute_report(study=study, mode=mode).report.tables[table])


def answer(study: Study, person: Participant, arm: str, rights: list[bool], seconds: list[float]) -> None:
    """The person's answers to the first questions of an arm: right or the next group."""
    questions = Question.objects.filter(study=study, arm__name=arm, origin="study").order_by("pk")
    for place, (question, right, took) in enumerate(zip(questions, rights, seconds, strict=False)):
        number = int(question.parameters["right"])
        Answer.objects.create(
            question=question,
            participant=person,
            value=str(number if right else number % 6 + 1),
            order=place,
            answered_at=NOON + timedelta(minutes=person.pk * 100 + question.pk),
            active_seconds=took,
        )


@pytest.fixture
def study() -> Study:
    """Three trials in two arms; person 0 is quick once, person 1 slow once."""
    made = assignment_study(questions=AssignmentQuestions(trials=3, near_duplicate=1.0))
    first, second = (Participant.objects.create(pseudonym=f"person-{i}") for i in range(2))
    answer(made, first, "six", [True, True, False], [30.0, 19.0, 60.0])
    answer(made, first, "mixed", [False, False, False], [30.0, 30.0, 30.0])
    answer(made, second, "six", [True, True, True], [180.0, 181.0, 60.0])
    answer(made, second, "mixed", [True, False, False], [30.0, 30.0, 30.0])
    return made


def test_table_three_stands_within_the_window_and_unfiltered(study: Study) -> None:
    six, mixed = rows(study, "assignment_success")
    assert (six["arm"], six["method"], six["prototypes"], six["criticisms"]) == ("six", "mmd-critic", 6, 0)
    assert (mixed["prototypes"], mixed["criticisms"]) == (3, 3)
    assert (six["right"], six["answers"], six["all_right"], six["all_answers"]) == (3, 4, 5, 6)
    assert six["success_rate"] == 0.75
    assert (mixed["right"], mixed["answers"], mixed["all_answers"]) == (1, 6, 6)
    assert six["chance"] == pytest.approx(1 / 6)
    # Ten answers are too few for a model, and the table says so.
    assert "fewer than" in six["withheld"]["modelled_success"]["reason"]


def test_the_contrast_is_the_exact_test_within_people(study: Study) -> None:
    (found,) = rows(study, "assignment_contrasts")
    assert (found["first"], found["second"], found["informative"]) == ("six", "mixed", 2)
    assert found["difference"] == pytest.approx(3 / 4 - 1 / 6)
    # Person 0: 1 of 2 against 0 of 3; person 1: 2 of 2 against 1 of 3. As far out as 3: both ways to be
    # extreme are exchanges with sums 0 or 3 around a mean of 0.4 + 1.2 = 1.6; only 3 and 0 (1.4, 1.6) count.
    # P(3) = 2/5 * P(X1 = 2) with X1 of 3 right among 5, 2 drawn: 3/10. P(0) = 3/5 * 1/10.
    assert found["permutation_p"] == pytest.approx(2 / 5 * 3 / 10 + 3 / 5 * 1 / 10)


def test_success_by_category_person_and_time_adds_up(study: Study) -> None:
    for table in ("assignment_categories", "assignment_people", "assignment_over_time"):
        found = rows(study, table)
        assert sum(row["answers"] for row in found) == 10
        assert sum(row["right"] for row in found) == 4
    people = {row["participant"]: (row["right"], row["answers"]) for row in rows(study, "assignment_people")}
    assert people == {"person-0": (1, 5), "person-1": (3, 5)}
    seconds = {row["seconds"]: (row["answers"], row["kept"]) for row in rows(study, "assignment_seconds")}
    assert seconds["0–20"] == (1, 0)
    assert seconds["180–200"] == (2, 1)


def test_references_are_named_and_what_the_answers_can_separate_is_said(study: Study) -> None:
    table = compute_report(study=study, mode=Mode.REAL).report.tables["assignment_success"]
    assert "References, no results of this study" in table.note
    assert "55.02" in table.note
    assert "20 to 180 s" in table.note
    assert "4 answers a condition" in table.note
    assert "would need about 9,300" in table.note


def test_the_plan_says_before_launch_what_its_answers_can_separate(study: Study) -> None:
    # Three trials of two answers in each of two arms.
    (note,) = study.notes
    assert note.startswith("6 answers a condition can not separate")
    assert "would need about 9,300" in note


def test_the_page_has_table_and_figures_and_no_rule(study: Study) -> None:
    client = Client()
    client.force_login(make_researcher())
    page = client.get(f"/studies/{study.name}/results/").content.decode()
    assert 'id="figure-assignment_success"' in page
    assert 'id="figure-assignment_seconds"' in page
    assert 'id="figure-assignment_over_time"' in page
    assert "<dt>Rule</dt>" not in page
    assert "Success per condition" in page
    assert client.get(f"/studies/{study.name}/results/figures/assignment_success.svg").status_code == 200
    assert client.get(f"/studies/{study.name}/questions/").status_code == 200


def test_the_line_over_time_stands_at_the_places_of_the_trials_with_chance(study: Study) -> None:
    report = compute_report(study=study, mode=Mode.REAL).report
    figure = next(each for each in report.figures() if each.name == "assignment_over_time")
    rows_of = report.tables["assignment_over_time"].rows
    assert isinstance(figure.content, Lines)
    assert figure.content.null == pytest.approx(1 / 6)
    first, last = str(rows_of[0][0]).split("\u2013")
    assert figure.content.lines[0].points[0][0] == (int(first) + int(last)) / 2
    assert len(figure.content.lines[0].points) == len(rows_of)


def test_the_histogram_of_times_follows_the_window() -> None:
    made = assignment_study(
        questions=AssignmentQuestions(
            trials=3, near_duplicate=1.0, seconds_at_least=2.0, seconds_at_most=30.0
        )
    )
    person = Participant.objects.create(pseudonym="person")
    answer(made, person, "six", [True, True, True], [1.0, 12.0, 75.0])
    found = {row["seconds"]: (row["answers"], row["kept"]) for row in rows(made, "assignment_seconds")}
    assert (found["0\u20135"], found["10\u201315"], found["60"]) == ((1, 0), (1, 1), (1, 0))
    assert len(found) == 13


def test_without_answers_every_cell_says_so(study: Study) -> None:
    six, _ = rows(study, "assignment_success", Mode.REHEARSAL)
    assert (six["answers"], six["success_rate"]) == (0, None)
    (contrast,) = rows(study, "assignment_contrasts", Mode.REHEARSAL)
    assert (contrast["difference"], contrast["permutation_p"]) == (None, None)
    assert rows(study, "assignment_people", Mode.REHEARSAL) == []


def test_an_audit_has_its_facts_and_no_verdicts() -> None:
    study = attribute_study()
    facts = rows(study, "study")
    assert facts["questions"] == Question.objects.filter(study=study, origin="study").count()
    assert facts["answers"] == 0
    assert rows(study, "rectified_error") == []
