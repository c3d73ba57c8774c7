"""Writes of probe runs, and the columns of responses that they keep."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from studyapp.analysis.arrays import FloatArray, IntArray
from studyapp.models import Classifier, Dataset, ProbeClassifier, ProbeRun
from studyapp.services.stored_files import put_file

#: What is kept of each classifier, and as what: classes and ranks below 65,536, halved precision.
COLUMNS: Mapping[str, str] = {
    "top1": "uint16",
    "top1_probability": "float16",
    "original_rank": "uint16",
    "original_probability": "float16",
    "true_rank": "uint16",
    "true_probability": "float16",
}
Columns = Mapping[str, "IntArray | FloatArray"]
_DRAWN = "drawn_"


@dataclass(frozen=True, slots=True, eq=False)
class ProbeColumns:
    """The responses of a run: `image` [n] primary keys, and per classifier each of COLUMNS [n, S + 1].

    `drawn`: whatever was drawn for each image, by name, n rows each.
    """

    image: IntArray
    classifiers: tuple[Columns, ...]
    drawn: Mapping[str, IntArray] = field(default_factory=dict)


@transaction.atomic
def open_probe(
    *,
    kind: ProbeRun.Kind,
    dataset: Dataset,
    classifiers: Sequence[Classifier],
    parameters: Mapping[str, object],
) -> ProbeRun:
    """The probe of these weights over this dataset with these parameters; there is only ever one."""
    told_apart = [
        kind.value,
        dict(parameters),
        [[classifier.pk, classifier.weights_sha256] for classifier in classifiers],
    ]
    digest = hashlib.sha256(json.dumps(told_apart, sort_keys=True).encode()).hexdigest()
    run, new = ProbeRun.objects.get_or_create(
        dataset=dataset, digest=digest, defaults={"kind": kind, "parameters": dict(parameters)}
    )
    if new:
        ProbeClassifier.objects.bulk_create(
            ProbeClassifier(
                run=run, classifier=classifier, position=position, weights_sha256=classifier.weights_sha256
            )
            for position, classifier in enumerate(classifiers)
        )
    return run


def write_part(*, run: ProbeRun, number: int, columns: ProbeColumns, unreadable: int) -> None:
    """Keep the responses of one chunk; writing the same chunk again replaces them."""
    _store(_part_name(run, number), columns, extra={"unreadable": np.array([unreadable])})


def parts_there(run: ProbeRun) -> frozenset[int]:
    """The numbers of the chunks that are kept."""
    folder = f"probes/{run.key}"
    if not default_storage.exists(folder):
        return frozenset()
    _, files = default_storage.listdir(folder)
    return frozenset(int(name.removesuffix(".npz")) for name in files if name.endswith(".npz"))


def join_parts(*, run: ProbeRun, parts: int) -> ProbeColumns:
    """Put the chunks together in one file and record it; safe to repeat, also after the chunks are gone."""
    whole = f"probes/{run.key}.npz"
    if not run.file:
        read = [_load(_part_name(run, number)) for number in range(parts)]
        columns = _concatenated([each for each, _ in read], run)
        size = _store(whole, columns)
        ProbeRun.objects.filter(pk=run.pk).update(
            file=whole,
            bytes=size,
            images=len(columns.image),
            unreadable=sum(left_out for _, left_out in read),
        )
        run.refresh_from_db()
    for number in range(parts):
        default_storage.delete(_part_name(run, number))
    if default_storage.exists(f"probes/{run.key}"):
        # On a file system the chunks' folder is left.
        default_storage.delete(f"probes/{run.key}")
    return read_columns(run)


def read_columns(run: ProbeRun) -> ProbeColumns:
    """The responses of a finished run."""
    return _load(run.file)[0]


def finish_probe(*, run: ProbeRun, summaries: Sequence[Mapping[str, object]]) -> None:
    """Keep each classifier's metrics and mark the run finished, once."""
    with transaction.atomic():
        for each, summary in zip(run.probe_classifiers.order_by("position"), summaries, strict=True):
            ProbeClassifier.objects.filter(pk=each.pk).update(summary=dict(summary))
        ProbeRun.objects.filter(pk=run.pk, finished_at=None).update(finished_at=timezone.now())


def describe_probe(*, run: ProbeRun, device: str, versions: Mapping[str, str]) -> None:
    """Record what computes a run."""
    ProbeRun.objects.filter(pk=run.pk).update(device=device[:100], versions=dict(versions))


def _part_name(run: ProbeRun, number: int) -> str:
    return f"probes/{run.key}/{number}.npz"


def _store(name: str, columns: ProbeColumns, *, extra: Mapping[str, IntArray] | None = None) -> int:
    """Write a compressed file under exactly this name; returns its size in bytes."""
    arrays: dict[str, IntArray | FloatArray] = {"image": columns.image, **(extra or {})}
    arrays |= {f"{_DRAWN}{name}": drawn for name, drawn in columns.drawn.items()}
    for position, values in enumerate(columns.classifiers):
        for column, kind in COLUMNS.items():
            arrays[f"{position}_{column}"] = values[column].astype(kind)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    put_file(name, buffer.getvalue())
    return buffer.tell()


def _load(name: str) -> tuple[ProbeColumns, int]:
    with default_storage.open(name) as file, np.load(io.BytesIO(file.read())) as arrays:
        count = sum(key.endswith("_top1") for key in arrays.files)
        classifiers = tuple(
            {column: arrays[f"{position}_{column}"] for column in COLUMNS} for position in range(count)
        )
        unreadable = int(arrays["unreadable"][0]) if "unreadable" in arrays.files else 0
        drawn = {name.removeprefix(_DRAWN): arrays[name] for name in arrays.files if name.startswith(_DRAWN)}
        return ProbeColumns(arrays["image"], classifiers, drawn), unreadable


def _concatenated(parts: Sequence[ProbeColumns], run: ProbeRun) -> ProbeColumns:
    image = np.concatenate([part.image for part in parts]) if parts else np.empty(0, dtype=np.int64)
    count = run.probe_classifiers.count()
    return ProbeColumns(
        image,
        tuple(
            {
                column: np.concatenate([part.classifiers[position][column] for part in parts])
                for column in COLUMNS
            }
            for position in range(count)
        ),
        {
            name: np.concatenate([part.drawn[name] for part in parts])
            for name in (parts[0].drawn if parts else ())
        },
    )
