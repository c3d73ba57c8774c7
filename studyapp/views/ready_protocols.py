"""The protocol files that come with the product, and what the new-study form writes into them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

PROTOCOLS = Path(settings.BASE_DIR) / "protocols"
TARGET = ("name", "title", "dataset", "classifiers")


def ready_made() -> tuple[str, ...]:
    """The names of the protocol files that come with the product."""
    return tuple(sorted(path.name for path in PROTOCOLS.glob("*.toml")))


def ready_text(file: str) -> str:
    """The text of one of them; empty for any other name."""
    return (PROTOCOLS / file).read_text(encoding="utf-8") if file in ready_made() else ""


def ready_questions(file: str) -> Mapping[str, Any]:
    """What one of them says under [questions]."""
    questions: Mapping[str, Any] = _read(ready_text(file)).get("questions", {})
    return questions


def targeted(text: str, *, dataset: str, classifiers: Sequence[str], name: str) -> str:
    """`text` with its own lines for these; what is empty here, or no line of the text, stays.

    A text whose lines can not be replaced one by one (a list over several lines) stays whole.
    """
    said: dict[str, object] = {"dataset": dataset, "classifiers": list(classifiers), "name": name}
    there = _read(text)
    changed = {key: value for key, value in said.items() if value and key in there}
    head, *tables = re.split(r"^(?=\[)", text, maxsplit=1, flags=re.MULTILINE)
    for key, value in changed.items():
        head = with_line(head, key, value)
    written = head + "".join(tables)
    return written if _read(written) == there | changed else text


def with_line(text: str, key: str, value: object) -> str:
    """`text` with this value in the first line that gives `key` one."""
    line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
    # As a function: a backslash in JSON must not be read as a group.
    return re.sub(rf"^{key}[ \t]*=.*$", lambda _: line, text, count=1, flags=re.MULTILINE)


def with_whole_pictures(text: str, side: int) -> str:
    """A relevance protocol that shows every picture whole, in a square of `side` pixels; another as it is."""
    if not str(_read(text).get("kind", "")).startswith("relevance"):
        return text
    questions = _read(text).get("questions", {})
    for key in ("display_crop", "display_resize"):
        if key not in questions:
            text = re.sub(r"^\[questions\]\n", f"[questions]\n{key} = 0\n", text, count=1, flags=re.MULTILINE)
        text = with_line(text, key, side)
    return text


def is_ready_made(text: str, file: str) -> bool:
    """Whether the text asks what that ready-made protocol asks, of whatever dataset and classifiers."""
    return file in ready_made() and bool(text) and _asks(text) == _asks(ready_text(file))


def _asks(text: str) -> dict[str, Any]:
    return {key: value for key, value in _read(text).items() if key not in TARGET}


def _read(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
