"""What participants of assignment studies and audits get, over HTTP: nothing leaks, nothing is lost."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from django.test import Client

from studyapp.models import Answer, Mode, Presentation, Question, QuestionSlots, Sitting, Stimulus, Study
from studyapp.recruitment.link import create_link
from studyapp.services.criticism.boards import board_of
from studyapp.services.participation.answers import AnswerRefused, undo_answer
from studyapp.services.refusals import Refused
from studyapp.services.studies.reviews import review_stimulus
from tests.studyapp_tests.criticism.small import (
    CHANCE,
    SIX,
    THREE_AND_THREE,
    assignment_study,
    attribute_study,
)
from tests.studyapp_tests.participant.people import answer, arrive, shown_to

pytestmark = pytest.mark.django_db

STIMULUS = re.compile(r'src="/stimulus/([^"]+)\.png"')


def _enter(client: Client, study: Study, *, mode: str = Mode.REAL) -> str:
    """Consent; returns the sitting's address, at its instructions."""
    door = f"/join/{create_link(study=study, mode=mode).token}/"
    page = client.get(door).content.decode()
    visitor = re.search(r'name="visitor" value="([^"]+)"', page)
    assert visitor is not None
    return str(client.post(door, {"visitor": visitor[1]})["Location"])


def _hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


def _shown(page: str) -> Question:
    presentation = re.search(r'data-presentation="([^"]+)"', page)
    assert presentation is not None
    return Presentation.objects.get(key=presentation[1]).question


def test_a_page_shows_the_stored_groups_in_their_order_under_neutral_names(client: Client) -> None:
    study = assignment_study(arms=(THREE_AND_THREE,), pictures=True)
    address = _enter(client, study)
    client.post(f"{address}begin/")
    page = client.get(address).content.decode()
    question = _shown(page)
    board = board_of(question.parameters)
    in_order = [picture.key for _, pictures in board.groups for picture in pictures]
    assert STIMULUS.findall(page) == [question.stimulus.key, *in_order]
    alts = re.findall(r'alt="([^"]+)"', page)
    assert alts[0] == "Target picture"
    assert alts[1:7] == [
        *(f"Group 1, picture {place}" for place in (1, 2, 3)),
        *(f"Group 1, picture {place}, untypical" for place in (4, 5, 6)),
    ]
    assert re.findall(r'name="value" value="(\w+)"', page) == ["1", "2", "3", "4", "5", "6"]
    assert re.findall(r'data-key="(\w)"', page) == ["1", "2", "3", "4", "5", "6"]


def test_nothing_in_a_page_or_a_picture_says_which_group_is_right(client: Client) -> None:
    study = assignment_study(pictures=True)
    address = _enter(client, study)
    instructions = client.get(address).content.decode()
    client.post(f"{address}begin/")
    response = client.get(address)
    page = response.content.decode()
    question = _shown(page)
    names = set(study.dataset.class_list.categories.values_list("name", flat=True))
    images = set(study.dataset.images.values_list("name", flat=True))
    for text in (instructions, page):
        assert not [name for name in names if re.search(rf"\b{name}\b", text)]
        assert not [name for name in images if name in text]
        assert "mmd" not in text
        assert "trial" not in text
    # The page is the same but for the order of groups whichever group is right.
    for field in ("right", "category", "expected"):
        assert field not in re.sub(r'name="expected" value="[^"]*"', "", page)
    picture = client.get(f"/stimulus/{question.stimulus.key}.png")
    assert set(picture.headers) <= {
        *("Content-Type", "Content-Length", "Content-Disposition", "Cache-Control"),
        *("Cross-Origin-Resource-Policy", "X-Frame-Options", "X-Content-Type-Options"),
        *("Referrer-Policy", "Cross-Origin-Opener-Policy", "Content-Security-Policy"),
    }
    assert not response.cookies
    assert len(response.content) < 25_000


