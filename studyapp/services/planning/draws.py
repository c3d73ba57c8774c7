"""Random draws of a study: made once, with everything that was drawn kept for storing (rule 10)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from studyapp.models import Draw, Study

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class DrawRecord:
    """One draw: what for, the seed of its generator, and what was drawn."""

    purpose: str
    seed: int
    values: list[Any]


@dataclass(slots=True)
class Drawer:
    """Makes draws and keeps their records until they are stored."""

    records: list[DrawRecord] = field(default_factory=list)

    def generator(self) -> tuple[int, np.random.Generator]:
        """A fresh seed and its generator."""
        seed = secrets.randbits(63)
        return seed, np.random.default_rng(seed)

    def sample(self, items: Sequence[Item], count: int, *, purpose: str) -> list[Item]:
        """`count` of the items without replacement (all where there are fewer), in drawn order.

        The items themselves are recorded, so they must be plain JSON values.
        """
        seed, rng = self.generator()
        chosen = [items[int(place)] for place in rng.permutation(len(items))[: max(count, 0)]]
        self.record(purpose, seed, list(chosen))
        return chosen

    def record(self, purpose: str, seed: int, values: list[Any]) -> None:
        """Keep a draw that was made with a generator from here."""
        self.records.append(DrawRecord(purpose, seed, values))

    def store(self, study: Study) -> None:
        """Write every record as a row of the study."""
        Draw.objects.bulk_create(
            Draw(study=study, purpose=record.purpose, seed=record.seed, values=record.values)
            for record in self.records
        )
