"""What is wrong with a protocol: the place, the value and the remedy; all problems at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from studyapp.protocol.lines import Path


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, before it has a line. `paths` are the keys involved, the one to change first."""

    paths: tuple[Path, ...]
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file; `line` is None where there is no file (a stored or changed protocol)."""

    file: str
    line: int | None
    key: str
    what: str
    remedy: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: {self.what}; {self.remedy}."


class ProtocolError(ValueError):
    """A protocol that can not be used; `problems` lists everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def spelled(path: Path) -> str:
    """A key as the file writes it: `name`, `[answers] agreement`, `[[arm]] 2 wording`."""
    match path:
        case (str() as table, int() as index, *rest):
            return " ".join([f"[[{table}]] {index + 1}", *map(str, rest)])
        case (table, *rest) if rest:
            return f"[{table}] " + ".".join(map(str, rest))
        case (table,):
            return str(table)
        case _:
            return "the file"


def shown(value: object) -> str:
    """A value as the file writes it, cut to 60 characters."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def nearest(word: str, words: Sequence[str]) -> str | None:
    """The one of `words` that `word` was probably meant to be."""
    found = get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return found[0] if found else None
