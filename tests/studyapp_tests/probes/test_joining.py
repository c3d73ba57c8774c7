"""The parts of a run become one file, however often the process that joins them was killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage

from studyapp.models import Classifier, ProbeClassifier, ProbeRun, ShiftMaps, ShiftRun
from studyapp.services.probes import runs as probes
from studyapp.services.probes import shift_runs
from studyapp.services.probes.runs import COLUMNS, ProbeColumns
from studyapp.services.probes.shift_maps import PROBABILITY, MapSet, read_maps
from studyapp.services.probes.shift_runs import AskedClassifier, ShiftFacts
from tests.studyapp_tests.factories import make_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> None:
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "m"}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}


@pytest.fixture
def probed() -> ProbeRun:
    """A probe of one classifier with two parts of two images each."""
    dataset = make_dataset("set", images=4)
    run = ProbeRun.objects.create(kind=ProbeRun.Kind.COLOUR, dataset=dataset, digest="0" * 64)
    classifier = Classifier.objects.create(name="toy", class_list=dataset.class_list)
    ProbeClassifier.objects.create(run=run, classifier=classifier, position=0)
    for number in range(2):
        write_part(run, number)
    return run


def write_part(run: ProbeRun, number: int) -> None:
    answers = {column: np.full((2, 3), number + 1) for column in COLUMNS}
    images = np.array([2 * number, 2 * number + 1])
    probes.write_part(run=run, number=number, columns=ProbeColumns(images, (answers,)), unreadable=number)


def is_joined(run: ProbeRun) -> None:
    run.refresh_from_db()
    assert (run.images, run.unreadable) == (4, 1)
    with probes.open_columns(run) as kept:
        assert kept.image.tolist() == [0, 1, 2, 3]
        assert kept.of(0, "top1").tolist() == [[1] * 3, [1] * 3, [2] * 3, [2] * 3]
    assert not probes.parts_there(run)
    assert not default_storage.exists(f"probes/{run.key}")


def test_parts_of_a_probe_are_joined_again_wherever_that_was_killed(probed: ProbeRun) -> None:
    probes.join_parts(run=probed, parts=2)
    is_joined(probed)
    # After the last part was deleted, and between the first and the second.
    probes.join_parts(run=probed, parts=2)
    is_joined(probed)
    write_part(probed, 1)
    probes.join_parts(run=probed, parts=2)
    is_joined(probed)
    # Before the file was recorded.
    ProbeRun.objects.update(file="", images=0, unreadable=0)
    probed.refresh_from_db()
    for number in range(2):
        write_part(probed, number)
    probes.join_parts(run=probed, parts=2)
    is_joined(probed)


def test_maps_of_a_shift_are_joined_again_wherever_that_was_killed() -> None:
    class_list = make_dataset("set", images=1).class_list
    asked = [
        AskedClassifier(Classifier.objects.create(name=name, class_list=class_list))
        for name in ("first", "second")
    ]
    facts = ShiftFacts(ShiftRun.Way.CROP, "wide", b"picture", b"", 2, 2, 1, 8, 8)
    run = shift_runs.open_shift_run(facts=facts, target=0, target_name="dark", asked=asked)
    parts = {0: [0, 1], 1: [2, 3]}

    def write(numbers: list[int]) -> None:
        for number in numbers:
            maps = MapSet({PROBABILITY: np.full(2, number / 4)}, np.zeros(2, dtype=np.int64))
            shift_runs.write_part(run=run, number=number, part=maps)

    def finish() -> None:
        shift_runs.finish_run(run=run, parts=parts)
        for position, expected in enumerate(([[0.0, 0.0], [0.25, 0.25]], [[0.5, 0.5], [0.75, 0.75]])):
            found = read_maps(run.maps.get(position=position).file)
            assert found is not None
            assert found.maps[PROBABILITY].tolist() == expected
        assert sorted(default_storage.listdir(f"shifts/{run.key}")[1]) == ["0.npz", "1.npz", "picture.png"]
        assert not default_storage.exists(f"shifts/{run.key}/parts")

    write([0, 1, 2, 3])
    finish()
    # After the last part was deleted, and between two of them.
    ShiftRun.objects.update(finished_at=None)
    finish()
    write([3])
    finish()
    # Between the two classifiers: the first one's file is recorded, no part is deleted.
    ShiftMaps.objects.filter(position=1).update(file="")
    write([0, 1, 2, 3])
    finish()
    run.refresh_from_db()
    assert run.finished_at is not None
