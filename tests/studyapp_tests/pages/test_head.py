"""HEAD is answered with the headers of GET and nothing else."""

from __future__ import annotations

import io

import pytest
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from studyapp.head_requests import HeadMiddleware


def page() -> HttpResponseBase:
    return HttpResponse(b"words", headers={"Content-Length": "5"})


def picture() -> HttpResponseBase:
    return FileResponse(io.BytesIO(b"12345"), content_type="image/png")


def body(response: HttpResponseBase) -> bytes:
    return b"".join(response)  # type: ignore[arg-type]  # both kinds are iterables of bytes


@pytest.mark.parametrize("made", [page, picture])
def test_the_head_alone_has_the_headers_and_no_body(made: type[HttpResponseBase]) -> None:
    answered = HeadMiddleware(lambda _: made())
    whole, head = answered(RequestFactory().get("/")), answered(RequestFactory().head("/"))
    assert body(head) == b""
    assert len(body(whole)) == 5
    assert dict(head.headers) == dict(whole.headers)
    assert head.headers["Content-Length"] == "5"
