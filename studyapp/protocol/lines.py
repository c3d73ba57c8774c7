"""Where each key of a TOML text stands: tomllib gives values without lines, errors need them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from types import MappingProxyType

Path = tuple[str | int, ...]

_BETWEEN = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY_PART = re.compile(r"""[ \t]*([A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*""")
_VALUE_PIECE = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*|[\[{]|[\]}]|\n|[^\"'\#\[\]{}\n]+",
    re.DOTALL,
)


def key_lines(text: str) -> Mapping[Path, int]:
    """Line (from 1) of every key and table header of a valid TOML text.

    A path is the tables and the key; inside an array of tables the element's index follows the
    table's name: ("arm", 0, "wording"). Keys of inline tables stand at their outer key.
    """
    lines: dict[Path, int] = {}
    last_index: dict[Path, int] = {}
    table: Path = ()
    position, line = 0, 1
    while True:
        start = _BETWEEN.match(text, position).end()  # type: ignore[union-attr]  # matches the empty text
        line += text.count("\n", position, start)
        if start >= len(text):
            return MappingProxyType(lines)
        if text[start] == "[":
            is_array = text.startswith("[[", start)
            names, position = _key_path(text, start + 1 + is_array)
            table = _inside_arrays(names[:-1], last_index) + names[-1:]
            if is_array:
                last_index[table] = last_index.get(table, -1) + 1
                lines.setdefault(table, line)
                table += (last_index[table],)
            lines.setdefault(table, line)
            position += 1 + is_array
        else:
            names, position = _key_path(text, start)
            for depth in range(1, len(names) + 1):
                lines.setdefault(table + names[:depth], line)
            position = _after_value(text, position)
        line += text.count("\n", start, position)


def line_of(path: Path, lines: Mapping[Path, int]) -> int:
    """Line of `path`, or of the nearest table around it that is written; 1 when none is."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _key_path(text: str, position: int) -> tuple[tuple[str, ...], int]:
    """The dotted key at `position`, and where it ends."""
    names: list[str] = []
    while (part := _KEY_PART.match(text, position)) is not None:
        name = part[1]
        names.append(str(tomllib.loads(f"key = {name}")["key"]) if name[0] in "\"'" else name)
        position = part.end()
        if not text.startswith(".", position):
            break
        position += 1
    if not names:
        raise ValueError(f"no key at character {position}: key_lines reads valid TOML only")
    return tuple(names), position


def _inside_arrays(names: tuple[str, ...], last_index: Mapping[Path, int]) -> Path:
    """Follow `names` into the latest element of every array of tables on the way."""
    path: Path = ()
    for name in names:
        path += (name,)
        if path in last_index:
            path += (last_index[path],)
    return path


def _after_value(text: str, position: int) -> int:
    """Where the value that starts after `position` ends: its line's end, outside every bracket."""
    depth = 0
    while (piece := _VALUE_PIECE.match(text, position)) is not None:
        token = piece[0]
        if token == "\n" and depth == 0:
            break
        depth += (token in "[{") - (token in "]}")
        position = piece.end()
    return position
