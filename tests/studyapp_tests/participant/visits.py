"""A participant's visit over real HTTP, as a browser without script and without cookies makes it."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit


@dataclass
class Form:
    """One form of a page: where it goes, its hidden values, its buttons' values."""

    action: str
    hidden: dict[str, str] = field(default_factory=dict)
    values: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """What one request brought back after redirects."""

    url: str
    status: int
    text: str
    headers: dict[str, str]
    forms: tuple[Form, ...]

    def form(self, ending: str) -> Form:
        """The form whose address ends in `ending`."""
        found = [form for form in self.forms if form.action.endswith(ending)]
        assert found, f"no form to {ending} on {self.url}: {self.text[:2000]}"
        return found[0]


class Visit:
    """One tab: keeps a connection, follows redirects, refuses cookies."""

    def __init__(self, base: str) -> None:
        self.host = urlsplit(base).netloc
        self.connection = http.client.HTTPConnection(self.host, timeout=30)

    def get(self, url: str) -> Page:
        return self._request("GET", urlsplit(url).path + ("?" + urlsplit(url).query if "?" in url else ""))

    def submit(self, page: Page, ending: str, **values: str) -> Page:
        form = page.form(ending)
        return self.post(form.action or page.url, {**form.hidden, **values})

    def post(self, url: str, values: dict[str, str]) -> Page:
        return self._request("POST", urlsplit(url).path, urlencode(values))

    def close(self) -> None:
        self.connection.close()

    def _request(self, method: str, path: str, body: str | None = None) -> Page:
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        text = response.read().decode(errors="replace")
        assert response.headers.get("Set-Cookie") is None, f"{path} sets a cookie"
        if response.status in (301, 302, 303):
            return self._request("GET", urlsplit(response.headers["Location"]).path)
        reader = _Reader(path)
        reader.feed(text)
        return Page(path, response.status, text, dict(response.headers), tuple(reader.forms))


class _Reader(HTMLParser):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(found.get("action") or urlsplit(self.path).path))
        elif tag == "input" and self.forms and "name" in found:
            self.forms[-1].hidden[found["name"]] = found.get("value", "")
        elif tag == "button" and self.forms and found.get("name") == "value":
            self.forms[-1].values.append(found["value"])


def question_key(page: Page) -> str:
    """The picture's key: which question a page shows."""
    found = re.search(r'id="picture"[^>]*src="/stimulus/([^"]+)\.png"', page.text)
    assert found is not None, page.text
    return found[1]
