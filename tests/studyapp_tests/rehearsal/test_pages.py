"""Reading participant pages as a browser does, from the templates that participants get."""

from __future__ import annotations

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from studyapp.management.rehearsal.habits import HABITS, habit_at
from studyapp.management.rehearsal.pages import Button, Sight, read_page, sight_of
from studyapp.management.rehearsal.plan import ensure_plan
from studyapp.models import Mode
from studyapp.recruitment.link import create_link
from tests.studyapp_tests.rehearsal.studies import PLANTED, two_classifier_study

QUESTION = """
<main data-judge data-served="/sit/t.s/served/" data-presentation="p1">
<details><summary>?</summary><a href="/sit/t.s/withdraw/">Withdraw</a></details>
<img id="picture" src="/stimulus/k.png" alt="Picture to judge"><img src="/stimulus/other.png" alt="">
<h1 class="sentence">Is class <strong>rock &amp; roll</strong> relevant?</h1>
<form method="post" action="/sit/t.s/answer/"><input type="hidden" name="presentation" value="p1">
<input type="hidden" name="attempt" value="0">
<button type="submit" name="value" value="yes">Yes <kbd>Y</kbd></button>
<button type="submit" name="value" value="no" disabled>No <kbd>N</kbd></button></form>
<form method="post" action="/sit/t.s/undo/"><input type="hidden" name="presentation" value="p0">
<button type="submit">Undo last answer</button></form></main>
"""


def test_a_question_is_read_as_a_person_sees_it() -> None:
    page = read_page(QUESTION)
    assert page.sight() == Sight("/stimulus/k.png", ("rock & roll",))
    assert (page.served, page.presentation) == ("/sit/t.s/served/", "p1")
    form = page.asking()
    assert form is not None
    assert dict(form.fields) == {"presentation": "p1", "attempt": "0"}
    assert page.form("undo") is not None
    assert page.form("finish") is None


def test_a_disabled_button_cannot_be_pressed_and_a_key_is_no_part_of_the_text() -> None:
    form = read_page(QUESTION).asking()
    assert form is not None
    assert form.buttons == (Button("yes", "Yes"),)


def test_a_numbered_practice_step_is_known_by_its_word() -> None:
    page = read_page('<form method="post" action="/sit/t.s/practice/12/"></form>')
    assert [form.step for form in page.forms] == ["practice"]
    assert page.asking() is page.forms[0]


def test_a_list_of_classes_is_seen_in_its_order() -> None:
    page = read_page(
        '<img id="picture" src="/p.png"><h1>Any of these?<strong></strong></h1>'
        "<ul><li><strong>cat</strong></li><li><strong>ant</strong></li></ul>"
    )
    assert page.sight() == Sight("/p.png", ("cat", "ant"))


def test_two_alternatives_are_the_same_sight_whichever_side_they_are_on() -> None:
    forward = sight_of("/p.png", (), ["cat", "dog"])
    backward = sight_of("/p.png", (), ["dog", "cat"])
    assert forward == backward == Sight("/p.png", ("cat", "dog"))


def test_every_habit_happens_within_a_few_people() -> None:
    seen = {habit_at(person=person, answered=answered) for person in range(7) for answered in range(15)}
    assert set(HABITS) <= seen


@pytest.mark.django_db
def test_every_question_that_a_page_shows_is_in_the_plan(client: Client) -> None:
    """The truth is keyed by what is seen, so the served page must lead to it."""
    study = two_classifier_study()
    plan = ensure_plan(study=study, planted=PLANTED, error_rate=0.0, rng=np.random.default_rng(1))
    link = create_link(study=study, mode=Mode.REHEARSAL)
    join = reverse("participant:join", args=[link.token])
    page = read_page(client.get(join).content.decode())
    consent = next(form for form in page.forms if "visitor" in form.fields)
    reply = client.post(join, dict(consent.fields), follow=True)
    begin = read_page(reply.content.decode()).form("begin")
    assert begin is not None
    page = read_page(client.post(begin.action, follow=True).content.decode())
    assert page.asking() is not None
    assert page.sight() in plan.sights