def test_the_right_answers_are_in_every_place_and_not_always_where_the_target_was_drawn() -> None:
    from studyapp.protocol.schema import AssignmentQuestions

    study = assignment_study(questions=AssignmentQuestions(trials=60, near_duplicate=1.0))
    places = Counter(board_of(each.parameters).right for each in study.questions.all())
    assert set(places) == {1, 2, 3, 4, 5, 6}
    assert max(places.values()) < 2.5 * min(places.values()) + 10


def test_a_participant_never_sees_a_target_twice_whatever_the_arm() -> None:
    study = assignment_study(arms=(SIX, THREE_AND_THREE, CHANCE), arm_order="within", questions_per_sitting=8)
    sitting = arrive(study)
    targets: list[int] = []
    arms: Counter[str] = Counter()
    for _ in range(8):
        presentation = shown_to(sitting)
        targets.append(presentation.question.image_id)
        arms[presentation.question.arm.name] += 1
        answer(presentation, "2")
    assert len(set(targets)) == 8
    assert max(arms.values()) - min(arms.values()) <= 2, "conditions are balanced within the person"


def test_between_participants_everybody_stays_in_one_condition() -> None:
    study = assignment_study(arm_order="between")
    seen = []
    for person in ("p1", "p2", "p3", "p4"):
        sitting = arrive(study, person)
        names = set()
        for _ in range(4):
            presentation = shown_to(sitting)
            names.add(presentation.question.arm.name)
            answer(presentation, "1")
        seen.append(names)
    assert [len(names) for names in seen] == [1, 1, 1, 1]
    assert Counter(name for names in seen for name in names) == {"six": 2, "mixed": 2}


def test_only_a_group_that_is_shown_can_be_chosen() -> None:
    sitting = arrive(assignment_study())
    presentation = shown_to(sitting)
    for value in ("7", "0", "", "1,2", "ant"):
        with pytest.raises(AnswerRefused):
            answer(presentation, value)
    assert answer(presentation, "6").value == "6"
    assert Answer.objects.get().wording == "Which group does this picture belong to?"


def test_practice_says_which_group_is_right_and_explains_what_is_untypical(client: Client) -> None:
    study = assignment_study(arms=(THREE_AND_THREE,), practice_questions=1, pictures=True)
    address = _enter(client, study)
    assert "marked as untypical" in client.get(address).content.decode()
    client.post(f"{address}begin/")
    page = client.get(address).content.decode()
    assert "Practice 1 of 1" in page
    right = Question.objects.get(study=study, origin="practice").expected
    wrong = str(int(right) % 6 + 1)
    feedback = client.post(f"{address}practice/1/", {"value": wrong}, follow=True).content.decode()
    assert f"we expected <b>group {right}</b>" in feedback
    assert "they are its exceptions" in feedback
    assert f"Group {right} · they belong together" in feedback
    assert f"Group {wrong} · your answer" in feedback
    assert Sitting.objects.get().practice_right == 0


def test_without_criticisms_nothing_speaks_of_them(client: Client) -> None:
    address = _enter(client, assignment_study(arms=(SIX,), pictures=True))
    assert "untypical" not in client.get(address).content.decode()
    client.post(f"{address}begin/")
    assert "untypical" not in client.get(address).content.decode()


def test_several_attributes_are_stored_in_the_protocols_order(client: Client) -> None:
    study = attribute_study(pictures=True)
    address = _enter(client, study)
    client.post(f"{address}begin/")
    page = client.get(address).content.decode()
    assert re.findall(r'data-key="(\w)"', page) == ["1", "2", "3", "N", "C"]
    hidden = _hidden(page)
    client.post(f"{address}answer/", {**hidden, "value": ["grass", "a person"]})
    assert Answer.objects.get().value == "a person,grass"


