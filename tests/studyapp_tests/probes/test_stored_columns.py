"""What a finished probe has in storage: pages read the arrays that they show, and counts without any."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, default_storage

from studyapp.models import ProbeClassifier, ProbeRun
from studyapp.services.probes.colour import settings_of
from studyapp.services.probes.colour_flips import flipping_images
from studyapp.services.probes.flips import CHANGED, changed_counts, read_flips
from studyapp.services.probes.runs import open_columns
from studyapp.services.stored_files import put_file
from tests.studyapp_tests.probes.finished import GRID, RESPONSES, finished_probe

pytestmark = pytest.mark.django_db

# By hand from RESPONSES: of alpha's images 0 turns at 30, 1 at 180, 2 at 330 and at saturation 0.
COUNTS = {"alpha": (1, 1, 1, 1), "beta": (1, 1, 0, 0)}


class Forwards(File):  # type: ignore[type-arg]
    """A file that is read from beginning to end, as some that come over a network are."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation("seek")


class ForwardsStorage(FileSystemStorage):
    """Storage of such files."""

    def _open(self, name: str, mode: str = "rb") -> Forwards:
        return Forwards(super()._open(name, mode).file, name)


@pytest.fixture(autouse=True)
def own_media(settings: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}
    return folder


@pytest.fixture
def run(tmp_path: Path) -> ProbeRun:
    return finished_probe(tmp_path / "pictures")


def keep_only(run: ProbeRun, *names: str) -> None:
    """Take everything else out of the run's file."""
    with open_columns(run) as columns:
        kept = {name: columns.arrays[name] for name in names}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **kept)
    put_file(run.file, buffer.getvalue())


def test_flips_of_a_classifier_read_its_top1_and_nothing_of_others(run: ProbeRun) -> None:
    keep_only(run, "image", "1_top1")
    flips = read_flips(run=run, classifier="beta")
    assert flips.changed.sum(axis=0).tolist() == list(COUNTS["beta"])
    assert flips.before[0].tolist() == [0, 0, 0, 0]
    assert flips.after[0].tolist() == RESPONSES["beta"][0][1:]
    with pytest.raises(KeyError, match="0_top1"):
        read_flips(run=run, classifier="alpha")


def test_flips_are_kept_as_small_as_they_are_stored(run: ProbeRun) -> None:
    flips = read_flips(run=run, classifier="alpha")
    cells = len(flips.image) * len(flips.settings)
    assert flips.before.nbytes + flips.after.nbytes + flips.changed.nbytes == 5 * cells


def test_the_counts_of_a_summary_open_no_file(run: ProbeRun) -> None:
    default_storage.delete(run.file)
    assert changed_counts(run=run) == COUNTS


def test_the_counts_of_a_run_without_them_are_taken_once(run: ProbeRun) -> None:
    for each in run.probe_classifiers.all():
        without = {name: value for name, value in each.summary.items() if name != CHANGED}
        ProbeClassifier.objects.filter(pk=each.pk).update(summary=without)
    assert changed_counts(run=run) == COUNTS
    default_storage.delete(run.file)
    assert changed_counts(run=run) == COUNTS


def test_storage_that_cannot_seek_is_read_whole(run: ProbeRun, settings: Any, own_media: Path) -> None:
    backend = f"{__name__}.{ForwardsStorage.__name__}"
    kept = {"BACKEND": backend, "OPTIONS": {"location": str(own_media)}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}
    with open_columns(run) as columns:
        assert columns.of(0, "top1").shape == (8, len(GRID) + 1)
        assert len(columns.image) == 8


@pytest.mark.parametrize("axis", ["hue", "saturation"])
@pytest.mark.parametrize("within", [0.0, 30.0, 150.0, 180.0])
def test_the_nearest_flip_is_that_of_a_search_through_all(run: ProbeRun, axis: Any, within: float) -> None:
    flips = read_flips(run=run, classifier="alpha")
    settings = settings_of(run)
    directions = ("right_to_wrong", "wrong_to_right", "wrong_to_wrong")
    found = flipping_images(flips, settings, axis=axis, within=within, directions=directions)
    far = {"hue": [30.0, 180.0, 30.0], "saturation": [1.0]}
    places = {"hue": [0, 1, 2], "saturation": [3]}[axis]
    expected = []
    for row in range(len(flips.image)):
        turns = [
            (distance, place)
            for distance, place in zip(far[axis], places, strict=True)
            if distance <= within and flips.before[row, place] != flips.after[row, place]
        ]
        if turns:
            distance, place = min(turns)
            expected.append((distance, int(flips.image[row]), row, place))
    assert [(row, place) for _, _, row, place in sorted(expected)] == list(
        zip(found.row.tolist(), found.nearest.tolist(), strict=True)
    )
