"""The pages over Django's client: nothing leaks, no GET writes, no cookie, strangers see nothing."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone
from PIL import Image as Picture

from studyapp.models import Answer, Mode, Presentation, Sitting, Stimulus, Study
from studyapp.protocol.schema import RecruitmentPlan
from studyapp.recruitment.link import create_link
from studyapp.views.participant_frame import sitting_token
from tests.studyapp_tests.factories import make_protocol, make_study, with_participants
from tests.studyapp_tests.participant.people import answer, arrive, let_lease_end, shown_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Iterator[Client]:
    """A client that shows whether any page sets a cookie."""
    client = Client(enforce_csrf_checks=True)
    yield client
    assert not client.cookies, f"cookies were set: {client.cookies}"


def _address(sitting: Sitting, step: str = "") -> str:
    return f"/sit/{sitting_token(sitting)}/{step}"


def _rows() -> dict[str, list[tuple[object, ...]]]:
    """Every row of the product, to see whether a request changed anything."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values_list())
        for model in apps.get_app_config("studyapp").get_models()
    }


def _hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None, f"{name} is not on the page"
    return found[1]


def test_a_whole_visit_needs_no_cookie_and_no_csrf_token(browser: Client) -> None:
    protocol = with_participants(make_protocol(), questions_per_sitting=2, practice_questions=1)
    study = make_study(practice=1, protocol=protocol)
    door = f"/join/{create_link(study=study, mode=Mode.REAL).token}/?participant=w1"
    page = browser.get(door).content.decode()
    screen = {"screen_width": "390", "screen_height": "844", "pixel_ratio": "3"}
    step = browser.post(door, {"visitor": _hidden(page, "visitor"), **screen})
    assert step.status_code == 303
    here = step["Location"]
    assert "What you will do" in browser.get(here).content.decode()
    browser.post(here + "begin/")
    assert "Practice 1 of 1" in browser.get(here).content.decode()
    feedback = browser.post(here + "practice/1/", {"value": "no"})["Location"]
    assert "we expected <b>Yes</b>" in browser.get(feedback).content.decode()
    browser.post(here + "practised/")
    for number in (1, 2):
        page = browser.get(here).content.decode()
        assert f"{number} of 2" in page
        browser.post(here + "served/", {"presentation": _hidden(page, "presentation")})
        form = {"presentation": _hidden(page, "presentation"), "attempt": "0", "value": "yes"}
        browser.post(here + "answer/", {**form, "active_seconds": "1.5", "idle_seconds": "0"})
    browser.post(here + "finish/", {"comment": "Fine."})
    sitting = Sitting.objects.get()
    assert sitting.completion_code in browser.get(here).content.decode()
    assert (sitting.screen_width, sitting.screen_height, sitting.pixel_ratio) == (390, 844, 3.0)
    counted = Answer.objects.filter(status=Answer.Status.COUNTED)
    assert [(a.value, a.active_seconds) for a in counted] == [("yes", 1.5)] * 2
    assert all(a.server_seconds is not None for a in counted)


def test_no_get_changes_a_row(browser: Client) -> None:
    protocol = with_participants(make_protocol(), practice_questions=1)
    study = make_study(practice=1, protocol=protocol, modes=(Mode.REAL, Mode.PILOT))
    real, preview = (create_link(study=study, mode=mode) for mode in (Mode.REAL, Mode.PREVIEW))
    invitation = create_link(study=study, mode=Mode.REAL, single_use=True)
    waiting = arrive(study, "practising")
    asked = arrive(study, "asked")
    Sitting.objects.filter(pk=asked.pk).update(state=Sitting.State.QUESTIONS)
    asked.refresh_from_db()
    answer(shown_to(asked))
    shown_to(asked)
    expired = arrive(study, "expired")
    Sitting.objects.filter(pk=expired.pk).update(state=Sitting.State.QUESTIONS)
    expired.refresh_from_db()
    let_lease_end(shown_to(expired))
    addresses = [
        f"/join/{real.token}/",
        f"/join/{real.token}/?participant=new",
        f"/join/{invitation.token}/",
        f"/join/{preview.token}/",
        f"/join/{preview.token}/first/",
        *(_address(sitting) for sitting in (waiting, asked, expired)),
        *(
            _address(asked, f"{step}/")
            for step in (
                "begin",
                "answer",
                "undo",
                "next",
                "stop",
                "finish",
                "withdraw",
                "served",
                "practised",
            )
        ),
        _address(waiting, "practice/1/"),
        f"/stimulus/{Stimulus.objects.all()[0].key}.png",
    ]
    before = _rows()
    for address in addresses:
        assert browser.get(address).status_code in (200, 303, 404)
        browser.head(address)
    assert _rows() == before


