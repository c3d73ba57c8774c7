"""Exactly N for groups and attributes: many people at once on two server processes, doing it all wrong."""

from __future__ import annotations

import random
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db.models import Count, Sum

from studyapp.models import Answer, Mode, QuestionSlots, Study
from studyapp.protocol.schema import AnswersRule, AssignmentQuestions
from studyapp.recruitment.link import create_link
from studyapp.services.participation.choosing import chosen_values
from tests.studyapp_tests.criticism.small import assignment_study, attribute_study
from tests.studyapp_tests.participant.servers import Server, database_url, web_server
from tests.studyapp_tests.participant.visits import Page, Visit

PEOPLE = 8


def _visit(server: Server, door: str, number: int, values: tuple[str, ...]) -> None:
    """One person: answers, sends every third answer twice at once, undoes every fifth."""
    chance = random.Random(number)
    tab = Visit(server.url)
    page = tab.get(f"{door}?participant=p{number}")
    if "visitor" not in page.text:
        return
    page = tab.submit(page, door)
    page = tab.submit(page, "/begin/") if "What you will do" in page.text else page
    for step in range(60):
        if 'id="picture"' not in page.text:
            break
        page = _react(tab, server, page, chance.choice(values), step)
    tab.close()


def _react(tab: Visit, server: Server, page: Page, value: str, step: int) -> Page:
    if step % 3 == 2:
        other = Visit(server.url)
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(each.submit, page, "/answer/", value=value) for each in (tab, other)]
            after, _ = [each.result() for each in both]
        other.close()
        return after
    after = tab.submit(page, "/answer/", value=value)
    if step % 5 == 4 and any(form.action.endswith("/undo/") for form in after.forms):
        return tab.submit(after, "/undo/")
    return after


def _run(study: Study, values: tuple[str, ...]) -> None:
    door = f"/join/{create_link(study=study, mode=Mode.REAL).token}/"
    with (
        web_server(database=database_url()) as first,
        web_server(database=database_url()) as second,
        ThreadPoolExecutor(PEOPLE) as pool,
    ):
        visits = [
            pool.submit(_visit, (first, second)[number % 2], door, number, values) for number in range(PEOPLE)
        ]
        for visit in visits:
            visit.result(timeout=240)


def _exactly(study: Study) -> Counter[int]:
    counted = Answer.objects.filter(question__study=study, status=Answer.Status.COUNTED)
    doubled = counted.values("question", "participant").annotate(n=Count("pk")).filter(n__gt=1)
    assert not doubled.exists(), "nobody counts twice"
    per_question = Counter(counted.values_list("question", flat=True))
    for slots in QuestionSlots.objects.filter(study=study):
        assert per_question[slots.question_id] == slots.counted <= slots.required
    totals = QuestionSlots.objects.filter(study=study).aggregate(Sum("counted"))
    assert totals["counted__sum"] == counted.count()
    return per_question


@pytest.mark.django_db(transaction=True)
def test_no_trial_gets_more_answers_than_asked_and_nobody_sees_a_target_twice() -> None:
    study = assignment_study(
        questions=AssignmentQuestions(trials=6, near_duplicate=1.0),
        answers=AnswersRule(required=3, agreement=1),
        arm_order="within",
        questions_per_sitting=6,
    )
    _run(study, ("1", "2", "6"))
    per_question = _exactly(study)
    assert sum(per_question.values()) == 6 * 2 * 3, "every slot is filled and none twice"
    looks = Answer.objects.filter(status="counted").values("participant", "question__image")
    assert not looks.annotate(n=Count("pk")).filter(n__gt=1).exists()


@pytest.mark.django_db(transaction=True)
def test_no_picture_gets_more_answers_than_asked_and_every_stored_one_makes_sense() -> None:
    study = attribute_study(questions_per_sitting=20)
    _run(study, ("grass,a person", "none", "cannot_tell", "an animal_outside"))
    per_question = _exactly(study)
    assert set(per_question.values()) == {3}
    for value in Answer.objects.values_list("value", flat=True):
        chosen = chosen_values(value)
        assert len(chosen) == 1 or not {"none", "cannot_tell"} & set(chosen)
        assert re.fullmatch(r"a person,grass|none|cannot_tell|an animal_outside", value)
