"""Two displayed class names that read alike ("crane" the bird, "crane" the machine) must be told apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from studyapp.models import Category
from studyapp.protocol.pictures import ClassHelp
from studyapp.services.refusals import Refused

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class AlikeNames:
    """Two categories of a study whose displayed names a reader cannot tell apart."""

    first: Category
    second: Category

    def __str__(self) -> str:
        return f"{_spelled(self.first)} and {_spelled(self.second)}"


def read_key(name: str) -> str:
    """What is left of a name for a reader: letters and digits, without case, accents and punctuation."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in plain if character.isalnum())


def alike_names(categories: Iterable[Category]) -> tuple[AlikeNames, ...]:
    """Every pair of neighbours among the categories whose names read alike."""
    groups: dict[str, list[Category]] = {}
    for category in sorted(categories, key=lambda each: (each.class_list_id, each.index)):
        groups.setdefault(read_key(category.name) or category.name, []).append(category)
    return tuple(AlikeNames(first, second) for group in groups.values() for first, second in pairwise(group))


def refuse_alike_names(*, categories: Iterable[Category], helps: Iterable[ClassHelp]) -> None:
    """Raise Refused unless every pair that reads alike is told apart by the class help of every arm."""
    kinds = set(helps)
    confused = [
        pair for pair in alike_names(categories) if not all(_told_apart(pair, kind) for kind in kinds)
    ]
    if confused:
        more = f" and {len(confused) - _SHOWN} more pairs" if len(confused) > _SHOWN else ""
        raise Refused(
            f"{'; '.join(map(str, confused[:_SHOWN]))}{more}: these names read alike, and people would not "
            "know which class is meant. Import the dataset with names of your own (import_dataset --classes "
            'CSV; for ImageNet --classes imagenet), or explain the classes (class_help = "gloss").'
        )


def _told_apart(pair: AlikeNames, kind: ClassHelp) -> bool:
    if kind not in ("synonyms", "gloss"):
        return False
    first, second = (str(getattr(each, kind)).strip() for each in (pair.first, pair.second))
    return bool(first or second) and first != second


def _spelled(category: Category) -> str:
    wnid = f", {category.wnid}" if category.wnid else ""
    return f'"{category.name}" (class {category.index}{wnid})'