def test_a_page_says_nothing_of_dataset_label_classifier_or_file(browser: Client) -> None:
    study = make_study(questions=8)
    sitting = arrive(study)
    shown = shown_to(sitting)
    page = browser.get(_address(sitting)).content.decode()
    question = shown.question
    # What is asked about may stand there; everything else the database knows of the picture may not.
    for secret in (
        question.image.name,
        question.image.key,
        question.image.category.name,
        study.dataset.name,
        study.name,
        study.title,
        "toy",
        question.origin + '"',
    ):
        assert not re.search(rf"\b{re.escape(secret)}\b", page), secret
    assert "Picture to judge" in page
    assert f"/stimulus/{question.stimulus.key}.png" in page


def test_a_picture_is_lossless_cached_for_good_and_named_by_its_key_only(browser: Client) -> None:
    study = make_study(pictures=True)
    stimulus = Stimulus.objects.filter(study=study)[0]
    response = browser.get(f"/stimulus/{stimulus.key}.png")
    content = b"".join(response.streaming_content)
    assert Picture.open(io.BytesIO(content)).size == (224, 224)
    assert response["Content-Type"] == "image/png"
    assert "immutable" in response["Cache-Control"]
    assert response["Content-Disposition"] == f'inline; filename="{stimulus.key}.png"'


@pytest.mark.parametrize("key", ["unknown", "../../secret_key", "1"])
def test_a_guessed_picture_is_not_found(browser: Client, key: str) -> None:
    make_study(pictures=True)
    assert browser.get(f"/stimulus/{key}.png").status_code == 404


def test_a_changed_token_opens_nothing(browser: Client) -> None:
    sitting = arrive(make_study())
    token = sitting_token(sitting)
    for wrong in (sitting.key, token[:-1] + ("A" if token[-1] != "A" else "B"), str(sitting.pk)):
        response = browser.get(f"/sit/{wrong}/")
        assert response.status_code == 404
        assert "does not lead to a study" in response.content.decode()
        assert browser.post(f"/sit/{wrong}/withdraw/").status_code == 404
    sitting.refresh_from_db()
    assert sitting.state == Sitting.State.QUESTIONS


def test_one_participant_cannot_answer_for_another(browser: Client) -> None:
    study = make_study()
    mine, theirs = arrive(study, "me"), arrive(study, "them")
    other = shown_to(theirs)
    form = {"presentation": other.key, "attempt": "0", "value": "yes"}
    assert browser.post(_address(mine, "answer/"), form).status_code == 400
    assert browser.post(_address(mine, "undo/"), form).status_code == 303
    assert not Answer.objects.exists()


@pytest.mark.parametrize(
    "form", [{}, {"value": "maybe"}, {"value": "yes", "attempt": "x", "presentation": ""}]
)
def test_an_answer_that_is_not_whole_is_refused_in_words(browser: Client, form: dict[str, str]) -> None:
    sitting = arrive(make_study())
    shown = shown_to(sitting)
    response = browser.post(_address(sitting, "answer/"), {"presentation": shown.key, **form})
    assert response.status_code == 400
    assert "Nothing is lost" in response.content.decode()
    assert not Answer.objects.exists()


def test_only_the_sites_of_the_protocol_may_frame_the_pages(browser: Client) -> None:
    plain = make_study(protocol=make_protocol(name="plain"))
    framed_plan = RecruitmentPlan(frame_ancestors=("https://panel.example",))
    framed = make_study(protocol=make_protocol(name="framed", dataset="d2", recruitment=framed_plan))
    closed = browser.get(f"/join/{create_link(study=plain, mode=Mode.REAL).token}/")
    opened = browser.get(f"/join/{create_link(study=framed, mode=Mode.REAL).token}/")
    assert closed["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in closed["Content-Security-Policy"]
    assert "X-Frame-Options" not in opened
    assert "frame-ancestors https://panel.example" in opened["Content-Security-Policy"]
    for response in (closed, opened):
        assert "unsafe" not in response["Content-Security-Policy"]


def test_a_page_without_its_pictures_weighs_less_than_50_kilobytes(browser: Client) -> None:
    sitting = arrive(make_study())
    shown_to(sitting)
    page = browser.get(_address(sitting)).content
    parts = [Path(str(finders.find(f"studyapp/judge.{kind}"))) for kind in ("css", "js")]
    weight = len(page) + sum(part.stat().st_size for part in parts)
    assert weight < 50_000


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Study.State.DRAFT, "has not opened yet"),
        (Study.State.PAUSED, "is paused"),
        (Study.State.CLOSED, "has ended"),
    ],
)
def test_a_study_that_takes_nobody_says_why(browser: Client, state: str, words: str) -> None:
    link = create_link(study=make_study(state=state), mode=Mode.REAL)
    assert words in browser.get(f"/join/{link.token}/").content.decode()


