"""The maps of one classifier as one stored file, and the names that maps go by."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from studyapp.analysis.arrays import FloatArray, IntArray
from studyapp.analysis.shift_summary import map_summary, share_at
from studyapp.services.stored_files import put_file, read_file

PROBABILITY = "probability"
ANCHORS = ("top-left", "top-right", "centre", "bottom-left", "bottom-right")
#: Every map there can be: the probability of the class asked about, and the cosine with each anchor.
MAPS: Mapping[str, str] = {
    PROBABILITY: "probability of the class",
    **{anchor: f"cosine with the {anchor.replace('-', ' ')} picture" for anchor in ANCHORS},
}
_TOP1 = "top1"


@dataclass(frozen=True, slots=True, eq=False)
class MapSet:
    """Maps by name, each (rows, columns), in the precision they came in; `top1` where it is known."""

    maps: Mapping[str, FloatArray]
    top1: IntArray | None = None


def least_allowed(name: str) -> float:
    """The smallest value that a map of this name can have: 0 for a probability, -1 for a cosine."""
    return 0.0 if name == PROBABILITY else -1.0


def store_maps(name: str, found: MapSet) -> int:
    """Write a compressed file under exactly this name; its size in bytes."""
    arrays = dict(found.maps) | ({} if found.top1 is None else {_TOP1: found.top1.astype(np.int32)})
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    put_file(name, buffer.getvalue())
    return buffer.tell()


def read_maps(name: str) -> MapSet | None:
    """The maps in a stored file; None where it is gone."""
    content = read_file(name) if name else None
    if content is None:
        return None
    with np.load(io.BytesIO(content)) as arrays:
        return MapSet(
            {each: arrays[each] for each in MAPS if each in arrays.files},
            arrays[_TOP1] if _TOP1 in arrays.files else None,
        )


def joined(parts: list[MapSet], rows: int, columns: int) -> MapSet:
    """Parts of the flattened maps, in order, as whole ones."""
    names = parts[0].maps
    tops = [part.top1 for part in parts if part.top1 is not None]
    return MapSet(
        {name: np.concatenate([part.maps[name] for part in parts]).reshape(rows, columns) for name in names},
        np.concatenate(tops).reshape(rows, columns) if tops else None,
    )


def summary_of(found: MapSet, target: int) -> dict[str, object]:
    """What sums the maps up, as JSON values: by map, the share of places whose top-1 is the class, and at how
    many places each class is the top-1."""
    classes, counts = np.unique(found.top1 if found.top1 is not None else [], return_counts=True)
    return {
        "maps": {name: asdict(map_summary(values)) for name, values in found.maps.items()},
        "top1": None if found.top1 is None else share_at(found.top1, target),
        "classes": {
            str(index): count
            for index, count in zip(classes.astype(int).tolist(), counts.tolist(), strict=True)
        },
    }
