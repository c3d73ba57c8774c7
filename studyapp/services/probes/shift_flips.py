"""Flips of a shift run: places where a classifier's top-1 is another than at the centre place.

With P places, F of them flips and T of these to the class that the run asks about, raw stability is 1 - F/P.
That class is the picture's label: T flips are right by it, and the other F - T are what people can be asked
about.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import BoolArray, IntArray
from studyapp.models import Classifier, ShiftMaps, ShiftRun
from studyapp.services.probes.shift_maps import read_maps
from studyapp.services.refusals import Refused


@dataclass(frozen=True, slots=True)
class LabelFlips:
    """A class that the top-1 flips to, and at how many places."""

    index: int
    name: str
    places: int


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierFlips:
    """The flips of one classifier. `top1` [P]: class indices, row by row; `labels`: the most places first.

    `at_centre` and `target`: the class at the centre place, and the one asked about, as indices.
    """

    maps: ShiftMaps
    top1: IntArray
    at_centre: int
    centre_name: str
    target: int
    labels: tuple[LabelFlips, ...]

    @property
    def classifier(self) -> Classifier:
        """Whose flips these are."""
        return self.maps.classifier

    @property
    def places(self) -> int:
        """P."""
        return len(self.top1)

    @property
    def flips(self) -> int:
        """F."""
        return int((self.top1 != self.at_centre).sum())

    @property
    def right(self) -> int:
        """T, the flips to the class asked about."""
        return self.flips - int(self._to_another.sum())

    @property
    def stability(self) -> float:
        """Share of the places with the centre's top-1."""
        return 1 - self.flips / self.places

    @property
    def in_question(self) -> IntArray:
        """The numbers of the places whose flip is to another class than the one asked about, in order."""
        return np.flatnonzero(self._to_another)

    @property
    def _to_another(self) -> BoolArray:
        return np.asarray((self.top1 != self.at_centre) & (self.top1 != self.target), dtype=np.bool_)


def shift_flips(run: ShiftRun) -> tuple[ClassifierFlips, ...]:
    """The flips of every classifier of a run, in its order.

    Raises Refused for a run that is not finished, maps that have no top-1, and a file that is gone.
    """
    if run.finished_at is None:
        raise Refused(f"{run} is not finished: its flips are known at its end. Give the same command again.")
    if run.origin == ShiftRun.Origin.IMPORTED:
        raise Refused(
            f"The maps of {run} were made elsewhere and do not say which class is the top-1 at a place; "
            "make them here with probe shift."
        )
    rows = run.maps.select_related("classifier__class_list").order_by("position")
    return tuple(_flips_of(run, row) for row in rows)


def _flips_of(run: ShiftRun, row: ShiftMaps) -> ClassifierFlips:
    found = read_maps(row.file)
    if found is None or found.top1 is None:
        raise Refused(f"The maps of {row.classifier} in {run} are gone from storage; make them again.")
    at_centre = int(found.top1[run.rows // 2, run.columns // 2])
    classes, counts = np.unique(found.top1[found.top1 != at_centre], return_counts=True)
    named = dict(
        row.classifier.class_list.categories.filter(index__in=[at_centre, *classes.tolist()]).values_list(
            "index", "name"
        )
    )
    labels = [
        LabelFlips(index, named[index], places)
        for index, places in zip(classes.tolist(), counts.tolist(), strict=True)
    ]
    return ClassifierFlips(
        maps=row,
        top1=found.top1.reshape(-1),
        at_centre=at_centre,
        centre_name=named[at_centre],
        target=run.target,
        labels=tuple(sorted(labels, key=lambda each: (-each.places, each.index))),
    )
