"""The 1,000 ImageNet classes in the standard order (sorted WordNet ids), with names that can be told apart.

`imagenet_classes.csv` was made from the tables in `timm` 1.0.31 (`timm/data/_info`, Apache-2.0), whose words
and glosses are WordNet's (WordNet 3.0 licence, Princeton University). The name is the first synonym. Where
two names read alike (crane, maillot, cardigan, sunglass) a word in brackets was added.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("imagenet_classes.csv")


@dataclass(frozen=True, slots=True)
class ClassName:
    """One class of a classifier: position in its output, display name, and WordNet's words on it, if any."""

    index: int
    name: str
    wnid: str = ""
    synonyms: str = ""
    gloss: str = ""


@cache
def imagenet_classes() -> tuple[ClassName, ...]:
    """All 1,000 classes; position i is class index i."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return tuple(
            ClassName(
                index=int(row["index"]),
                name=row["name"],
                wnid=row["wnid"],
                synonyms=row["synonyms"],
                gloss=row["gloss"],
            )
            for row in csv.DictReader(file)
        )
