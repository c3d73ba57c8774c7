"""What researchers see of assignment studies and audits: sizes, plan, progress, pictures to review."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from studyapp.models import Mode, Study
from studyapp.services.studies.quality import participants_of, qualities
from studyapp.services.studies.watching import progress_of
from tests.studyapp_tests.criticism.small import (
    SIX,
    THREE_AND_THREE,
    assignment_study,
    attribute_study,
    make_animals,
    select_for,
)
from tests.studyapp_tests.factories import make_researcher
from tests.studyapp_tests.participant.people import answer, arrive, shown_to
from tests.studyapp_tests.studies.small import make_classifier

pytestmark = pytest.mark.django_db

TEXT = """\
name = "drawn"
title = "Drawn"
kind = "prototype_assignment"
dataset = "animals"
classifiers = ["toy"]

[questions]
trials = 8
near_duplicate = 1.0

[answers]
required = 5

[[arm]]
name = "six"
method = "mmd_critic"

[[arm]]
name = "mixed"
method = "mmd_critic"
prototypes = 3
criticisms = 3

[participants]
practice_questions = 1
"""


@pytest.fixture
def researcher(client: Client) -> Client:
    client.force_login(make_researcher())
    return client


def test_a_new_study_is_counted_before_it_is_made(researcher: Client) -> None:
    dataset, classifier = make_animals(each=36)
    select_for(dataset, classifier, (SIX, THREE_AND_THREE))
    form = {"text": TEXT, "dataset": "animals", "classifier": ["toy"], "do": "count"}
    page = researcher.post("/studies/new/", form).content.decode()
    numbers = dict(re.findall(r"<dt>([^<]+)</dt><dd>([\d ]+)</dd>", page))
    assert (numbers["Questions"], numbers["Answers"]) == ("16", "80")
    assert "1 of 6" in page
    assert "six: mmd_critic, 6 + 0; mixed: mmd_critic, 3 + 3" in page
    assert not Study.objects.exists()


def test_a_missing_selection_is_told_on_the_page_with_its_command(researcher: Client) -> None:
    make_animals()
    form = {"text": TEXT, "dataset": "animals", "classifier": ["toy"], "do": "create"}
    response = researcher.post("/studies/new/", form)
    assert response.status_code == 422
    assert "select_examples animals toy --method mmd_critic --prototypes 6" in response.content.decode()


def test_the_pages_of_a_study_without_verdicts_speak_of_none(researcher: Client) -> None:
    study = assignment_study(pictures=True)
    for person in ("p1", "p2"):
        sitting = arrive(study, person)
        for _ in range(4):
            answer(shown_to(sitting), "1")
    page = researcher.get(f"/studies/{study.name}/").content.decode()
    assert "<dt>Complete</dt>" in page
    for word in ("Agreed", "Rejected", "Agreement so far"):
        assert f"<dt>{word}" not in page
    assert "target of a prototype-assignment trial" in page
    progress = progress_of([study], mode=Mode.REAL)[study.pk]
    assert (progress.answers, progress.wanted, progress.questions) == (8, 32, 16)
    assert progress.decided == progress.complete
    assert progress.agreement is None
    assert researcher.get("/studies/").status_code == 200
    assert researcher.get(f"/studies/{study.name}/participants/").status_code == 200


def test_the_share_of_right_groups_is_told_of_every_participant() -> None:
    study = assignment_study()
    sitting = arrive(study)
    for number in range(4):
        presentation = shown_to(sitting)
        right = presentation.question.parameters["right"]
        answer(presentation, right if number else str(int(right) % 6 + 1))
    [person] = qualities(study, mode=Mode.REAL, rows=participants_of(study, mode=Mode.REAL))
    assert (person.answers, person.positive, person.alike) == (4, 0.75, None)


def test_what_is_seen_is_neither_right_nor_positive() -> None:
    study = attribute_study()
    answer(shown_to(arrive(study)), "grass")
    [person] = qualities(study, mode=Mode.REAL, rows=participants_of(study, mode=Mode.REAL))
    assert (person.positive, person.alike) == (None, None)


def test_the_pictures_of_the_groups_are_reviewed_with_the_targets(researcher: Client) -> None:
    study = assignment_study(pictures=True)
    page = researcher.get(f"/studies/{study.name}/stimuli/").content.decode()
    assert "shown in groups" in page
    everything = "".join(
        researcher.get(f"/studies/{study.name}/stimuli/?page={number}").content.decode()
        for number in (1, 2, 3)
    )
    assert "target of trial 1" in everything
    picture = study.stimuli.filter(variant="group")[0]
    response = researcher.post(
        f"/studies/{study.name}/stimuli/{picture.key}/review/",
        {"decision": "hold_back", "reason": "blurred"},
    )
    assert response.status_code == 302
    assert study.stimuli.filter(variant="", review="held_back").exists()


def test_an_audit_is_shown_with_its_attributes(researcher: Client) -> None:
    study = attribute_study(pictures=True)
    page = researcher.get(f"/studies/{study.name}/").content.decode()
    assert "a person, an animal_outside, grass" in page
    assert "3 people each; 2 must see an attribute" in page
    assert "what can be seen in an image of a group" in page


@pytest.mark.parametrize("path", ["", "stimuli/", "participants/"])
def test_a_stranger_sees_none_of_it(client: Client, path: str) -> None:
    study = assignment_study()
    response = client.get(f"/studies/{study.name}/{path}")
    assert response.status_code in (302, 404)
    assert "animals" not in response.content.decode()


def test_a_protocol_of_one_classifier_proposes_one(researcher: Client) -> None:
    dataset, _ = make_animals()
    make_classifier("another", dataset, {})
    page = researcher.get("/studies/new/?protocol=model-criticism.toml&dataset=animals").content.decode()
    assert re.findall(r'name="classifier" value="(\w+)" checked', page) == ["another"]
    page = researcher.get("/studies/new/?protocol=misclassification.toml&dataset=animals").content.decode()
    assert re.findall(r'name="classifier" value="(\w+)" checked', page) == ["another", "toy"]
