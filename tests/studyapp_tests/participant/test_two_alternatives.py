"""Two alternatives: the page does not say which class the dataset has, and a side stores its class."""

from __future__ import annotations

import re

import numpy as np
import pytest
from django.test import Client

from studyapp.management.rehearsal.pages import read_page
from studyapp.management.rehearsal.plan import ensure_plan
from studyapp.models import Answer, Question, Sitting
from studyapp.protocol.schema import RelevanceQuestions
from studyapp.views.participant_frame import sitting_token
from tests.studyapp_tests.factories import make_protocol, make_study, with_answers
from tests.studyapp_tests.participant.people import arrive, shown_to

pytestmark = pytest.mark.django_db


def _address(sitting: Sitting, step: str = "") -> str:
    return f"/sit/{sitting_token(sitting)}/{step}"


def _two_alternative_sitting() -> Sitting:
    """Somebody before one question: bee is predicted, ant is the dataset's label."""
    protocol = make_protocol(questions=RelevanceQuestions(form="two_alternative", wording="Which?"))
    values = ("predicted", "true", "both", "neither")
    study = make_study(
        questions=1, protocol=with_answers(protocol, values=values, positive=("predicted", "both"))
    )
    question = Question.objects.get()
    question.labels, question.label = [question.label_id, question.image.category_id], None
    question.save()
    return arrive(study)


def test_two_alternatives_do_not_say_in_the_page_which_is_the_dataset_s(client: Client) -> None:
    sitting = _two_alternative_sitting()
    shown_to(sitting)
    page = client.get(_address(sitting)).content.decode()
    assert not re.search(r"\b(predicted|true)\b", page.replace('aria-hidden="true"', ""))


@pytest.mark.parametrize("positive_first", [True, False])
@pytest.mark.parametrize(("side", "name"), [("left", 0), ("right", 1)])
def test_pressing_a_side_stores_the_class_that_stood_there(
    client: Client, side: str, name: int, positive_first: bool
) -> None:
    sitting = _two_alternative_sitting()
    Sitting.objects.update(positive_first=positive_first)
    shown = shown_to(sitting)
    buttons = re.findall(
        r'value="(left|right|both|neither)".*?>(\w+) <kbd', client.get(_address(sitting)).content.decode()
    )
    stood = dict(buttons)
    assert list(stood) == ["left", "right", "both", "neither"]
    client.post(_address(sitting, "answer/"), {"presentation": shown.key, "value": side, "attempt": "0"})
    named = {"bee": "predicted", "ant": "true"}
    assert (
        Answer.objects.get().value
        == named[stood[side]]
        == (("predicted", "true") if positive_first else ("true", "predicted"))[name]
    )


@pytest.mark.parametrize("positive_first", [True, False])
def test_a_simulated_participant_knows_the_predicted_class_by_its_name(
    client: Client, positive_first: bool
) -> None:
    sitting = _two_alternative_sitting()
    Sitting.objects.update(positive_first=positive_first)
    shown_to(sitting)
    plan = ensure_plan(study=sitting.study, planted={}, error_rate=0.0, rng=np.random.default_rng(1))
    page = read_page(client.get(_address(sitting)).content.decode())
    form = page.asking()
    assert form is not None
    assert page.sight() in plan.sights
    meant = {button.text: plan.means(page.sight(), button) for button in form.buttons}
    assert meant == {"bee": "predicted", "ant": "true", "Both": "both", "Neither": "neither"}
