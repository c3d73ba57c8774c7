"""Exports of assignment studies and audits: groups, right answers and what was chosen, row by row."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from studyapp.exports.judged import JudgedQuestions
from studyapp.exports.listings import LISTINGS
from studyapp.exports.question_listing import COLUMNS, question_rows
from studyapp.models import Answer, Mode, Question, QuestionSlots, Study
from studyapp.services.answer_import.importing import import_answers
from studyapp.services.criticism.boards import board_of
from studyapp.services.participation.sittings import answer_practice, leave_practice
from studyapp.services.plans import protocol_of
from studyapp.services.refusals import Refused
from tests.studyapp_tests.criticism.small import assignment_study, attribute_study
from tests.studyapp_tests.participant.people import answer, arrive, shown_to

pytestmark = pytest.mark.django_db


def _questions(study: Study) -> list[dict[str, str]]:
    """The rows of questions.csv, by column; studies without verdicts have no judged questions."""
    none = np.array([], dtype=np.int64)
    judged = JudgedQuestions(none, none, none, none, none.astype(bool))
    names = [name for column in COLUMNS for name in column.csv_names]
    return [dict(zip(names, map(str, row), strict=True)) for row in question_rows(study, judged, Mode.REAL)]


def _listed(study: Study, file: str) -> list[dict[str, str]]:
    listing = next(each for each in LISTINGS if each.path == file)
    names = [name for column in listing.columns for name in column.csv_names]
    return [dict(zip(names, map(str, row), strict=True)) for row in listing.rows(study, Mode.REAL)]


def test_questions_csv_holds_the_groups_the_right_answer_and_the_chosen_groups() -> None:
    study = assignment_study(practice_questions=1, questions_per_sitting=8)
    for person, value in (("p1", "2"), ("p2", "5")):
        sitting = arrive(study, person)
        answer_practice(sitting=sitting, number=0, value="1")
        sitting.refresh_from_db()
        leave_practice(sitting=sitting)
        for _ in range(8):
            answer(shown_to(sitting), value)
    rows = _questions(study)
    questions = {each.key: each for each in study.questions.select_related("image")}
    names = dict(study.dataset.class_list.categories.values_list("pk", "name"))
    assert len(rows) == len(questions) == 18
    total: dict[str, int] = {}
    for row in rows:
        question = questions[row["question"]]
        board = board_of(question.parameters)
        assert row["trial"] == question.parameters["trial"]
        assert row["groups"].split("; ") == [names[category] for category, _ in board.groups]
        assert row["groups"].split("; ")[int(row["right"]) - 1] == row["dataset_label"]
        shown = [[picture.key for picture in pictures] for _, pictures in board.groups]
        assert json.loads(row["pictures"]) == shown
        if row["origin"] == Question.Origin.STUDY:
            assert len(json.loads(row["untypical"])) == (18 if row["arm"] == "mixed" else 0)
            for group, many in json.loads(row["chosen"]).items():
                total[group] = total.get(group, 0) + many
    assert total == {"2": 8, "5": 8}
    answers = _listed(study, "answers.csv")
    assert sorted({row["value"] for row in answers if row["status"] == "counted"}) == ["2", "5"]
    uses = _listed(study, "question_uses.csv")
    assert {row["role"] for row in uses} == {"assignment", "practice"}


def test_an_audits_rows_name_the_groups_of_every_image_and_count_its_attributes() -> None:
    study = attribute_study()
    required = protocol_of(study).answers.required
    for person in ("p1", "p2", "p3"):
        sitting = arrive(study, person)
        for _ in range(5):
            answer(shown_to(sitting), "grass,a person")
    rows = _questions(study)
    seen = [json.loads(row["chosen"]) for row in rows]
    assert sum(each.get("grass", 0) for each in seen) == 15
    assert all(each.get("grass", 0) == each.get("a person", 0) <= required for each in seen)
    assert {row["right"] for row in rows} == {""}
    uses = _listed(study, "question_uses.csv")
    assert {row["stratum"] for row in uses} == {"prototypes", "criticisms", "training"}


def _file(folder: Path, *lines: str) -> Path:
    path = folder / "answers.csv"
    path.write_text("\n".join(("question,participant,answer,seconds", *lines)) + "\n")
    return path


def test_answers_collected_elsewhere_are_imported_by_the_questions_key_once(tmp_path: Path) -> None:
    study = assignment_study()
    first, second = (each.key for each in study.questions.order_by("pk")[:2])
    path = _file(
        tmp_path, f"{first},ann,3,25.5", f"{first},bob,4,", f"{first},cid,1,12", f"{second},ann,6,300"
    )
    summary = import_answers(study=study, path=path, actor="alice")
    assert (summary.imported, summary.counted, summary.surplus, summary.questions) == (4, 3, 1, 2)
    slots = QuestionSlots.objects.get(question__key=first)
    assert (slots.counted, slots.taken, slots.open, slots.positive) == (2, 2, False, 0)
    ann = Answer.objects.get(question__key=first, value="3")
    assert (ann.origin, ann.active_seconds) == ("imported", 25.5)
    assert ann.wording == "Which group does this picture belong to?"
    again = import_answers(study=study, path=path, actor="alice")
    assert (again.imported, again.repeated) == (0, 4)
    assert Answer.objects.count() == 4


def test_several_attributes_are_imported_in_the_protocols_order(tmp_path: Path) -> None:
    study = attribute_study()
    key = study.questions.order_by("pk")[0].key
    import_answers(study=study, path=_file(tmp_path, f'{key},ann,"grass,a person",'), actor="alice")
    assert Answer.objects.get().value == "a person,grass"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("nothing,ann,1,",), "line 2: study assign has no question 'nothing'"),
        (("KEY,ann,7,",), "line 2: answer '7' is not offered; the answers are 1, 2, 3, 4, 5, 6"),
        (("KEY,ann,,",), "line 2: answer '' is not offered"),
        (("KEY,,1,",), "line 2: the participant is empty"),
        (("KEY,ann,1,soon",), "line 2: seconds 'soon' is no number"),
        (("KEY,ann,1,-2",), "line 2: seconds '-2' is no number"),
        (("KEY,ann,1,", "KEY,ann,2,"), "line 3: participant ann answers '2', and something else"),
    ],
)
def test_a_malformed_file_imports_nothing(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    study = assignment_study()
    key = study.questions.order_by("pk")[0].key
    path = _file(tmp_path, *(line.replace("KEY", key) for line in lines))
    with pytest.raises(Refused, match=re.escape(said)):
        import_answers(study=study, path=path, actor="alice")
    assert not Answer.objects.exists()
