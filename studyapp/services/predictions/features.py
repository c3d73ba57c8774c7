"""Features of a dataset's images: one file per run in storage, read by image, added to without a lock.

The file is two NumPy arrays one after the other, read by two calls of `numpy.load`: image ids (n,) int64 and
features (n, d) float32.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray

from studyapp.models import Classifier, Dataset, FeatureRun, SkippedFile
from studyapp.services.catalogue.listings import LeftOut

# Rows that are copied at a time when files are joined.
ROWS = 4096


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """`images`: (n,) primary keys; `rows`: (n, d), on disk until they are read where storage is a folder."""

    images: NDArray[np.int64] = field(repr=False)
    rows: NDArray[np.float32] = field(repr=False)

    def of(self, images: Sequence[int]) -> tuple[list[int], NDArray[np.float32]]:
        """Those of `images` that have features, in the order given, and their rows."""
        order = np.argsort(self.images, kind="stable")
        wanted = np.asarray(images, dtype=np.int64)
        places = np.searchsorted(self.images, wanted, sorter=order)
        found = places < len(order)
        found[found] = self.images[order[places[found]]] == wanted[found]
        rows = np.asarray(self.rows[order[places[found]]], dtype=np.float32)
        return [int(image) for image in wanted[found]], rows


@transaction.atomic
def open_feature_run(*, dataset: Dataset, classifier: Classifier, layer: str) -> FeatureRun:
    """The run of these weights over this dataset at this layer; there is only ever one."""
    run, _ = FeatureRun.objects.get_or_create(
        dataset=dataset, classifier=classifier, weights_sha256=classifier.weights_sha256, layer=layer
    )
    return run


def describe_feature_run(*, run: FeatureRun, device: str, versions: Mapping[str, str]) -> None:
    """Record what computes a run; a run that several machines worked at names the last."""
    FeatureRun.objects.filter(pk=run.pk).update(device=device[:100], versions=dict(versions))


def stored_features(*, run: FeatureRun) -> StoredFeatures | None:
    """What the run's file holds; None before there is one."""
    return _opened(run.file) if run.file else None


def images_without_features(*, run: FeatureRun, images: Iterable[int]) -> list[int]:
    """Those of `images` that the run's file lacks, in their order."""
    stored = stored_features(run=run)
    there = set(stored.images.tolist()) if stored else set()
    return [image for image in images if image not in there]


def store_part(*, run: FeatureRun, part: str, images: Sequence[int], rows: NDArray[np.float32]) -> None:
    """Keep some of the run's features until `join_parts`; the same part may be stored again."""
    name = _part_name(run, part)
    # A worker that was killed while it wrote has left a file that ends too soon.
    default_storage.delete(name)
    with tempfile.TemporaryFile() as file:
        _write(file, np.asarray(images, dtype=np.int64), rows.shape[1:], [rows])
        saved = default_storage.save(name, File(file))
    if saved != name:
        # Somebody else stored the same part in between.
        default_storage.delete(saved)


def join_parts(*, run: FeatureRun, parts: Sequence[str]) -> None:
    """Add the stored parts to the run's file and drop them; parts that are gone were joined before."""
    names = [name for part in parts if default_storage.exists(name := _part_name(run, part))]
    joined = False
    while names and not joined:
        run.refresh_from_db()
        before = run.file
        pieces = [_opened(name) for name in ([before] if before else []) + names]
        after = default_storage.save(f"features/{run.pk}/{secrets.token_hex(8)}.npy", _joined(pieces))
        stored = _opened(after)
        # Another job may have added to the run meanwhile: then theirs is joined with ours again.
        joined = bool(
            FeatureRun.objects.filter(pk=run.pk, file=before).update(
                file=after, images=len(stored.images), dimensions=stored.rows.shape[1]
            )
        )
        obsolete = before if joined else after
        if obsolete:
            default_storage.delete(obsolete)
    for name in names:
        default_storage.delete(name)
    FeatureRun.objects.filter(pk=run.pk, finished_at=None).update(finished_at=timezone.now())
    run.refresh_from_db()


def note_unreadable(*, run: FeatureRun, files: Iterable[LeftOut]) -> None:
    """List files that could not be read with the dataset's skipped files."""
    SkippedFile.objects.bulk_create(
        (SkippedFile(dataset_id=run.dataset_id, name=file.name, reason=file.reason[:500]) for file in files),
        update_conflicts=True,
        unique_fields=["dataset", "name"],
        update_fields=["reason", "seen_at"],
    )


def _part_name(run: FeatureRun, part: str) -> str:
    return f"features/{run.pk}/parts/{part}.npy"


def _opened(name: str) -> StoredFeatures:
    try:
        path = default_storage.path(name)
    except NotImplementedError:
        with default_storage.open(name) as file:
            return StoredFeatures(np.load(file), np.load(file))
    with open(path, "rb") as file:
        images = np.load(file)
        shape, _, kind = _header(file)
        if 0 in shape:
            return StoredFeatures(images, np.empty(shape, np.float32))
        return StoredFeatures(images, np.memmap(path, dtype=kind, mode="r", offset=file.tell(), shape=shape))


def _header(file: IO[bytes]) -> tuple[Any, bool, np.dtype[Any]]:
    np.lib.format.read_magic(file)
    return np.lib.format.read_array_header_1_0(file)


def _joined(pieces: Sequence[StoredFeatures]) -> File[bytes]:
    """All pieces in one file, every image once: the first piece that has it counts."""
    images = np.concatenate([piece.images for piece in pieces])
    _, first = np.unique(images, return_index=True)
    kept = np.zeros(len(images), dtype=bool)
    kept[first] = True
    ends = np.cumsum([len(piece.images) for piece in pieces])
    rows: list[NDArray[np.float32]] = []
    for piece, end in zip(pieces, ends, strict=True):
        mask = kept[end - len(piece.images) : end]
        rows.append(piece.rows if mask.all() else piece.rows[mask])
    # Closed, and so deleted, when storage is done with it.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    _write(file, images[kept], pieces[-1].rows.shape[1:], rows)
    return File(file, name="features.npy")


def _write(
    file: IO[bytes],
    images: NDArray[np.int64],
    shape: tuple[int, ...],
    rows: Sequence[NDArray[np.float32]],
) -> None:
    np.save(file, images)
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": (len(images), *shape)}
    )
    for block in rows:
        for start in range(0, len(block), ROWS):
            file.write(np.ascontiguousarray(block[start : start + ROWS], dtype="<f4").tobytes())
    file.seek(0)
