"""Workers killed while they compute features and while they choose examples: the next goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.test import override_settings
from PIL import Image as Picture
from safetensors.torch import save_file

from studyapp.models import Chunk, Classifier, Dataset, ExampleSelection, FeatureRun, Job
from studyapp.services.examples.plan import ExampleRequest
from studyapp.services.predictions.features import stored_features
from studyapp.tasks import examples, features
from studyapp.tasks.examples import select_examples
from tests.studyapp_tests.example_files import storages_in
from tests.studyapp_tests.workers import Worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

CATEGORIES, EACH = 3 * examples.CHUNK, 20


def test_features_and_selections_whose_workers_were_killed_are_finished_by_the_next(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for category in range(CATEGORIES):
        folder = tmp_path / "pictures" / f"c{category:02}"
        folder.mkdir(parents=True)
        for number in range(EACH):
            Picture.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / f"{number:02}.png")
    classes = tmp_path / "classes.csv"
    classes.write_text(
        "class_index,class_name\n" + "".join(f"{index},c{index:02}\n" for index in range(CATEGORIES))
    )
    # The worker keeps its files in the same folder.
    with override_settings(VAR=tmp_path, STORAGES=storages_in(tmp_path / "media")):
        call_command("import_dataset", "greys", str(tmp_path / "pictures"), "--classes", str(classes))
        weights = tmp_path / "grey.safetensors"
        save_file({"1.weight": torch.ones(CATEGORIES, 64), "1.bias": torch.zeros(CATEGORIES)}, str(weights))
        call_command(
            *("add_classifier", "grey", "--architecture", "digits_linear"),
            *("--weights", str(weights), "--classes", str(classes)),
        )
        selection, job = select_examples(
            Dataset.objects.get(),
            Classifier.objects.get(),
            ExampleRequest("mmd_critic", 3, 3),
            queue="default",
            progress=False,
        )
        assert job is not None
        assert job.kind == features.KIND
        with Worker(tmp_path) as worker:
            wait_until(
                lambda: Chunk.objects.filter(job=job, state=Chunk.State.DONE).exists(),
                what="the first chunk of features",
            )
            worker.kill()
        with Worker(tmp_path) as worker:
            wait_until(
                lambda: bool(ExampleSelection.objects.get().draws), what="the first category's examples"
            )
            worker.kill()
        first = dict(ExampleSelection.objects.get().draws)
        rows = set(selection.examples.values_list("pk", flat=True))
        with Worker(tmp_path):
            wait_until(
                lambda: not Job.objects.filter(kind=examples.KIND).exclude(state=Job.State.DONE).exists(),
                what="the rest of the selection",
            )
        selection.refresh_from_db()
        assert selection.finished_at is not None
        assert first.items() <= selection.draws.items()
        assert rows <= set(selection.examples.values_list("pk", flat=True))
        assert len(selection.draws) == CATEGORIES
        assert selection.examples.count() == 6 * CATEGORIES
        run = FeatureRun.objects.get()
        kept = stored_features(run=run)
        assert kept is not None
        assert len(set(kept.images.tolist())) == len(kept.images) == run.images == CATEGORIES * EACH
        assert default_storage.listdir(f"features/{run.pk}")[1] == [run.file.rpartition("/")[2]]
        assert default_storage.listdir(f"features/{run.pk}/parts")[1] == []
        assert set(Job.objects.filter(kind__in=(features.KIND, examples.KIND)).values_list("state")) == {
            (Job.State.DONE,)
        }
