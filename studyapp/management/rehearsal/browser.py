"""A browser without a screen: one connection kept open, redirects followed, cookies noticed."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlencode, urljoin, urlsplit

from studyapp.management.rehearsal.pages import Page, read_page

PATIENCE = 60.0
_MOST_REDIRECTS = 5
_RETRIES = 3
_FORM = "application/x-www-form-urlencoded"

# A form's fields; a field of several values is sent as many times.
Fields: TypeAlias = Mapping[str, str] | Mapping[str, str | list[str]]


class ServerTrouble(Exception):
    """The server answered with something that no participant should ever see."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back in the end: status, final path, body, and whether a cookie was set on the way."""

    status: int
    path: str
    kind: str
    body: bytes
    cookie: bool

    def page(self) -> Page:
        """The page, parsed; raises ServerTrouble where it is none or the server failed."""
        if self.status >= 500 or not self.kind.startswith("text/html"):
            raise ServerTrouble(f"{_unsigned(self.path)} answered {self.status} ({self.kind or 'no type'})")
        return read_page(self.body.decode())


class Browser:
    """One tab: keeps its connection, repeats a request whose connection broke, as browsers do.

    Repeating a POST is part of what is rehearsed: a participant's request is safe to repeat.
    """

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"server {server!r}: give an address such as http://127.0.0.1:8000")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=PATIENCE)
        self.cookies = 0

    def get(self, path: str) -> Reply:
        """GET, following redirects."""
        return self._follow("GET", path, None)

    def head(self, path: str) -> Reply:
        """HEAD, as a link preview sends it."""
        return self._follow("HEAD", path, None)

    def post(self, path: str, fields: Fields) -> Reply:
        """POST a form and follow the redirect."""
        return self._follow("POST", path, urlencode(fields, doseq=True))

    def post_unheard(self, path: str, fields: Fields) -> None:
        """POST a form and lose the connection before the reply."""
        self._connection.request("POST", path, urlencode(fields, doseq=True), {"Content-Type": _FORM})
        self.close()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def _follow(self, method: str, path: str, body: str | None) -> Reply:
        cookie = False
        for _ in range(_MOST_REDIRECTS):
            response, content = self._once(method, path, body)
            if response.getheader("Set-Cookie"):
                cookie = True
                self.cookies += 1
            target = response.getheader("Location")
            if response.status not in (301, 302, 303, 307, 308) or target is None:
                return Reply(response.status, path, response.getheader("Content-Type") or "", content, cookie)
            path = _path_of(urljoin(path, target))
            method, body = ("GET", None) if method != "HEAD" else ("HEAD", None)
        raise ServerTrouble(f"{_unsigned(path)} redirects in a circle")

    def _once(self, method: str, path: str, body: str | None) -> tuple[http.client.HTTPResponse, bytes]:
        headers = {"Content-Type": _FORM} if body is not None else {}
        for attempt in range(_RETRIES):
            try:
                self._connection.request(method, path, body, headers)
                response = self._connection.getresponse()
                return response, response.read()
            except (http.client.HTTPException, ConnectionError, TimeoutError) as problem:
                self._connection.close()
                if attempt == _RETRIES - 1:
                    raise ServerTrouble(f"{_unsigned(path)}: {problem!r}, {_RETRIES} times") from problem
        raise AssertionError("unreachable")


def _path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _unsigned(path: str) -> str:
    """An address for messages, without the signed token that stands for a person."""
    parts = path.split("/")
    return "/".join("…" if len(part) > 24 and "." in part else part for part in parts)
