"""Pictures that a reviewer holds back: shown to nobody, in the practice, as an example, in a preview."""

from __future__ import annotations

import pytest
from django.test import Client

from studyapp.models import Mode, Question, Sitting, Stimulus
from studyapp.protocol.schema import RelevanceQuestions
from studyapp.recruitment.link import create_link
from studyapp.services.participation.sittings import answer_practice, leave_practice, practice_questions
from studyapp.services.participation.wording import shown_question
from tests.studyapp_tests.factories import make_protocol, make_study, with_participants
from tests.studyapp_tests.participant.people import arrive

pytestmark = pytest.mark.django_db


def test_a_held_back_practice_picture_is_not_shown() -> None:
    protocol = with_participants(make_protocol(), practice_questions=2, practice_pass=2)
    study = make_study(practice=3, protocol=protocol)
    sitting = arrive(study)
    first = practice_questions(sitting)[0]
    _hold_back(first)
    assert first not in practice_questions(sitting)
    assert len(practice_questions(sitting)) == 2


def test_a_held_back_picture_is_not_previewed(client: Client) -> None:
    study = make_study()
    link = create_link(study=study, mode=Mode.PREVIEW)
    first = Question.objects.order_by("pk")[0]
    _hold_back(first)
    assert first.stimulus.key not in client.get(f"/join/{link.token}/first/").content.decode()


def test_a_pass_mark_that_held_back_pictures_put_out_of_reach_asks_for_all_that_are_left() -> None:
    protocol = with_participants(make_protocol(), practice_questions=2, practice_pass=2)
    study = make_study(practice=2, protocol=protocol)
    good, bad = arrive(study, "good"), arrive(study, "bad")
    _hold_back(practice_questions(good)[0])
    for sitting, value in ((good, "yes"), (bad, "no")):
        answer_practice(sitting=sitting, number=0, value=value)
        sitting.refresh_from_db()
        leave_practice(sitting=sitting)
    assert (good.state, bad.state) == (Sitting.State.QUESTIONS, Sitting.State.SCREENED_OUT)


def test_a_held_back_example_is_left_out() -> None:
    study = make_study(protocol=make_protocol(questions=RelevanceQuestions(class_help="examples")))
    question, first, second = Question.objects.order_by("pk")[:3]
    question.parameters = {"examples": [first.stimulus.key, second.stimulus.key]}
    _hold_back(first)
    shown = shown_question(question=question, study=study, positive_first=True)
    assert shown.examples == (second.stimulus.key,)


def _hold_back(question: Question) -> None:
    Stimulus.objects.filter(pk=question.stimulus_id).update(review=Stimulus.Review.HELD_BACK)
