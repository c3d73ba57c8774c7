"""Requests that no page of ours makes: they are answered in words, never by a server error."""

from __future__ import annotations

import pytest
from django.test import Client

from studyapp.models import Answer, Mode, Sitting
from studyapp.recruitment.link import create_link
from studyapp.services.participation.sittings import stop_here
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
def test_a_nul_in_a_form_is_refused_and_nothing_is_stored(client: Client, field: str) -> None:
    sitting = arrive(make_study())
    shown = shown_to(sitting)
    form = {"presentation": shown.key, "value": "yes", "attempt": "0", "active_seconds": "1", "expected": ""}
    refused = client.post(_address(sitting, "answer/"), form | {field: f"{form[field]}\0"})
    assert refused.status_code == 400
    assert "form of this request has a NUL" in refused.content.decode()
    assert not Answer.objects.exists()
    assert client.post(_address(sitting, "answer/"), form).status_code == 303


def test_a_nul_in_a_comment_is_refused_and_the_sitting_waits_for_another(client: Client) -> None:
    sitting = arrive(make_study())
    answer(shown_to(sitting))
    stop_here(sitting=sitting)
    assert client.post(_address(sitting, "finish/"), {"comment": "a\0b"}).status_code == 400
    assert client.post(_address(sitting, "finish/"), {"comment": "a b"}).status_code == 303
    sitting.refresh_from_db()
    assert (sitting.state, sitting.comment) == (Sitting.State.FINISHED, "a b")


def test_a_nul_in_an_address_leads_nowhere_and_in_a_query_is_refused(client: Client) -> None:
    study = make_study()
    link, sitting = create_link(study=study, mode=Mode.REAL), arrive(study)
    for address in ("/join/%00/", f"/join/{link.token}%00/", "/stimulus/%00.png", "/sit/%00/"):
        assert client.get(address).status_code == 404
    for address in (f"/join/{link.token}/?PROLIFIC_PID=a%00b", f"{_address(sitting)}?told=%00"):
        assert client.get(address).status_code == 400