@pytest.mark.parametrize(
    "sent",
    [
        ["none", "grass"],
        ["cannot_tell", "none"],
        ["none,grass"],
        ["snow"],
        [],
        [""],
        ["grass", "snow"],
        ["grass,"],
    ],
)
def test_what_excludes_itself_or_is_not_offered_is_refused(client: Client, sent: list[str]) -> None:
    study = attribute_study(pictures=True)
    address = _enter(client, study)
    client.post(f"{address}begin/")
    hidden = _hidden(client.get(address).content.decode())
    response = client.post(f"{address}answer/", {**hidden, "value": sent})
    assert response.status_code == 400
    assert not Answer.objects.exists()


@pytest.mark.parametrize("value", ["none", "cannot_tell", "grass", "a person,an animal_outside,grass"])
def test_every_choice_that_makes_sense_is_taken(value: str) -> None:
    assert answer(shown_to(arrive(attribute_study())), value).value == value


def test_an_audits_page_does_not_tell_the_group(client: Client) -> None:
    study = attribute_study(pictures=True)
    address = _enter(client, study)
    client.post(f"{address}begin/")
    page = client.get(address).content.decode()
    for word in ("prototype", "criticism", "training", "cat", "mmd"):
        assert not re.search(rf"\b{word}s?\b", page), word


def test_undo_takes_back_several_attributes_too() -> None:
    sitting = arrive(attribute_study())
    presentation = shown_to(sitting)
    answer(presentation, "grass,a person")
    assert undo_answer(presentation=presentation)
    answer(shown_to(sitting), "none")
    assert sorted(Answer.objects.values_list("value", "status")) == [
        ("a person,grass", "superseded"),
        ("none", "counted"),
    ]


def test_a_held_back_picture_of_a_group_takes_its_trials_along_in_every_arm_and_gives_them_back() -> None:
    study = assignment_study()
    trials_of: dict[str, set[int]] = {}
    for each in study.questions.all():
        for _, pictures in board_of(each.parameters).groups:
            for shown in pictures:
                trials_of.setdefault(shown.key, set()).add(each.parameters["trial"])
    # Which categories stand in which trials is drawn: take a picture that is in the fewest.
    key = min(trials_of, key=lambda key: len(trials_of[key]))
    picture, affected = study.stimuli.get(key=key), trials_of[key]
    review_stimulus(stimulus=picture, actor="alice", approve=False, reason="blurred")
    shut = QuestionSlots.objects.filter(study=study, open=False)
    assert {slots.question.parameters["trial"] for slots in shut} == affected
    assert shut.count() == 2 * len(affected), "in both arms"
    target = Stimulus.objects.filter(study=study, variant="", review="held_back").first()
    assert target is not None
    assert target.review_reason == "Beside it stands a picture that is held back: blurred"

    with pytest.raises(Refused, match="beside it are held back"):
        review_stimulus(stimulus=target, actor="alice", approve=True)

    another = study.stimuli.filter(variant="group", image__category=picture.image.category).exclude(
        pk=picture.pk
    )[0]
    review_stimulus(stimulus=another, actor="alice", approve=False, reason="dark")
    review_stimulus(stimulus=picture, actor="alice", approve=True)
    still = set(QuestionSlots.objects.filter(study=study, open=False).values_list("question", flat=True))
    assert still, "the other picture is still held back"
    review_stimulus(stimulus=another, actor="alice", approve=True)
    assert not QuestionSlots.objects.filter(study=study, open=False).exists()
    assert not study.stimuli.filter(review="held_back").exists()


def test_a_strangers_key_opens_nothing_but_its_picture(client: Client) -> None:
    study = assignment_study(pictures=True)
    address = _enter(client, study)
    client.post(f"{address}begin/")
    mine = _hidden(client.get(address).content.decode())
    other = Client()
    foreign = _enter(other, study)
    other.post(f"{foreign}begin/")
    response = other.post(f"{foreign}answer/", {**mine, "value": "1"})
    assert response.status_code == 400
    assert not Answer.objects.exists()
    assert other.get(f"/studies/{study.name}/").status_code in (302, 404)
