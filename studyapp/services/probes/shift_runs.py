"""Writes of shift runs: their rows, their pictures in storage, and the parts of maps under way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from studyapp.models import Classifier, ShiftMaps, ShiftRun
from studyapp.models.catalogue import public_key
from studyapp.services.catalogue.class_lists import plain
from studyapp.services.probes.shift_maps import MapSet, joined, read_maps, store_maps, summary_of
from studyapp.services.refusals import Refused
from studyapp.services.stored_files import delete_parts, put_file


@dataclass(frozen=True, slots=True)
class ShiftFacts:
    """A set of places over pictures, as a run records it.

    `picture` and `patch` are lossless PNGs (patch: RGBA, empty for windows). `parameters`: where the pictures
    came from and what was done to them.
    """

    way: ShiftRun.Way
    title: str
    picture: bytes
    patch: bytes
    rows: int
    columns: int
    stride: int
    width: int
    height: int
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AskedClassifier:
    """A classifier and where its activations are compared; `layer_name` is the researcher's name for it."""

    classifier: Classifier
    layer: str = ""
    layer_name: str = ""


def class_asked(target: int, classifiers: Sequence[Classifier]) -> str:
    """The name of the class with this index; raises Refused where a list lacks it or calls it otherwise."""
    names: dict[str, str] = {}
    told_apart = set()
    for classifier in classifiers:
        categories = classifier.class_list.categories
        found = categories.filter(index=target).first()
        if found is None:
            count = categories.count()
            raise Refused(
                f"Class {target} is not among the {count:,} classes of {classifier.name} (0-{count - 1}): "
                "give one of those as --class."
            )
        names[classifier.name] = found.name
        told_apart.add(found.wnid or plain(found.name))
    if len(told_apart) > 1:
        said = ", ".join(f"{name!r} for {classifier}" for classifier, name in names.items())
        raise Refused(
            f"Class {target} is {said}: their maps can not stand side by side. Probe them one by one."
        )
    return next(iter(names.values()))


def open_shift_run(
    *,
    facts: ShiftFacts,
    target: int,
    target_name: str,
    asked: Sequence[AskedClassifier],
) -> ShiftRun:
    """The run of these weights over these pictures; there is only ever one."""
    digest = _digest(
        facts, target, [[each.classifier.pk, each.classifier.weights_sha256, each.layer] for each in asked]
    )
    run, _ = _run_of(facts, digest, target, target_name, asked, ShiftRun.Origin.COMPUTED)
    return run


def import_shift_run(
    *,
    facts: ShiftFacts,
    target: int,
    target_name: str,
    maps: Mapping[Classifier, MapSet],
) -> tuple[ShiftRun, bool]:
    """A run whose maps were made elsewhere, and whether it is new; all of it is written or nothing."""
    content = [
        [
            classifier.pk,
            sorted((name, hashlib.sha256(each.tobytes()).hexdigest()) for name, each in found.maps.items()),
        ]
        for classifier, found in maps.items()
    ]
    digest = _digest(facts, target, ["imported", content])
    with transaction.atomic():
        asked = [AskedClassifier(classifier) for classifier in maps]
        run, new = _run_of(facts, digest, target, target_name, asked, ShiftRun.Origin.IMPORTED)
        if new:
            for row, found in zip(run.maps.order_by("position"), maps.values(), strict=True):
                _finish_maps(run, row, found)
            run.finished_at = timezone.now()
            run.save(update_fields=["finished_at"])
    return run, new


def write_part(*, run: ShiftRun, number: int, part: MapSet) -> None:
    """Keep the maps of one chunk; writing the same chunk again replaces them."""
    store_maps(_part_name(run, number), part)


def has_part(run: ShiftRun, number: int) -> bool:
    """Whether the maps of that chunk are kept."""
    return default_storage.exists(_part_name(run, number))


def finish_run(*, run: ShiftRun, parts: Mapping[int, Sequence[int]]) -> None:
    """Put each classifier's parts (chunk numbers by position, in order) together; safe to repeat."""
    for row in run.maps.order_by("position"):
        if not row.file:
            read = [read_maps(_part_name(run, number)) for number in parts[row.position]]
            found = [part for part in read if part is not None]
            if len(found) < len(read):
                raise Refused(f"A part of the maps of {run} is gone from storage: start the probe again.")
            _finish_maps(run, row, joined(found, run.rows, run.columns))
    delete_parts(_part_name(run, number) for numbers in parts.values() for number in numbers)
    ShiftRun.objects.filter(pk=run.pk, finished_at=None).update(finished_at=timezone.now())


def describe_run(*, run: ShiftRun, device: str, versions: Mapping[str, str]) -> None:
    """Record what computes a run."""
    ShiftRun.objects.filter(pk=run.pk).update(device=device[:100], versions=dict(versions))


@transaction.atomic
def _run_of(
    facts: ShiftFacts,
    digest: str,
    target: int,
    target_name: str,
    asked: Sequence[AskedClassifier],
    origin: ShiftRun.Origin,
) -> tuple[ShiftRun, bool]:
    """The run with this digest, whole with its rows and pictures, and whether it is new."""
    key = public_key()
    run, new = ShiftRun.objects.get_or_create(
        digest=digest,
        defaults={
            "key": key,
            "title": facts.title[:300],
            "way": facts.way,
            "origin": origin,
            "target": target,
            "target_name": target_name,
            "rows": facts.rows,
            "columns": facts.columns,
            "stride": facts.stride,
            "width": facts.width,
            "height": facts.height,
            "picture_file": f"shifts/{key}/picture.png",
            "patch_file": f"shifts/{key}/patch.png" if facts.patch else "",
            "parameters": {**facts.parameters, "layers": [each.layer_name for each in asked]},
        },
    )
    if not new:
        return run, False
    ShiftMaps.objects.bulk_create(
        ShiftMaps(
            run=run,
            classifier=each.classifier,
            position=position,
            layer=each.layer,
            weights_sha256=each.classifier.weights_sha256,
        )
        for position, each in enumerate(asked)
    )
    put_file(run.picture_file, facts.picture)
    if facts.patch:
        put_file(run.patch_file, facts.patch)
    return run, True


def _finish_maps(run: ShiftRun, row: ShiftMaps, found: MapSet) -> None:
    name = f"shifts/{run.key}/{row.position}.npz"
    size = store_maps(name, found)
    ShiftMaps.objects.filter(pk=row.pk).update(file=name, bytes=size, summary=summary_of(found, run.target))


def _part_name(run: ShiftRun, number: int) -> str:
    return f"shifts/{run.key}/parts/{number}.npz"


def _digest(facts: ShiftFacts, target: int, told_apart: Sequence[object]) -> str:
    said = [
        *(facts.way, facts.rows, facts.columns, facts.stride, facts.width, facts.height, target),
        hashlib.sha256(facts.picture).hexdigest(),
        hashlib.sha256(facts.patch).hexdigest(),
        told_apart,
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