def test_a_spent_invitation_says_so(browser: Client) -> None:
    link = create_link(study=make_study(), mode=Mode.REAL, single_use=True)
    door = f"/join/{link.token}/"
    form = {"visitor": _hidden(browser.get(door).content.decode(), "visitor")}
    here = browser.post(door, form)["Location"]
    assert "Welcome back" in browser.get(door).content.decode()
    assert browser.post(door, form)["Location"] == here
    Sitting.objects.update(state=Sitting.State.FINISHED)
    assert "has been used" in browser.get(door).content.decode()


def test_a_second_click_on_consent_without_an_id_is_one_person(browser: Client) -> None:
    door = f"/join/{create_link(study=make_study(), mode=Mode.REAL).token}/"
    form = {"visitor": _hidden(browser.get(door).content.decode(), "visitor")}
    assert browser.post(door, form)["Location"] == browser.post(door, form)["Location"]
    another = {"visitor": _hidden(browser.get(door).content.decode(), "visitor")}
    browser.post(door, another)
    assert Sitting.objects.count() == 2


def test_a_visitor_value_that_was_not_signed_here_is_refused(browser: Client) -> None:
    door = f"/join/{create_link(study=make_study(), mode=Mode.REAL).token}/"
    assert browser.post(door, {"visitor": "WyJsaW5rIiwiYSIsIiJd"}).status_code == 404
    assert not Sitting.objects.exists()


def test_coming_back_after_the_lease_offers_to_continue_and_shows_the_same_question(browser: Client) -> None:
    sitting = arrive(make_study())
    shown = shown_to(sitting)
    let_lease_end(shown)
    assert "Welcome back" in browser.get(_address(sitting)).content.decode()
    browser.post(_address(sitting, "next/"))
    assert f"/stimulus/{shown.question.stimulus.key}.png" in browser.get(_address(sitting)).content.decode()


def test_failing_the_practice_ends_kindly_with_a_code(browser: Client) -> None:
    protocol = with_participants(make_protocol(), practice_questions=2, practice_pass=2)
    sitting = arrive(make_study(practice=2, protocol=protocol))
    browser.post(_address(sitting, "practice/1/"), {"value": "no"})
    browser.post(_address(sitting, "practice/1/"), {"value": "yes"})  # a repeat changes nothing
    browser.post(_address(sitting, "practice/2/"), {"value": "yes"})
    browser.post(_address(sitting, "practised/"))
    sitting.refresh_from_db()
    assert (sitting.state, sitting.practice_right) == (Sitting.State.SCREENED_OUT, 1)
    page = browser.get(_address(sitting)).content.decode()
    assert "says nothing about you" in page
    assert sitting.completion_code in page
    assert not Presentation.objects.exists()


def test_withdrawing_asks_first(browser: Client) -> None:
    sitting = arrive(make_study())
    answer(shown_to(sitting))
    assert "cannot be undone" in browser.get(_address(sitting, "withdraw/")).content.decode()
    assert Answer.objects.get().status == Answer.Status.COUNTED
    browser.post(_address(sitting, "withdraw/"))
    assert Answer.objects.get().status == Answer.Status.WITHDRAWN
    assert "You have withdrawn" in browser.get(_address(sitting)).content.decode()


def test_the_first_served_time_is_kept(browser: Client) -> None:
    sitting = arrive(make_study())
    shown = shown_to(sitting)
    early = timezone.now() - timedelta(seconds=10)
    Presentation.objects.filter(pk=shown.pk).update(served_at=early)
    browser.post(_address(sitting, "served/"), {"presentation": shown.key})
    shown.refresh_from_db()
    assert shown.served_at == early


def test_a_preview_leads_to_a_question_without_a_way_to_submit(browser: Client) -> None:
    link = create_link(study=make_study(state=Study.State.DRAFT), mode=Mode.PREVIEW)
    page = browser.get(f"/join/{link.token}/first/").content.decode()
    assert page.count("disabled") == 2
    assert "/answer/" not in page
    assert browser.post(f"/join/{link.token}/", {"visitor": "x"}).status_code == 200
    assert not Sitting.objects.exists()
