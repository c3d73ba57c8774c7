"""A NUL character, which PostgreSQL keeps in no text, is refused on every page before a look-up."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address",
    [
        "/studies/%00/",
        "/studies/%00/questions/x/",
        "/datasets/a%00b/",
        "/images/%00.png",
        "/examples/%00/%00/",
        "/pairs/%00/",
        "/probes/%00/",
        "/probes/colour/%00/",
        "/probes/shift/%00/",
        "/classifiers/%00/",
        "/admin/studyapp/study/%00/change/",
        "/admin/gallery/attack/%00/",
    ],
)
def test_an_address_with_a_nul_leads_nowhere(alice: Client, address: str) -> None:
    assert alice.get(address).status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/studies/?q=%00",
        "/probes/?kind=%00",
        "/probes/texture/?set=%00",
        "/probes/texture/?o=a&o=%00",
        "/jobs/?%00=1",
        "/admin/studyapp/study/?q=%00",
        "/admin/studyapp/study/?name__exact=%00",
    ],
)
def test_a_query_with_a_nul_is_refused_in_words(alice: Client, address: str) -> None:
    response = alice.get(address)
    assert response.status_code == 400
    assert response.content == (
        b"The query of this request has a NUL character, which no text here can hold. Take it out."
    )


def test_a_form_with_a_nul_is_refused_and_a_file_with_one_is_not(alice: Client) -> None:
    form = {"text": "", "dataset": "\0", "classifier": "toy", "do": "count"}
    assert alice.post("/studies/new/", form).status_code == 400
    upload = SimpleUploadedFile("plan.toml", b"name = 1\0")
    read = alice.post("/studies/new/", form | {"dataset": "eight", "upload": upload})
    assert read.status_code == 422, "the page itself says what is wrong with the protocol"


def test_a_cookie_with_a_nul_is_refused(client: Client) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = "long enough\0"
    assert client.get("/studies/").status_code == 400


def test_a_form_that_another_site_sends_is_refused_before_it_is_read() -> None:
    refused = Client(enforce_csrf_checks=True).post("/studies/new/", {"dataset": "\0"})
    assert refused.status_code == 403
