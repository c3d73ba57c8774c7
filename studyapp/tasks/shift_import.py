"""Shift maps that were made elsewhere, with the pictures they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from studyapp.analysis.arrays import FloatArray
from studyapp.models import Classifier, ShiftRun
from studyapp.services.probes.shift_csv import read_map
from studyapp.services.probes.shift_maps import MAPS, MapSet
from studyapp.services.probes.shift_runs import class_asked, import_shift_run
from studyapp.services.refusals import Refused
from studyapp.tasks.shift_sources import ShiftSource, shift_set


@dataclass(frozen=True, slots=True)
class MapFile:
    """A file of `y,x,val`: whose map it is, and which ("probability", or an anchor such as "centre")."""

    classifier: Classifier
    name: str
    path: Path


def import_maps(source: ShiftSource, files: Sequence[MapFile], *, target: int) -> tuple[ShiftRun, bool]:
    """Read every file and keep them as one run; the run, and whether it is new.

    Raises Refused for pictures that do not fit, and for a file that does not give every place once.
    """
    _refuse_unclear(files)
    target_name = class_asked(target, list(dict.fromkeys(file.classifier for file in files)))
    _, facts = shift_set(source)
    read: dict[Classifier, dict[str, FloatArray]] = {}
    for file in files:
        read.setdefault(file.classifier, {})[file.name] = read_map(
            file.path, name=file.name, rows=facts.rows, columns=facts.columns, stride=facts.stride
        )
    return import_shift_run(
        facts=facts,
        target=target,
        target_name=target_name,
        maps={classifier: MapSet(maps) for classifier, maps in read.items()},
    )


def _refuse_unclear(files: Sequence[MapFile]) -> None:
    for file in files:
        if file.name not in MAPS:
            raise Refused(f"There is no map {file.name!r}: give one of {', '.join(MAPS)}.")
    said = [(file.classifier.name, file.name) for file in files]
    for classifier, name in said:
        if said.count((classifier, name)) > 1:
            raise Refused(f"The map {name} of {classifier} is given twice; leave one out.")
