"""Sets of pairs of pictures that are alike but for one thing: read from a CSV, all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import transaction

from studyapp.models import Dataset, Image, ImagePair
from studyapp.services.csv_rows import Column, CsvTable, at_line, read_csv
from studyapp.services.refusals import Refused

LONGEST_NAME = 100
LONGEST_NOTE = 300
_AT_ONCE = 2000
_COLUMNS = (Column("first", required=True), Column("second", required=True), Column("note"))


@dataclass(frozen=True, slots=True)
class ImportedPairs:
    """What an import left: the pairs of the set, and how many of them it wrote (0 where all were there)."""

    name: str
    pairs: int
    written: int


@dataclass(frozen=True, slots=True)
class _Pair:
    first: int
    second: int
    note: str


def import_pairs(*, name: str, dataset: Dataset, path: Path) -> ImportedPairs:
    """Write the set `name` from a CSV of first, second (paths of the dataset's images) and perhaps note.

    Repeating it changes nothing. Raises Refused, naming line and remedy, and writes nothing, for an image
    that is not there, a pair that is there twice, or a set of this name that holds something else.
    """
    _refuse_name(name)
    found = _read(path, dataset)
    with transaction.atomic():
        # The dataset's row serialises imports, so that two at once do not interleave.
        Dataset.objects.select_for_update().get(pk=dataset.pk)
        elsewhere = ImagePair.objects.filter(name=name).exclude(dataset=dataset).select_related("dataset")
        if (other := elsewhere.first()) is not None:
            raise Refused(
                f"The set of pairs {name} is of dataset {other.dataset.name}; give this one another name."
            )
        there = [
            _Pair(*row)
            for row in ImagePair.objects.filter(name=name, dataset=dataset)
            .order_by("position")
            .values_list("first_id", "second_id", "note")
        ]
        if there:
            _refuse_other(name, there, found)
            return ImportedPairs(name, len(there), 0)
        ImagePair.objects.bulk_create(
            (
                ImagePair(
                    name=name,
                    dataset=dataset,
                    first_id=pair.first,
                    second_id=pair.second,
                    note=pair.note,
                    position=position,
                )
                for position, pair in enumerate(found, start=1)
            ),
            batch_size=_AT_ONCE,
        )
    return ImportedPairs(name, len(found), len(found))


def _refuse_name(name: str) -> None:
    try:
        validate_slug(name)
    except ValidationError as problem:
        raise Refused(
            f"{name!r} is no name for a set of pairs: write letters, digits, - and _ only."
        ) from problem
    if len(name) > LONGEST_NAME:
        raise Refused(f"The name has {len(name)} characters and {LONGEST_NAME} is the most; shorten it.")


def _refuse_other(name: str, there: Sequence[_Pair], found: Sequence[_Pair]) -> None:
    if list(there) != list(found):
        raise Refused(
            f"The set of pairs {name} is there with {len(there):,} pairs, and this file has other ones "
            f"({len(found):,}); give it another name."
        )


def _read(path: Path, dataset: Dataset) -> list[_Pair]:
    table = read_csv(path, _COLUMNS)
    if not table.rows:
        raise Refused(f"{path.name} has no pairs; write one line for each, with first and second.")
    images = dict(Image.objects.filter(dataset=dataset).values_list("name", "pk"))
    earlier: dict[frozenset[int], int] = {}
    found: list[_Pair] = []
    for row in table.rows:
        values = dict(zip(table.columns, row.values, strict=True))
        first, second = (
            _image(table, row.line, column, values[column], images, dataset) for column in ("first", "second")
        )
        if first == second:
            raise Refused(
                at_line(path, row.line, f"first and second are both {values['first']}; name two images.")
            )
        pair = frozenset((first, second))
        if pair in earlier:
            raise Refused(
                at_line(path, row.line, f"these two images are line {earlier[pair]}, too; take one out.")
            )
        earlier[pair] = row.line
        note = values.get("note", "")
        if len(note) > LONGEST_NOTE:
            raise Refused(
                at_line(
                    path,
                    row.line,
                    f"the note has {len(note)} characters; {LONGEST_NOTE} is the most. Shorten it.",
                )
            )
        found.append(_Pair(first, second, note))
    return found


def _image(
    table: CsvTable, line: int, column: str, text: str, images: Mapping[str, int], dataset: Dataset
) -> int:
    if text in images:
        return images[text]
    if not text:
        raise Refused(at_line(table.path, line, f"{column} is empty; name an image of {dataset.name}."))
    alike = sorted(name for name in images if PurePosixPath(name).name == PurePosixPath(text).name)
    meant = f" (is {alike[0]} meant?)" if alike else ""
    raise Refused(
        at_line(
            table.path,
            line,
            f"{column} = {text!r} is no image of dataset {dataset.name}{meant}; write its path as the "
            "dataset has it.",
        )
    )
