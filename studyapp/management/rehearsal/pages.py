"""A participant page as a browser reads it: picture, sentence, forms. Nothing comes from the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Button:
    """A submit button: the value it sends (empty for none) and the text on it."""

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Form:
    """A form that can be submitted: where it goes, its hidden fields, its buttons, its text boxes.

    `choices` are lines of which several may be chosen; a button then only sends them.
    """

    action: str
    fields: Mapping[str, str]
    buttons: tuple[Button, ...]
    boxes: tuple[str, ...]
    choices: tuple[Button, ...] = ()

    @property
    def offered(self) -> tuple[Button, ...]:
        """What may be answered."""
        return self.choices or self.buttons

    @property
    def step(self) -> str:
        """The last word of the address, such as "answer"; for a numbered step the word before it."""
        parts = [part for part in self.action.split("/") if part]
        words = [part for part in parts if not part.isdigit()]
        return words[-1] if words else ""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a person sees of a question: the picture's address and the class names asked about.

    Where groups of pictures stand beside it, their addresses are the `labels`.
    """

    picture: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: heading, picture, class names, forms, links, and what its script would send.

    `beside` are the addresses of the pictures in groups, in the order shown; `final`: the last answer
    cannot be taken back any more.
    """

    heading: str
    picture: str
    labels: tuple[str, ...]
    forms: tuple[Form, ...]
    links: tuple[str, ...]
    code: str
    served: str
    presentation: str
    beside: tuple[str, ...] = ()
    final: bool = False

    def form(self, step: str) -> Form | None:
        """The form that leads to that step, if the page has one."""
        return next((form for form in self.forms if form.step == step), None)

    def asking(self) -> Form | None:
        """The form of a question or of a practice question."""
        return self.form("answer") or self.form("practice")

    def sight(self) -> Sight:
        """The picture and the class names: those in the sentence and the list, else those on the buttons."""
        form = self.asking()
        beside = [button.text for button in form.buttons if button.value in SIDES] if form else []
        return sight_of(self.picture, self.beside or self.labels, beside)


SIDES = ("left", "right")


def sight_of(picture: str, labels: tuple[str, ...], beside: list[str]) -> Sight:
    """A sight: class names asked about or, of two alternatives, both names whichever side they are on."""
    return Sight(picture, tuple(label for label in labels if label) or tuple(sorted(beside)))


def read_page(html: str) -> Page:
    """Parse one participant page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.page()


@dataclass(slots=True)
class _OpenForm:
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)
    boxes: list[str] = field(default_factory=list)
    choices: list[Button] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects what a person acts on; `kbd` (the key on a button) is no part of a button's text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._forms: list[Form] = []
        self._form: _OpenForm | None = None
        self._links: list[str] = []
        self._labels: list[str] = []
        self._heading: list[str] = []
        self._code: list[str] = []
        self._texts: list[str] = []
        self._open: list[str] = []
        self._button: str | None = None
        self._choice: str | None = None
        self._beside: list[str] = []
        self._picture = self._served = self._presentation = ""
        self._final = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "get").lower() == "post":
            self._form = _OpenForm(given.get("action", ""))
        elif tag == "input" and given.get("type") == "checkbox":
            self._choice, self._texts = given.get("value", ""), []
        elif tag == "input" and self._form is not None and given.get("name"):
            self._form.fields[given["name"]] = given.get("value", "")
        elif tag == "textarea" and self._form is not None:
            self._form.boxes.append(given.get("name", ""))
        elif tag == "button" and self._form is not None and given.get("type", "submit") == "submit":
            self._button = given.get("value", "") if "disabled" not in given else None
            self._texts = []
        elif tag == "img" and given.get("id") == "picture":
            self._picture = given.get("src", "")
        elif tag == "img" and "data-part" in given:
            self._beside.append(given.get("src", ""))
        elif tag == "main":
            self._served = given.get("data-served", "")
            self._presentation = given.get("data-presentation", "")
            self._final = "data-final" in given
        elif tag == "a":
            self._links.append(given.get("href", ""))
        if tag in _WATCHED:
            self._open.append("code" if given.get("id") == "code" else tag)
            if tag == "strong":
                self._texts = []

    def handle_endtag(self, tag: str) -> None:
        if tag in _WATCHED and self._open:
            self._open.pop()
        if tag == "strong" and ("h1" in self._open or "li" in self._open):
            self._labels.append("".join(self._texts).strip())
        elif tag == "button" and self._form is not None and self._button is not None:
            self._form.buttons.append(Button(self._button, "".join(self._texts).strip()))
            self._button = None
        elif tag == "label" and self._form is not None and self._choice is not None:
            self._form.choices.append(Button(self._choice, "".join(self._texts).strip()))
            self._choice = None
        elif tag == "form" and self._form is not None:
            self._forms.append(_finished(self._form))
            self._form = None

    def handle_data(self, data: str) -> None:
        if "kbd" in self._open:
            return
        self._texts.append(data)
        if "h1" in self._open:
            self._heading.append(data)
        if "code" in self._open:
            self._code.append(data)

    def page(self) -> Page:
        return Page(
            heading="".join(self._heading).strip(),
            picture=self._picture,
            labels=tuple(self._labels),
            forms=tuple(self._forms),
            links=tuple(self._links),
            code="".join(self._code).strip(),
            served=self._served,
            presentation=self._presentation,
            beside=tuple(self._beside),
            final=self._final,
        )


def _finished(form: _OpenForm) -> Form:
    fields = MappingProxyType(form.fields)
    return Form(form.action, fields, tuple(form.buttons), tuple(form.boxes), tuple(form.choices))


_WATCHED = frozenset({"h1", "li", "strong", "kbd", "output"})
