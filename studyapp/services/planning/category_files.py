"""The file that says which classes of a network make up each category that people choose among."""

from __future__ import annotations

import json
from pathlib import Path

from studyapp.services.refusals import Refused

DEFAULT = "categories.json"
FEWEST = 2
_REMEDY = 'write {"cat": [281, 282], "dog": [151]}: each category with its class indices'


def read_categories(path: Path) -> dict[str, list[int]]:
    """Category -> indices of its classes, in alphabetical order; raises Refused, saying what to write."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise Refused(f"{path} can not be read ({problem.strerror}); check the path.") from problem
    except ValueError as problem:
        raise Refused(f"{path.name} is no JSON ({problem}); {_REMEDY}.") from problem
    if not isinstance(found, dict) or len(found) < FEWEST:
        raise Refused(f"{path.name} names no two categories; {_REMEDY}.")
    for name, indices in found.items():
        if not name.isascii() or not name.isalpha() or name != name.lower():
            raise Refused(
                f"{path.name}: {name!r} can not stand in a stimulus's name; call categories by lower-case "
                "letters only, as in cat7-elephant1.png."
            )
        if not isinstance(indices, list) or not all(type(index) is int for index in indices):
            raise Refused(f"{path.name}: {name} has no list of class indices; {_REMEDY}.")
    return {name: list(found[name]) for name in sorted(found)}


def find_categories(given: Path | None, folder: Path | None) -> Path:
    """The file given, else `categories.json` in the folder of the pictures or beside it; raises Refused."""
    if given is not None:
        return given
    beside = [] if folder is None else [folder / DEFAULT, folder.resolve().parent / DEFAULT]
    for path in beside:
        if path.is_file():
            return path
    raise Refused(
        f"Which classes make up each category? Give --categories FILE, or put {DEFAULT} beside the pictures; "
        f"{_REMEDY}."
    )
