"""Writes of probe runs, and the columns of responses that they keep."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from studyapp.analysis.arrays import FloatArray, IntArray
from studyapp.models import Classifier, Dataset, ProbeClassifier, ProbeRun
from studyapp.services.refusals import Refused
from studyapp.services.stored_files import delete_parts, put_file

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
#: Changes of each image. A probe's pages list all of them.
MOST_SETTINGS = 1000
_DRAWN = "drawn_"


@dataclass(frozen=True, slots=True, eq=False)
class ProbeColumns:
    """The responses of a run: `image` [n] primary keys, and per classifier each of COLUMNS [n, S + 1].

    `drawn`: whatever was drawn for each image, by name, n rows each.
    """

    image: IntArray
    classifiers: tuple[Columns, ...]
    drawn: Mapping[str, IntArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class StoredColumns:
    """The same in storage: an array is read when it is asked for, and no other with it."""

    arrays: NpzFile

    @property
    def image(self) -> IntArray:
        """[n] primary keys."""
        return self._array("image")

    def of(self, position: int, column: str) -> NDArray[Any]:
        """One of COLUMNS of the classifier at a position, [n, S + 1] in the type that it is kept in."""
        return self._array(f"{position}_{column}")

    def drawn(self) -> dict[str, IntArray]:
        """Whatever was drawn for each image, by name, n rows each."""
        names = (name.removeprefix(_DRAWN) for name in self.arrays.files if name.startswith(_DRAWN))
        return {name: self._array(f"{_DRAWN}{name}") for name in names}

    def _array(self, name: str) -> IntArray:
        array: IntArray = self.arrays[name]
        return array


def refuse_many(settings: int, remedy: str) -> None:
    """Raise Refused for more changes of each image than a probe takes; `remedy` says what to mend."""
    if settings > MOST_SETTINGS:
        raise Refused(
            f"{settings:,} changes of every image are more than the {MOST_SETTINGS:,} that a probe takes. "
            f"{remedy}"
        )


@transaction.atomic
def open_probe(
    *,
    kind: ProbeRun.Kind,
    dataset: Dataset,
    classifiers: Sequence[Classifier],
    parameters: Mapping[str, object],
) -> ProbeRun:
    """The probe of these weights over this dataset with these parameters; there is only ever one.

    Images that were imported since belong to another: what has been published of a run stays what it says.
    """
    told_apart: list[object] = [
        kind.value,
        dict(parameters),
        [[classifier.pk, classifier.weights_sha256] for classifier in classifiers],
    ]
    # Runs that are older than this rule are told apart without their images.
    old = ProbeRun.objects.filter(dataset=dataset, digest=_digest(told_apart)).first()
    if old is not None and (old.finished_at is None or not images_since(old)):
        return old
    told_apart.append(list(dataset.images.order_by("pk").values_list("pk", flat=True)))
    run, new = ProbeRun.objects.get_or_create(
        dataset=dataset, digest=_digest(told_apart), defaults={"kind": kind, "parameters": dict(parameters)}
    )
    if new:
        ProbeClassifier.objects.bulk_create(
            ProbeClassifier(
                run=run, classifier=classifier, position=position, weights_sha256=classifier.weights_sha256
            )
            for position, classifier in enumerate(classifiers)
        )
    return run


def images_since(run: ProbeRun) -> int:
    """How many images the dataset of a finished run has that were imported after it began."""
    return max(0, run.dataset.images.count() - run.images - run.unreadable)


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


def join_parts(*, run: ProbeRun, parts: int) -> None:
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
    delete_parts(_part_name(run, number) for number in range(parts))


@contextmanager
def open_columns(run: ProbeRun) -> Iterator[StoredColumns]:
    """The responses of a run whose parts are joined, to be read while inside."""
    with _opened(run.file) as arrays:
        yield StoredColumns(arrays)


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
    with _opened(name) as arrays:
        stored = StoredColumns(arrays)
        count = sum(key.endswith("_top1") for key in arrays.files)
        classifiers = tuple(
            {column: stored.of(position, column) for column in COLUMNS} for position in range(count)
        )
        return ProbeColumns(stored.image, classifiers, stored.drawn()), int(arrays["unreadable"][0])


@contextmanager
def _opened(name: str) -> Iterator[NpzFile]:
    with default_storage.open(name) as file:
        # An array is read by going to its place in the file; what cannot be gone about in is read whole.
        source = file if file.seekable() else io.BytesIO(file.read())
        with np.load(source) as arrays:
            yield arrays


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


def _digest(told_apart: object) -> str:
    return hashlib.sha256(json.dumps(told_apart, sort_keys=True).encode()).hexdigest()
