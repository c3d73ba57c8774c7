"""What the viewer of shift maps needs, in as few bytes and requests as it can: two kinds of arrays."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Picture

from studyapp.analysis.arrays import FloatArray, IntArray
from studyapp.models import ShiftMaps, ShiftRun
from studyapp.services.probes.shift_maps import MAPS, read_maps
from studyapp.services.stored_files import read_file


@dataclass(frozen=True, slots=True)
class MapLine:
    """One map of one classifier as the table shows it; `neighbours` is None for a single row or column."""

    maps: ShiftMaps
    name: str
    title: str
    mean: float
    least: float
    neighbours: float | None


def map_lines(rows: Sequence[ShiftMaps]) -> list[MapLine]:
    """Every map's summary, classifier by classifier, in the order of MAPS."""
    return [
        MapLine(row, name, title, **row.summary["maps"][name])
        for row in rows
        for name, title in MAPS.items()
        if name in row.summary.get("maps", {})
    ]


def other_crop_side(row: ShiftMaps) -> int | None:
    """The side of the classifier's own crop in pixels, where the pictures it was shown are of another."""
    side: int | None = row.classifier.preprocessing.get("crop", {}).get("side")
    return None if side is None or row.run.width == row.run.height == side else side


def viewer_facts(run: ShiftRun, rows: Sequence[ShiftMaps]) -> dict[str, object]:
    """What the viewer's script is told of the run, as JSON values; addresses are not among it."""
    return {
        "rows": run.rows,
        "columns": run.columns,
        "stride": run.stride,
        "width": run.width,
        "height": run.height,
        "target": run.target,
        "picture": run.parameters.get("size", [run.width, run.height]),
        "patch": run.parameters.get("patch_size"),
        "maps": dict(MAPS),
        "classifiers": [
            {
                "name": row.classifier.name,
                "maps": [name for name in MAPS if name in row.summary["maps"]],
                "least": {name: row.summary["maps"][name]["least"] for name in row.summary["maps"]},
                "top1": row.summary["top1"] is not None,
                "classes": _class_names(row),
            }
            for row in rows
        ],
    }


def map_bytes(row: ShiftMaps) -> bytes | None:
    """Every map of a classifier as little-endian float32, one after the other in the order of MAPS, and the
    top-1 after them where it is known; None where the file is gone."""
    found = read_maps(row.file)
    if found is None:
        return None
    planes: list[FloatArray | IntArray] = [found.maps[name] for name in MAPS if name in found.maps]
    if found.top1 is not None:
        planes.append(found.top1)
    return b"".join(plane.astype("<f4").tobytes() for plane in planes)


def picture_bytes(run: ShiftRun) -> bytes | None:
    """The RGB bytes of the background or larger picture and the RGBA bytes of the patch, in one piece: what
    is predicted can be composed from them exactly. None where a file is gone."""
    pieces = []
    for name in filter(None, (run.picture_file, run.patch_file)):
        content = read_file(name)
        if content is None:
            return None
        with Picture.open(io.BytesIO(content)) as picture:
            pieces.append(np.asarray(picture).tobytes())
    return b"".join(pieces)


def _class_names(row: ShiftMaps) -> Mapping[str, str]:
    indices = [int(index) for index in row.summary.get("classes", {})]
    named = row.classifier.class_list.categories.filter(index__in=indices)
    return {str(index): name for index, name in named.values_list("index", "name")}
