"""What researchers see of a study of attacked images: sizes, arms, shortages, pictures to review."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import pytest
from django.test import Client

from studyapp.models import AttackRun, Mode, Question, Stimulus
from studyapp.services.participation.slots import ensure_slots
from studyapp.services.studies.arm_standings import arm_standings
from studyapp.views.participant_frame import sitting_token
from tests.studyapp_tests.adversarial.attacked import ARMS, built, protocol_of_halves, protocol_text
from tests.studyapp_tests.explanations.halves import make_halves
from tests.studyapp_tests.factories import make_researcher
from tests.studyapp_tests.participant.people import answer, arrive, shown_to

pytestmark = pytest.mark.django_db

WHOLE_AND_EXPLAINED = ARMS.partition('[[arm]]\nname = "random"')[0]
IN_ORDER = """
[participants]
arm_order = "in_order"
washout_days = 3
one_look = false

[answers]
required = 1
agreement = 1
"""


@pytest.fixture
def researcher(client: Client) -> Client:
    client.force_login(make_researcher())
    return client


def _page(client: Client, address: str) -> str:
    return unescape(client.get(address).content.decode())


def test_the_new_study_is_counted_before_it_is_made(attack: AttackRun, researcher: Client) -> None:
    page = researcher.post("/studies/new/", {"text": protocol_text(), "do": "count", "dataset": "halves"})
    text = unescape(page.content.decode())
    assert page.status_code == 200
    assert "label of an adversarial image" in text
    assert ">48<" in text, "six arms of eight images"
    assert ">240<" in text, "five answers each"
    assert "every attacked image that fools the classifier" in text


def test_the_new_study_names_every_missing_command_in_a_line_of_its_own(
    tmp_path: Path, researcher: Client
) -> None:
    make_halves(tmp_path)
    page = researcher.post("/studies/new/", {"text": protocol_text(), "do": "count", "dataset": "halves"})
    text = unescape(page.content.decode())
    assert page.status_code == 422
    assert "<li>halves has not been attacked" in text
    assert "<li>Then its pictures are explained by" in text


def test_the_studys_page_says_what_each_arm_shows_and_how_far_it_is(
    attack: AttackRun, researcher: Client
) -> None:
    study = built(protocol_of_halves(arms=WHOLE_AND_EXPLAINED, more=IN_ORDER))
    ensure_slots(study=study, mode=Mode.PILOT)
    person = arrive(study, "a", mode=Mode.PILOT)
    answer(shown_to(person))
    whole, explained = arm_standings(study, mode=Mode.PILOT)
    assert (whole.questions, whole.answers, whole.wanted, whole.sittings) == (8, 1, 8, 1)
    assert (whole.waits, explained.waits) == (False, True)
    page = _page(researcher, f"/studies/{study.name}/?mode=pilot")
    assert "whole attacked picture; the adversarial label" in page
    assert (
        "explanation of the attacked picture (lime, adversarial class, at most 4 superpixels, the rest black)"
        in page
    )
    assert "not open yet" in page
    assert f"/attacks/{attack.pk}/" in page
    assert "3 days" in page


def test_what_came_out_smaller_stands_on_the_studys_page(attack: AttackRun, researcher: Client) -> None:
    study = built(protocol_of_halves(questions="[questions]\nsample = 50\nfoil_ranks = [2, 3]\n"))
    assert "sample of 50 images wanted, 8 are there" in _page(researcher, f"/studies/{study.name}/")


def test_the_review_tells_what_each_picture_is_and_filters_by_arm(
    attack: AttackRun, researcher: Client
) -> None:
    study = built(protocol_of_halves())
    every = _page(researcher, f"/studies/{study.name}/stimuli/")
    assert "random superpixels of the attacked picture" in every
    assert "explained, foil" in every, "one picture, two arms"
    clean = _page(researcher, f"/studies/{study.name}/stimuli/?arm=clean")
    keys = set(Stimulus.objects.filter(questions__arm__name="clean").values_list("key", flat=True))
    assert {key for key in Stimulus.objects.values_list("key", flat=True) if f"s-{key}" in clean} == keys
    assert len(keys) == 8


def test_a_questions_page_says_what_was_shown(attack: AttackRun, researcher: Client) -> None:
    study = built(protocol_of_halves())
    question = Question.objects.filter(study=study, arm__name="truth").earliest("pk")
    page = _page(researcher, f"/studies/{study.name}/questions/{question.key}/")
    assert (
        "explanation of the attacked picture (lime, true class, at most 2 superpixels, the rest black)"
        in page
    )


def test_a_participants_page_gives_away_neither_arm_nor_label_nor_classifier(
    attack: AttackRun, client: Client
) -> None:
    study = built(protocol_of_halves(arms=WHOLE_AND_EXPLAINED))
    for name in ("a", "b"):
        sitting = arrive(study, name, mode=Mode.PILOT)
        page = client.get(f"/sit/{sitting_token(sitting)}/").content.decode()
        question = shown_to(sitting).question
        assert question.stimulus.key in page
        for word in ("explained", "whole", "adversarial", "compare", "attack", question.image.name):
            assert word not in page
