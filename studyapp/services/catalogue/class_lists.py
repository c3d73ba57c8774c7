"""Class lists: read from a CSV, found again by their digest, and asked for a class by any of its names."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.db import transaction

from studyapp.models import Category, ClassList
from studyapp.services.csv_rows import Column, at_line, read_csv
from studyapp.services.refusals import Refused

WNID = re.compile(r"n\d{8}")
IMAGENET = "ImageNet-1k"


@dataclass(frozen=True, slots=True)
class ClassEntry:
    """One class: its index in the list, its name, and what WordNet says of it, if anything."""

    index: int
    name: str
    wnid: str = ""
    synonyms: str = ""
    gloss: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A class as a source names it: by one or several of its names; `text` may be any of them."""

    wnid: str = ""
    index: int | None = None
    name: str = ""
    text: str = ""

    def __str__(self) -> str:
        return self.wnid or self.name or self.text or str(self.index)


class UnknownClassError(Exception):
    """A label that is not in the list."""


class ContradictoryLabelError(UnknownClassError):
    """A label whose names mean different classes of the list."""


@dataclass(frozen=True)
class ClassTable:
    """A class list that can be asked for a class by wnid, index or name (case and underscores ignored)."""

    name: str
    entries: tuple[ClassEntry, ...]
    _by_wnid: dict[str, ClassEntry] = field(init=False, repr=False, compare=False)
    _by_index: dict[int, ClassEntry] = field(init=False, repr=False, compare=False)
    _by_name: dict[str, ClassEntry] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = Counter(plain(entry.name) for entry in self.entries)
        object.__setattr__(self, "_by_wnid", {entry.wnid: entry for entry in self.entries if entry.wnid})
        object.__setattr__(self, "_by_index", {entry.index: entry for entry in self.entries})
        # A name that two classes bear names neither.
        object.__setattr__(
            self,
            "_by_name",
            {plain(entry.name): entry for entry in self.entries if names[plain(entry.name)] == 1},
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the entries' index, wnid and name: two lists with one digest are one list."""
        lines = "".join(f"{entry.index}\t{entry.wnid}\t{entry.name}\n" for entry in self.entries)
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def range_text(self) -> str:
        """How many classes and their indices, such as "1,000 classes (0-999)"."""
        indices = self._by_index
        return f"{len(indices):,} classes ({min(indices)}-{max(indices)})"

    def find(self, label: Label) -> ClassEntry:
        """The one class that every given name of the label means; raises UnknownClassError otherwise."""
        found: list[ClassEntry] = []
        # The wnid is the identity where the list has it; spellings of names differ between sources.
        if label.wnid and (self._by_wnid or not (label.name or label.index is not None)):
            found.append(self._known(self._by_wnid.get(label.wnid), label.wnid))
        if label.index is not None:
            found.append(self._known(self._by_index.get(label.index), str(label.index)))
        if label.name and not found:
            found.append(self._known(self._by_name.get(plain(label.name)), repr(label.name)))
        if label.text and not found:
            found.append(self._known(self._find_text(label.text), repr(label.text)))
        if not found:
            raise UnknownClassError("no class is given")
        if any(entry != found[0] for entry in found):
            raise ContradictoryLabelError(
                f"{label.wnid} is class {found[0].index} ({found[0].name}) and not class {label.index}"
            )
        return found[0]

    def knows(self, label: Label) -> bool:
        """Whether `find` finds it."""
        try:
            self.find(label)
        except UnknownClassError:
            return False
        return True

    def _find_text(self, text: str) -> ClassEntry | None:
        named = self._by_wnid.get(text) or self._by_name.get(plain(text))
        return named or (self._by_index.get(int(text)) if text.isdecimal() else None)

    def _known(self, entry: ClassEntry | None, shown: str) -> ClassEntry:
        if entry is None:
            raise UnknownClassError(f"class {shown} is not among the {self.range_text} of {self.name}")
        return entry


def plain(name: str) -> str:
    """A class name without what spellings differ in: case, underscores and doubled blanks."""
    return " ".join(name.replace("_", " ").casefold().split())


def table_of(class_list: ClassList) -> ClassTable:
    """A stored class list as a table; its entries keep their index."""
    return ClassTable(
        name=class_list.name,
        entries=tuple(
            ClassEntry(category.index, category.name, category.wnid, category.synonyms, category.gloss)
            for category in class_list.categories.order_by("index")
        ),
    )


def read_class_table(path: Path, *, name: str = "") -> ClassTable:
    """A table from a CSV of class_index, class_name and perhaps wnid, synonyms, gloss.

    Raises Refused with the line for an index or wnid that is there twice, is no number, or has no name.
    """
    table = read_csv(
        path,
        [
            Column("class_index", ("index",), required=True),
            Column("class_name", ("name",), required=True),
            Column("wnid", ("synset",)),
            Column("synonyms"),
            Column("gloss"),
        ],
    )
    entries: list[ClassEntry] = []
    lines: dict[str, int] = {}
    for row in table.rows:
        values = dict(zip(table.columns, row.values, strict=True))
        index = values["class_index"]
        if not index.isdecimal():
            raise Refused(at_line(path, row.line, f"class_index {index!r} is no whole number from 0 on."))
        if not values["class_name"]:
            raise Refused(at_line(path, row.line, f"class {index} has no class_name; give it one."))
        for what in (f"class_index {int(index)}", f"wnid {values.get('wnid')}" if values.get("wnid") else ""):
            if what and what in lines:
                raise Refused(
                    at_line(path, row.line, f"{what} is in line {lines[what]} already; remove one.")
                )
            lines[what] = row.line
        entries.append(
            ClassEntry(
                index=int(index),
                name=values["class_name"],
                wnid=values.get("wnid", ""),
                synonyms=values.get("synonyms", ""),
                gloss=values.get("gloss", ""),
            )
        )
    if not entries:
        raise Refused(f"{path.name} lists no class; give one line for each.")
    return ClassTable(name=name or path.stem, entries=tuple(sorted(entries, key=lambda entry: entry.index)))


def table_of_names(name: str, names: Sequence[str]) -> ClassTable:
    """A table whose classes are `names`, indexed in order: numbers by value, all else by spelling."""
    unique = set(names)
    numbers = all(each.isdecimal() for each in unique)
    ordered = sorted(unique, key=(lambda each: (int(each), each)) if numbers else (lambda each: (0, each)))
    return ClassTable(
        name=name,
        entries=tuple(
            ClassEntry(index, each, each if WNID.fullmatch(each) else "")
            for index, each in enumerate(ordered)
        ),
    )


@transaction.atomic
def ensure_class_list(*, table: ClassTable) -> ClassList:
    """The stored list with this table's digest, written with its categories where there is none."""
    class_list, created = ClassList.objects.get_or_create(
        digest=table.digest, defaults={"name": table.name[:200]}
    )
    if created:
        Category.objects.bulk_create(
            Category(
                class_list=class_list,
                index=entry.index,
                name=entry.name,
                wnid=entry.wnid,
                synonyms=entry.synonyms,
                gloss=entry.gloss,
            )
            for entry in table.entries
        )
    return class_list
