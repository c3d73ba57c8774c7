"""From rows to tables where something is unusual: samples by group, other images, few answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

from studyapp.exports.report import compute_report
from studyapp.exports.writing import plain_rows
from studyapp.models import (
    Answer,
    Arm,
    Mode,
    Participant,
    Prediction,
    Question,
    QuestionUse,
    Study,
    StudyClassifier,
)
from studyapp.protocol.canonical import canonical_json, canonical_sha256
from studyapp.protocol.questions import RelevanceQuestions, Top5Questions
from studyapp.protocol.schema import AnalysisPlan, AnswersRule, Protocol
from studyapp.services.refusals import Refused
from tests.studyapp_tests.factories import make_dataset, make_protocol
from tests.studyapp_tests.results.small_study import small_protocol, small_study
from tests.studyapp_tests.studies.small import built, make_classifier

pytestmark = pytest.mark.django_db

WRONG = {0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 10: 11 % 10, 11: 2}
ONE = AnswersRule(required=1, agreement=1)


def rows(study: Study, table: str, mode: str = Mode.REAL) -> Any:
    return plain_rows(compute_report(study=study, mode=mode).report.tables[table])


def say(question: Question, value: str, people: int = 1) -> None:
    for number in range(people):
        person, _ = Participant.objects.get_or_create(pseudonym=f"reviewer-{number}")
        Answer.objects.create(question=question, participant=person, value=value, order=number + 1)


def sampled(stratum: Any, sample: int, hierarchy: str | None = None, folder: Path | None = None) -> Study:
    """20 images, image i of class i % 10; 8 mistakes, of classes 0 0 1 1 2 3 4 5."""
    make_classifier("toy", make_dataset(images=20), WRONG)
    questions = RelevanceQuestions(
        controls=0, review_sample=sample, review_stratum=stratum, hierarchy=hierarchy
    )
    protocol = make_protocol(questions=questions, answers=ONE)
    return built(replace(protocol, analysis=AnalysisPlan(draws=200)), folder)


def by_stored_weights(study: Study) -> float:
    """The estimate from the rows alone: the sum of the weights of what is not accepted, over N."""
    uses = QuestionUse.objects.filter(question__study=study, role=QuestionUse.Role.MISTAKE)
    wrong = uses.exclude(question__answers__value="yes")
    return sum(wrong.values_list("weight", flat=True)) / 20


def test_a_sample_by_group_weighs_as_its_stored_draw_also_outside_the_hierarchy(tmp_path: Path) -> None:
    # Group "none" is a name like any other: classes 2-5 are in no group.
    (tmp_path / "groups.csv").write_text("category,group\nant,none\nbee,pets\n")
    study = sampled("group", 1, "groups.csv", tmp_path)
    stored = {
        (use.stratum, use.weight)
        for use in QuestionUse.objects.filter(question__study=study, role=QuestionUse.Role.MISTAKE)
    }
    assert stored == {("group:", 4.0), ("group:none", 2.0), ("group:pets", 2.0)}
    for question in Question.objects.filter(study=study):
        say(question, "yes" if question.image.category.name == "bee" else "no")
    (row,) = rows(study, "rectified_error")
    # The one drawn of "pets" speaks for its two mistakes: (4 + 2) / 20 remain.
    assert row["rectified_top1_error"] == pytest.approx(6 / 20)
    assert row["rectified_top1_error"] == pytest.approx(by_stored_weights(study))
    assert (row["not_drawn"], row["undecided"], row["coverage"]) == (5, 0, 1.0)


def test_long_group_names_that_begin_alike_are_two_strata(tmp_path: Path) -> None:
    long = "animals of the sea that live below one thousand metres and "
    (tmp_path / "groups.csv").write_text(
        "category,group\n"
        + "".join(f"{name},{long}{name in ('ant', 'bee')}\n" for name in ("ant", "bee"))
        + "".join(f"{name},{long}glow\n" for name in ("cat", "dog", "eel", "fox"))
    )
    study = sampled("group", 1, "groups.csv", tmp_path)
    assert QuestionUse.objects.filter(question__study=study).count() == 2
    for question in Question.objects.filter(study=study):
        say(question, "no")
    (row,) = rows(study, "rectified_error")
    assert (row["rectified_top1_error"], row["unasked"]) == (pytest.approx(8 / 20), 0)


def test_a_sample_by_category_weighs_as_its_stored_draw() -> None:
    study = sampled("category", 1)
    for question in Question.objects.filter(study=study):
        say(question, "yes" if question.image.category.name in ("ant", "cat") else "no")
    (row,) = rows(study, "rectified_error")
    # ant: 2 mistakes, one drawn and accepted; cat: 1; the other five classes' mistakes (2 + 1 + 1 + 1) stay.
    assert row["rectified_top1_error"] == pytest.approx(5 / 20)
    assert row["rectified_top1_error"] == pytest.approx(by_stored_weights(study))


def test_as_many_predictions_of_other_images_are_refused() -> None:
    small = small_study()
    runs = [use.run for use in StudyClassifier.objects.filter(study=small.study).order_by("position")]
    first, last = small.study.dataset.images.order_by("pk")[0], small.study.dataset.images.order_by("pk")[7]
    Prediction.objects.filter(run=runs[0], image=first).delete()
    Prediction.objects.filter(run=runs[1], image=last).delete()
    with pytest.raises(ValueError, match="beta and alpha have predictions of different images"):
        compute_report(study=small.study, mode=Mode.REAL)


def test_single_yes_answers_take_nothing_off_in_the_participants_interval_either() -> None:
    votes = {(3, 4): (1, 1), (4, 5): (1, 1), (5, 6): (1, 1), (6, 7): (0, 5), (7, 8): (5, 5)}
    alpha, _ = rows(small_study(votes=votes).study, "rectified_error")
    # (7,8) is agreed whoever is left out; three questions with one yes each are undecided and stay errors.
    assert (alpha["rectified_top1_error"], alpha["undecided"]) == (4 / 8, 3)
    assert alpha["leave_one_out_range"] == [4 / 8, 4 / 8]
    assert alpha["participants_interval"] == [4 / 8, 4 / 8]


def under(protocol: Protocol, votes: dict[tuple[int, int], tuple[int, int]]) -> Study:
    """The small study with these votes under another protocol."""
    small = small_study(votes=votes)
    canonical = canonical_json(protocol)
    Study.objects.filter(pk=small.study.pk).update(
        protocol=json.loads(canonical), protocol_sha256=canonical_sha256(canonical)
    )
    small.study.refresh_from_db()
    return small.study


@pytest.mark.parametrize(("minimum", "undecided", "error"), [(3, 0, 4 / 8), (4, 1, 5 / 8)])
def test_a_share_is_judged_from_as_many_answers_as_the_protocol_says(
    minimum: int, undecided: int, error: float
) -> None:
    votes = {(3, 4): (3, 3), (4, 5): (0, 5), (5, 6): (0, 5), (6, 7): (0, 5), (7, 8): (0, 5), (6, 8): (0, 5)}
    plan = AnalysisPlan(incomplete="proportion", minimum_answers=minimum, draws=200)
    alpha, _ = rows(under(replace(small_protocol(), analysis=plan), votes), "rectified_error")
    assert (alpha["undecided"], alpha["rectified_top1_error"]) == (undecided, error)


@pytest.mark.parametrize("rule", ["dawid_skene", "gold_calibrated"])
def test_a_posterior_rule_leaves_everything_undecided_before_the_first_answer(rule: Any) -> None:
    plan = AnalysisPlan(rule=rule, draws=200)
    unanswered = {(3, 4): (0, 0), (7, 8): (0, 0)}
    alpha, beta = rows(under(replace(small_protocol(), analysis=plan), unanswered), "rectified_error")
    assert (alpha["undecided"], beta["undecided"]) == (2, 1)
    assert (alpha["rectified_top1_error"], beta["rectified_top1_error"]) == (5 / 8, 3 / 8)


def test_a_calibrated_rule_without_golden_items_says_so_on_the_page_and_in_the_command(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.force_login(get_user_model().objects.create_user("alice", is_staff=True))
    plan = AnalysisPlan(rule="gold_calibrated", draws=200)
    study = under(replace(small_protocol(), analysis=plan), {(3, 4): (5, 5), (7, 8): (0, 5)})
    alpha, _ = rows(study, "rectified_error")
    assert (alpha["undecided"], alpha["coverage"]) == (2, 0.0)
    said = "Nothing is decided by the rule gold_calibrated: no golden questions. Golden items come in with"
    assert said in client.get(f"/studies/{study.name}/results/").content.decode()
    assert client.get(f"/studies/{study.name}/questions/").status_code == 200
    call_command("results", study.name)
    assert said in " ".join(capsys.readouterr().out.split())


def test_a_level_that_no_interval_would_have_is_refused() -> None:
    make_classifier("toy", make_dataset(images=10), {0: 7})
    with pytest.raises(Refused, match=r"confidence = 0.9: every interval is printed at 0.95"):
        built(replace(make_protocol(), analysis=AnalysisPlan(confidence=0.9)))


def test_three_classes_asked_one_by_one_can_all_be_rejected() -> None:
    dataset = make_dataset(images=6, classes=("ant", "bee", "cat"))
    make_classifier("toy", dataset, {0: 1, 4: 2})
    questions = Top5Questions(controls=0, top5_question="per_class", top5_variant="A")
    study = built(replace(make_protocol(questions=questions, answers=ONE), analysis=AnalysisPlan(draws=200)))
    assert Arm.objects.get(study=study).questions.count() == 6
    for question in Question.objects.filter(study=study):
        say(question, "yes" if question.image.name.endswith("/4.png") else "no")
    (row,) = rows(study, "top5_error")[:1]
    assert (row["variant"], row["undecided"], row["coverage"]) == ("A", 0, 1.0)
    assert row["rectified_top5_error"] == pytest.approx(1 / 6)


def test_the_true_label_stands_beside_a_list_too() -> None:
    make_classifier("toy", make_dataset(images=10), {0: 7, 9: 1})
    questions = Top5Questions(controls=0, ask_true_label=True, top5_variant="A")
    study = built(replace(make_protocol(questions=questions, answers=ONE), analysis=AnalysisPlan(draws=200)))
    for question in Question.objects.filter(study=study):
        listed = bool(question.labels)
        say(question, "yes" if listed == question.image.name.endswith("/9.png") else "no")
    found = {row["agreed_with"]: row["mistakes"] for row in rows(study, "true_label")}
    # Image 9: the list and not the label; image 0: the label and not the list.
    assert found == {"both": 0, "prediction only": 1, "dataset only": 1, "neither": 0, "undecided": 0}
