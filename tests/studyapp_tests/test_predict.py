"""predict: rankings worked out by hand, repeats, resumption, files that went bad, lists that differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from studyapp.analysis.intervals import wilson
from studyapp.models import (
    Chunk,
    Classifier,
    Dataset,
    Job,
    Prediction,
    PredictionRun,
    SkippedFile,
    Study,
    StudyClassifier,
)
from studyapp.services.jobs import JobFailure
from studyapp.tasks import predict
from studyapp.tasks.chunks import work_here, work_one_turn
from studyapp.tasks.predict import predict_dataset
from tests.studyapp_tests.networks import grey_picture, probabilities, write_classes, write_weights

pytestmark = pytest.mark.django_db

LEVELS = {"dark": (10, 120, 20), "middle": (128, 100, 250), "bright": (240,)}


def command(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path) -> Iterator[None]:
    """Without it a picture that another test has decoded would come from the cache of crops."""
    with override_settings(VAR=tmp_path / "var"):
        yield


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, levels in LEVELS.items():
        for level in levels:
            grey_picture(tmp_path / "pictures" / name / f"{level}.png", level)
    return tmp_path / "pictures"


@pytest.fixture
def grey(root: Path) -> Classifier:
    """The dataset "greys" (7 pictures, 2 of them mislabelled) and the classifier "grey"."""
    classes = str(write_classes(root.parent / "classes.csv"))
    command("import_dataset", "greys", str(root), "--classes", classes)
    weights = str(write_weights(root.parent / "grey.safetensors"))
    command(
        *("add_classifier", "grey", "--architecture", "digits_linear"),
        *("--weights", weights, "--classes", classes),
    )
    return Classifier.objects.get(name="grey")


def greys() -> Dataset:
    return Dataset.objects.get(name="greys")


def test_every_image_gets_its_ranking_and_probabilities(grey: Classifier) -> None:
    command("predict", "greys", "grey")
    found = {each.image.name: each for each in Prediction.objects.select_related("image", "predicted")}
    assert len(found) == 7
    bright = found["bright/240.png"]
    expected = probabilities(240)
    assert bright.predicted.name == "bright"
    assert bright.ranking == sorted(range(3), key=lambda index: -expected[index])
    assert bright.probabilities == pytest.approx(sorted(expected, reverse=True), abs=1e-6)
    assert bright.probability == bright.probabilities[0]
    wrong = {name for name, each in found.items() if not each.top1_correct}
    assert wrong == {"dark/120.png", "middle/250.png"}
    assert all(each.top5_correct for each in found.values())


def test_the_standard_errors_come_with_wilsons_interval(grey: Classifier) -> None:
    result = command("predict", "greys", "grey")
    interval = wilson(2, 7)
    assert result["standard_top1_error"] == 2 / 7
    assert result["standard_top1_interval"] == [interval.low, interval.high]
    assert result["standard_top5_error"] == 0.0
    assert (result["images"], result["without_prediction"]) == (7, 0)
    out = StringIO()
    call_command("predict", "greys", "grey", stdout=out)
    assert "standard top-1 error 28.57% (2 of 7)" in out.getvalue()


def test_the_run_says_what_computed_it(grey: Classifier) -> None:
    command("predict", "greys", "grey")
    run = PredictionRun.objects.get()
    assert run.weights_sha256 == grey.weights_sha256
    assert run.finished_at is not None
    assert {"torch", "torchvision", "pillow"} <= set(run.versions)
    assert run.device
    assert run.parameters["ranks"] == 20


def test_repeating_a_complete_run_does_nothing(grey: Classifier) -> None:
    first = command("predict", "greys", "grey")
    rows = list(Prediction.objects.values_list("pk", flat=True))
    again = command("predict", "greys", "grey")
    assert {**first, "seconds": 0} == {**again, "seconds": 0}
    assert list(Prediction.objects.values_list("pk", flat=True)) == rows
    assert (Job.objects.filter(kind="predict").count(), PredictionRun.objects.count()) == (1, 1)


def test_an_image_that_came_later_is_predicted_on_the_next_run(grey: Classifier, root: Path) -> None:
    command("predict", "greys", "grey")
    grey_picture(root / "dark" / "5.png", 5)
    command("import_dataset", "greys", str(root), "--classes", str(root.parent / "classes.csv"))
    assert command("predict", "greys", "grey")["images"] == 8


def test_a_study_keeps_the_images_it_was_made_from(grey: Classifier, root: Path) -> None:
    command("predict", "greys", "grey")
    study = Study.objects.create(name="kept", dataset=greys(), protocol={}, protocol_sha256="0")
    StudyClassifier.objects.create(study=study, classifier=grey, run=PredictionRun.objects.get(), position=0)
    grey_picture(root / "dark" / "5.png", 5)
    command("import_dataset", "greys", str(root), "--classes", str(root.parent / "classes.csv"))
    with pytest.raises(CommandError, match="greys has grown since study kept"):
        command("predict", "greys", "grey")
    assert Prediction.objects.count() == 7


def test_a_chunk_that_runs_twice_writes_its_rows_once(grey: Classifier) -> None:
    run, _ = predict_dataset(greys(), grey, progress=False)
    before = list(run.predictions.values("pk", "image", "ranking"))
    Chunk.objects.filter(job__kind="predict").update(state=Chunk.State.WAITING)
    Job.objects.filter(kind="predict").update(state=Job.State.QUEUED, done=0)
    run.predictions.filter(image__name="dark/10.png").delete()
    work_here(Job.objects.get(kind="predict"), progress=False)
    after = list(run.predictions.values("pk", "image", "ranking"))
    assert len(after) == 7
    assert [row for row in after if row in before] == [row for row in before if row in after]
    assert len([row for row in after if row in before]) == 6


def test_an_interrupted_run_goes_on_where_it_stood(grey: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "CHUNK", 2)
    _, job = predict_dataset(greys(), grey, queue="gpu")
    assert job is not None
    assert (job.total, job.chunks.count(), job.queue) == (7, 4, "gpu")

    def interrupt(chunk: Chunk) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_one_turn(job, seconds=None, on_done=interrupt)
    assert job.chunks.filter(state=Chunk.State.DONE).count() == 1
    assert not job.chunks.filter(state=Chunk.State.CLAIMED).exists()
    assert Prediction.objects.count() == 2
    result = command("predict", "greys", "grey")
    assert result["images"] == 7
    assert Job.objects.filter(kind="predict").count() == 1
    assert set(job.chunks.values_list("attempts", flat=True)) == {1}


def test_a_crop_that_was_decoded_before_is_not_decoded_again(grey: Classifier, root: Path) -> None:
    command("predict", "greys", "grey")
    (root / "dark/10.png").unlink()
    # Another precision is another run over the same crops.
    assert command("predict", "greys", "grey", "--precision", "bfloat16")["images"] == 7


def test_a_file_that_went_bad_is_recorded_and_the_rest_is_predicted(grey: Classifier, root: Path) -> None:
    (root / "dark/10.png").unlink()
    (root / "dark/20.png").write_bytes(b"no picture any more")
    result = command("predict", "greys", "grey")
    assert (result["images"], result["without_prediction"], result["top1_errors"]) == (5, 2, 2)
    reasons = dict(SkippedFile.objects.values_list("name", "reason"))
    assert set(reasons) == {"dark/10.png", "dark/20.png"}
    assert "has changed since it was imported" in reasons["dark/20.png"]
    grey_picture(root / "dark/10.png", 10)
    assert command("predict", "greys", "grey")["images"] == 6


def test_a_class_that_the_classifier_does_not_know_is_refused_with_the_counts(
    grey: Classifier, root: Path
) -> None:
    grey_picture(root / "violet" / "1.png", 77)
    grey_picture(root / "violet" / "2.png", 78)
    command("import_dataset", "colours", str(root))
    with pytest.raises(CommandError, match=r"1 of the 4 classes of colours \(2 of 9 images\): violet"):
        command("predict", "colours", "grey")
    assert not PredictionRun.objects.exists()


def test_classes_are_matched_by_name_where_the_lists_differ(grey: Classifier, root: Path) -> None:
    # Its own list, from the folders: bright, dark, middle.
    command("import_dataset", "own-list", str(root))
    result = command("predict", "own-list", "grey")
    assert result["top1_errors"] == 2
    wrong = Prediction.objects.filter(run__dataset__name="own-list", top1_correct=False)
    assert set(wrong.values_list("image__name", flat=True)) == {"dark/120.png", "middle/250.png"}
    assert set(wrong.values_list("predicted__class_list", flat=True)) == {grey.class_list_id}


def test_a_wnid_goes_before_a_name_when_lists_are_matched(tmp_path: Path) -> None:
    grey_picture(tmp_path / "a.png", 10)
    (tmp_path / "labels.csv").write_text("path,class_index,class_name,wnid\na.png,0,crane,n00000002\n")
    classes = "class_index,class_name,wnid\n0,crane,n00000001\n1,lifting machine,n00000002\n2,c,n00000003\n"
    theirs = str(write_classes(tmp_path / "classes.csv", classes))
    weights = str(write_weights(tmp_path / "grey.safetensors"))
    command("import_dataset", "cranes", str(tmp_path), "--labels", str(tmp_path / "labels.csv"))
    command(
        *("add_classifier", "grey", "--architecture", "digits_linear"),
        *("--weights", weights, "--classes", theirs),
    )
    # The picture is dark: the network says index 0, which has the name and not the wnid.
    assert command("predict", "cranes", "grey")["top1_errors"] == 1


def test_changed_weights_fail_with_a_remedy_and_retry_works_once_they_are_back(
    grey: Classifier, root: Path
) -> None:
    predict.load_prepared.__globals__["_loaded"].clear()
    weights = root.parent / "grey.safetensors"
    content = weights.read_bytes()
    write_weights(weights, offset=1.0)
    with pytest.raises(CommandError, match="have changed since it was registered"):
        command("predict", "greys", "grey")
    job = Job.objects.get(kind="predict")
    assert job.state == Job.State.FAILED
    assert "Put the old weights back" in job.remedy
    weights.write_bytes(content)
    assert command("predict", "greys", "grey")["images"] == 7
    assert Job.objects.get(kind="predict").state == Job.State.DONE


def test_each_precision_is_a_run_of_its_own_and_automatic_mixed_precision_needs_cuda(
    grey: Classifier,
) -> None:
    command("predict", "greys", "grey")
    command("predict", "greys", "grey", "--precision", "bfloat16")
    assert set(PredictionRun.objects.values_list("precision", flat=True)) == {"float32", "bfloat16"}
    import torch

    if not torch.cuda.is_available():
        with pytest.raises(CommandError, match="for CUDA devices"):
            command("predict", "greys", "grey", "--precision", "amp")


def test_with_queue_the_workers_get_the_job_and_the_command_prints_its_id(grey: Classifier) -> None:
    result = command("predict", "greys", "grey", "--queue")
    job = Job.objects.get(kind="predict")
    assert result == {"job": job.pk, "state": "queued", "queue": "default"}
    assert PredictionRun.objects.get().job == job
    assert not Prediction.objects.exists()


def test_names_without_pixels_and_classifiers_without_network_are_refused(
    grey: Classifier, tmp_path: Path
) -> None:
    (tmp_path / "names.csv").write_text("image,class\nx.jpg,dark\n")
    command("import_dataset", "names", "-", "--no-files", "--labels", str(tmp_path / "names.csv"))
    with pytest.raises(CommandError, match="import_predictions"):
        command("predict", "names", "grey")
    command("add_classifier", "theirs", "--classes", str(tmp_path / "classes.csv"))
    with pytest.raises(CommandError, match="import_predictions"):
        command("predict", "greys", "theirs")
    with pytest.raises(CommandError, match=r"no dataset nowhere \(there are: greys, names\)"):
        command("predict", "nowhere", "grey")
    with pytest.raises(JobFailure, match="no network here"):
        predict.load_prepared(Classifier.objects.get(name="theirs"))
