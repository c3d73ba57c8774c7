"""Published trial files of cue-conflict experiments, read so that whatever is wrong is named with its line.

Columns: subj, session, trial, rt, object_response, category, condition, imagename (Geirhos et al., 2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from studyapp.analysis.shape_texture import cue_of, stimulus_of
from studyapp.models import Observer
from studyapp.services.csv_rows import Column, at_line, read_csv
from studyapp.services.observers.writing import TrialRow
from studyapp.services.refusals import Refused

#: How the published files write that nothing was chosen in time.
NO_CHOICE = frozenset({"", "na", "nan", "none"})
LONGEST_NAME = 100
_LONGEST_IMAGE_NAME = 300
_LONGEST_CONDITION = 40
_COLUMNS = (
    Column("subj", ("subject", "observer"), required=True),
    Column("session"),
    Column("trial", required=True),
    Column("rt", ("time", "seconds")),
    Column("object_response", ("response",), required=True),
    Column("category", required=True),
    Column("condition"),
    Column("imagename", ("image",), required=True),
)


@dataclass(slots=True)
class PublishedObserver:
    """An observer as files have it, with the places (file, line) of its trials to name in a complaint."""

    name: str
    collection: str
    kind: Observer.Kind
    rows: list[TrialRow]
    by_stimulus: dict[str, str]
    by_number: dict[tuple[int, int], str]


def read_responses(
    paths: list[Path], *, names: tuple[str, ...], collection: str | None, people: str
) -> list[PublishedObserver]:
    """The observers of these files; `names` are the categories in the set's order.

    `collection` None: each file's folder. `people`: pattern of the names of people, such as subject-*.
    Raises Refused, naming file and line, for whatever is malformed.
    """
    found: dict[tuple[str, str], PublishedObserver] = {}
    places = {name: place for place, name in enumerate(names)}
    for path in paths:
        of_file = collection or path.resolve().parent.name
        _read_file(path, of_file, places, people, found)
    return list(found.values())


def _read_file(
    path: Path,
    collection: str,
    places: Mapping[str, int],
    people: str,
    found: dict[tuple[str, str], PublishedObserver],
) -> None:
    table = read_csv(path, _COLUMNS)
    if not table.rows:
        raise Refused(f"{path.name} has no trial; give a file with one line for each.")
    for line in table.rows:
        values = dict(zip(table.columns, line.values, strict=True))
        here = f"{path.name}, line {line.line}"
        name = values["subj"]
        if not name or len(name) > LONGEST_NAME:
            raise Refused(
                at_line(
                    path, line.line, f"subj = {name!r}; name the observer in 1 to {LONGEST_NAME} characters."
                )
            )
        who = found.setdefault(
            (collection, name),
            PublishedObserver(
                name=name,
                collection=collection,
                kind=Observer.Kind.PERSON if fnmatch(name, people) else Observer.Kind.NETWORK,
                rows=[],
                by_stimulus={},
                by_number={},
            ),
        )
        row = _row(path, line.line, values, places)
        earlier = who.by_stimulus.get(row.stimulus)
        if earlier is not None:
            raise Refused(
                at_line(
                    path,
                    line.line,
                    f"{name} answered {row.stimulus} in {earlier} already; take one of them out.",
                )
            )
        earlier = who.by_number.get((row.session, row.trial))
        if earlier is not None:
            raise Refused(
                at_line(
                    path,
                    line.line,
                    f"trial {row.trial} of session {row.session} of {name} is {earlier}, too; number them "
                    "apart.",
                )
            )
        who.by_stimulus[row.stimulus] = who.by_number[row.session, row.trial] = here
        who.rows.append(row)


def _row(path: Path, line: int, values: Mapping[str, str], places: Mapping[str, int]) -> TrialRow:
    image = values["imagename"]
    try:
        shape, texture = cue_of(image)
        stimulus = stimulus_of(image)
    except ValueError as problem:
        raise Refused(at_line(path, line, f"imagename: {problem}")) from problem
    if len(image) > _LONGEST_IMAGE_NAME or len(stimulus) > LONGEST_NAME:
        raise Refused(at_line(path, line, f"imagename has {len(image)} characters; shorten it."))
    for cue in (shape, texture):
        _place(path, line, "imagename", cue, places)
    if values["category"] != shape:
        raise Refused(
            at_line(
                path,
                line,
                f"category = {values['category']!r}, but {image} has the shape of {shape}; mend one of them.",
            )
        )
    response = values["object_response"]
    return TrialRow(
        session=_number(path, line, "session", values.get("session") or "1"),
        trial=_number(path, line, "trial", values["trial"]),
        seconds=_seconds(path, line, values.get("rt", "")),
        response=None
        if response.lower() in NO_CHOICE
        else _place(path, line, "object_response", response, places),
        shape=places[shape],
        texture=places[texture],
        condition=values.get("condition", "")[:_LONGEST_CONDITION],
        stimulus=stimulus,
        image_name=image,
    )


def _place(path: Path, line: int, column: str, name: str, places: Mapping[str, int]) -> int:
    place = places.get(name)
    if place is None:
        raise Refused(
            at_line(
                path,
                line,
                f"{column} says {name!r}, which is not among the {len(places)} categories "
                f"({', '.join(places)}); mend it, or give --categories FILE.",
            )
        )
    return place


def _number(path: Path, line: int, column: str, text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2**31:
        raise Refused(at_line(path, line, f"{column} = {text!r} is no whole number; mend it."))
    return value


def _seconds(path: Path, line: int, text: str) -> float | None:
    if text.lower() in NO_CHOICE:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not math.isfinite(value) or value < 0:
        raise Refused(at_line(path, line, f"rt = {text!r} is no time in seconds; mend it, or write NaN."))
    return value
