"""Requests that no page of ours makes: they are answered in words, never by a server error."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from studyapp.models import Mode, Sitting
from studyapp.recruitment.link import create_link
from studyapp.services.sittings import stop_here
from studyapp.views.participant_frame import sitting_token
from tests.studyapp_tests.factories import make_study
from tests.studyapp_tests.participant.people import answer, arrive, shown_to

pytestmark = pytest.mark.django_db


def _address(sitting: Sitting, step: str = "") -> str:
    return f"/sit/{sitting_token(sitting)}/{step}"


def test_a_negative_attempt_is_an_answer_like_any_other(client: Client) -> None:
    sitting = arrive(make_study())
    shown = shown_to(sitting)
    form = {"presentation": shown.key, "value": "yes", "attempt": "-1"}
    assert client.post(_address(sitting, "answer/"), form).status_code == 303


@pytest.mark.parametrize("field", ["presentation", "expected", "value", "attempt", "active_seconds"])
def test_a_nul_byte_in_a_form_is_no_server_error(client: Client, field: str) -> None:
    sitting = arrive(make_study())
    shown = shown_to(sitting)
    form = {"presentation": shown.key, "value": "yes", "attempt": "0", "active_seconds": "1", "expected": ""}
    assert client.post(_address(sitting, "answer/"), form | {field: "\0"}).status_code < 500


def test_a_nul_byte_in_a_comment_is_no_server_error(client: Client) -> None:
    sitting = arrive(make_study())
    answer(shown_to(sitting))
    stop_here(sitting=sitting)
    assert client.post(_address(sitting, "finish/"), {"comment": "a\0b"}).status_code == 303
    sitting.refresh_from_db()
    assert sitting.state == Sitting.State.FINISHED


def test_a_nul_byte_in_an_address_is_no_server_error(client: Client) -> None:
    link = create_link(study=make_study(), mode=Mode.REAL)
    assert client.get("/join/%00/").status_code == 404
    assert client.get("/stimulus/%00.png").status_code == 404
    door = f"/join/{link.token}/?PROLIFIC_PID=a%00b&SESSION_ID=c%00d"
    page = client.get(door).content.decode()
    found = re.search(r'name="visitor" value="([^"]*)"', page)
    assert found
    assert client.post(door, {"visitor": found[1]}).status_code == 303
