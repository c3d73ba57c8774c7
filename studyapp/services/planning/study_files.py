"""The CSV files a protocol names (hierarchy, gold, practice): read once, when the study is created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from studyapp.models import Dataset, Image, QuestionUse
from studyapp.protocol.schema import ArmSetup, Protocol
from studyapp.services.catalogue.class_lists import Label, UnknownClassError, table_of
from studyapp.services.csv_rows import Column, CsvTable, at_line, read_csv
from studyapp.services.planning.asking import Asked, Expected, Use
from studyapp.services.refusals import Refused

_POSITIVE = {"positive", "1", "true"}
_NEGATIVE = {"negative", "0", "false"}


@dataclass(frozen=True, slots=True)
class StudyFiles:
    """What the files say: the group of each category (by id), and questions with known answers."""

    groups: Mapping[int, str] = field(default_factory=dict)
    gold: tuple[Asked, ...] = ()
    practice: tuple[Asked, ...] = ()


def read_study_files(*, protocol: Protocol, dataset: Dataset, folder: Path | None) -> StudyFiles:
    """Read the files that `protocol` names beside itself in `folder`.

    Raises Refused, naming file and line, for anything that can not be used.
    """
    questions, rules = protocol.about_mistakes, protocol.participants
    hierarchy = questions.hierarchy if questions else None
    gold = questions.gold_csv if questions else None
    return StudyFiles(
        groups=_groups(_path(hierarchy, "hierarchy", folder), dataset),
        gold=_known(_path(gold, "gold_csv", folder), dataset, protocol, QuestionUse.Role.GOLD),
        practice=_known(
            _path(rules.practice_csv, "practice_csv", folder), dataset, protocol, QuestionUse.Role.PRACTICE
        ),
    )


def _path(name: str | None, key: str, folder: Path | None) -> Path | None:
    if name is None:
        return None
    if folder is None:
        raise Refused(
            f"The protocol names a file ({key} = {name!r}), and it was not given as a file itself; create "
            "the study on the command line: create_study PROTOCOL.toml."
        )
    return folder / name


def _groups(path: Path | None, dataset: Dataset) -> dict[int, str]:
    """Group of each category of the dataset's class list that the file names."""
    if path is None:
        return {}
    table = read_csv(
        path,
        [
            Column(
                "category", ("wnid", "name", "index", "class", "class_name", "class_index"), required=True
            ),
            Column("group", ("parent", "superclass"), required=True),
        ],
    )
    find = _CategoryFinder(dataset)
    found: dict[int, str] = {}
    for row in table.rows:
        values = dict(zip(table.columns, row.values, strict=True))
        category = find(path, row.line, values["category"])
        if not values["group"]:
            raise Refused(at_line(path, row.line, f"{values['category']} has no group; name one."))
        if found.setdefault(category, values["group"]) != values["group"]:
            raise Refused(
                at_line(path, row.line, f"{values['category']} is in two groups; give each class one.")
            )
    return found


def _known(
    path: Path | None, dataset: Dataset, protocol: Protocol, role: QuestionUse.Role
) -> tuple[Asked, ...]:
    """Questions of image, label, expected[, feedback]."""
    if path is None:
        return ()
    table = read_csv(
        path,
        [
            Column("image", ("path", "file"), required=True),
            Column("label", ("wnid", "class", "class_name", "class_index"), required=True),
            Column("expected", ("answer",), required=True),
            Column("feedback"),
        ],
    )
    find = _CategoryFinder(dataset)
    images = _images(dataset, table)
    setups = protocol.arm_setups()
    return tuple(
        _known_row(
            path, row.line, dict(zip(table.columns, row.values, strict=True)), find, images, setups, role
        )
        for row in table.rows
    )


def _known_row(
    path: Path,
    line: int,
    values: Mapping[str, str],
    find: _CategoryFinder,
    images: Mapping[str, tuple[int, int]],
    setups: tuple[ArmSetup, ...],
    role: QuestionUse.Role,
) -> Asked:
    if values["image"] not in images:
        raise Refused(at_line(path, line, f"image {values['image']!r} is not in the dataset; mend the name."))
    image, true = images[values["image"]]
    label = find(path, line, values["label"])
    expected = _expected(path, line, values["expected"], setups)
    return Asked(
        image,
        Use(role),
        label=label,
        other=true if true != label else None,
        expected=expected,
        feedback=values.get("feedback", ""),
    )


def _expected(path: Path, line: int, text: str, setups: tuple[ArmSetup, ...]) -> Expected:
    word = text.lower()
    if word in _POSITIVE or any(word in setup.positive for setup in setups):
        return "positive"
    if word in _NEGATIVE or any(word in setup.values for setup in setups):
        return "negative"
    values = ", ".join(setups[0].values)
    raise Refused(
        at_line(path, line, f"expected {text!r} is none of the study's answers; give one of {values}.")
    )


def _images(dataset: Dataset, table: CsvTable) -> dict[str, tuple[int, int]]:
    place = table.columns.index("image")
    names = sorted({row.values[place] for row in table.rows})
    found: dict[str, tuple[int, int]] = {}
    for start in range(0, len(names), 500):
        rows = Image.objects.filter(dataset=dataset, name__in=names[start : start + 500])
        found |= {name: (pk, true) for name, pk, true in rows.values_list("name", "pk", "category_id")}
    return found


class _CategoryFinder:
    """Category ids of a dataset's classes by wnid, name or index."""

    def __init__(self, dataset: Dataset) -> None:
        self._table = table_of(dataset.class_list)
        self._ids = dict(dataset.class_list.categories.values_list("index", "pk"))

    def __call__(self, path: Path, line: int, text: str) -> int:
        try:
            return self._ids[self._table.find(Label(text=text)).index]
        except UnknownClassError as problem:
            raise Refused(at_line(path, line, f"{problem}; mend the class.")) from problem
