"""Attacks over a dataset: what the rows and files say, worked out by hand; repeats, failures, refusals."""

from __future__ import annotations

import io
import json
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import override_settings
from PIL import Image as Picture
from torch import nn

from inference.attack_parameters import AttackParameters
from inference.attack_parameters import step_in_grey_levels as grey_levels_of_networks
from inference.preprocessing import Preprocessing, caffe_squeezenet, digits, efficientnet_lite, imagenet
from studyapp.analysis.attack_summary import step_in_grey_levels
from studyapp.models import (
    AdversarialImage,
    AttackRun,
    Chunk,
    Classifier,
    Dataset,
    Job,
    PredictionRun,
    Study,
    StudyClassifier,
)
from studyapp.protocol.attack import AttackPlan
from studyapp.services.attacks.runs import adversarial_name, attack_run_for, images_to_attack
from studyapp.services.refusals import Refused
from studyapp.tasks import attacks, classifiers
from studyapp.tasks.chunks import work_here, work_one_turn
from tests.studyapp_tests.networks import SLOPES, grey_picture, write_classes, write_weights

pytestmark = pytest.mark.django_db

Outcome = AdversarialImage.Outcome
# "middle" is right from 64 to 191; its gradient darkens a picture that is nearer to "bright", whose
# probability there is larger. dark/120 is wrong at the start.
LEVELS = {"dark": (10, 62, 120), "middle": (68, 128, 190), "bright": (194, 240)}
STEP = AttackPlan(step=1 / 255, space="pixel", grid=True)


def command(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> None:
    """Media and caches apart from the installation's."""
    settings.VAR = tmp_path / "var"
    folder = tmp_path / "var" / "media"
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, levels in LEVELS.items():
        for level in levels:
            grey_picture(tmp_path / "pictures" / name / f"{level}.png", level)
    return tmp_path / "pictures"


@pytest.fixture
def grey(root: Path) -> Classifier:
    """The dataset "greys" (8 pictures, one mislabelled), the classifier "grey" and its predictions."""
    classes = str(write_classes(root.parent / "classes.csv"))
    command("import_dataset", "greys", str(root), "--classes", classes)
    weights = str(write_weights(root.parent / "grey.safetensors"))
    command(
        *("add_classifier", "grey", "--architecture", "digits_linear"),
        *("--weights", weights, "--classes", classes),
    )
    command("predict", "greys", "grey")
    return Classifier.objects.get(name="grey")


def greys() -> Dataset:
    return Dataset.objects.get(name="greys")


def rows() -> dict[str, AdversarialImage]:
    return {
        row.image.name: row for row in AdversarialImage.objects.select_related("image", "displayed_predicted")
    }


def stored_pixels(row: AdversarialImage) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with default_storage.open(row.file) as file:
        return np.array(Picture.open(io.BytesIO(file.read())))


def files() -> set[str]:
    found: set[str] = set()
    folders, _ = default_storage.listdir("adversarial") if default_storage.exists("adversarial") else ([], [])
    for folder in folders:
        found |= {
            f"adversarial/{folder}/{name}" for name in default_storage.listdir(f"adversarial/{folder}")[1]
        }
    return found


def grid_attack(*more: str) -> dict[str, Any]:
    return command("attack", "greys", "grey", "--space", "pixel", "--step", "1/255", "--grid", *more)


def test_the_steps_are_those_worked_out_by_hand(grey: Classifier) -> None:
    grid_attack()
    found = rows()
    assert len(found) == 8
    # dark falls to middle above 255/4 = 63.75 and bright below 255 * 3/4 = 191.25.
    assert found["dark/62.png"].steps_to_flip == 2
    assert found["bright/194.png"].steps_to_flip == 3
    assert found["dark/10.png"].steps_to_flip == 11
    assert found["bright/240.png"].steps_to_flip == 11
    # From 190, every step makes "middle" less likely than "bright": two steps up.
    assert found["middle/190.png"].steps_to_flip == 2
    assert found["middle/68.png"].steps_to_flip == 5
    wrong = found["dark/120.png"]
    assert (wrong.outcome, wrong.steps_to_flip, wrong.file) == (Outcome.WRONG_AT_START, 0, "")
    assert wrong.clean_predicted is not None
    assert wrong.clean_predicted.name == "middle"


def test_what_is_stored_is_lossless_and_what_is_judged(grey: Classifier) -> None:
    grid_attack()
    row = rows()["dark/62.png"]
    pixels = stored_pixels(row)
    assert pixels.shape == (8, 8, 3)
    assert (pixels == 64).all()
    assert row.file == adversarial_name(row.key)
    logits = torch.tensor([0.0, 4 * 64 / 255 - 1, 8 * 64 / 255 - 4])
    assert row.displayed_ranking == [1, 0, 2]
    assert row.displayed_predicted is not None
    assert row.displayed_predicted.name == "middle"
    assert row.displayed_probability == pytest.approx(float(logits.softmax(0)[1]), abs=1e-6)
    assert row.displayed_true_probability == pytest.approx(float(logits.softmax(0)[0]), abs=1e-6)
    assert (row.displayed_linf, row.float_linf, row.side) == (2, 2, 8)
    assert row.displayed_l2 == pytest.approx(np.sqrt(8 * 8 * 3 * 4))
    assert len(files()) == AdversarialImage.objects.filter(outcome=Outcome.ATTACKED).count() == 7


def test_accuracy_before_and_after_has_its_numerators_and_denominators(grey: Classifier) -> None:
    result = grid_attack()
    whole, attacked = result["tables"]["accuracy"]
    assert (whole["of"], whole["images"], whole["before_right"]) == ("all images of the dataset", 8, 7)
    standing = [row for row in rows().values() if row.outcome == Outcome.ATTACKED and row.steps_to_flip == 11]
    assert whole["displayed_right"] == attacked["displayed_right"] == len(standing)
    assert whole["displayed_accuracy"] == len(standing) / 8
    assert (attacked["images"], attacked["before_accuracy"]) == (7, 1.0)
    assert attacked["displayed_accuracy"] == pytest.approx(len(standing) / 7)
    steps = result["tables"]["steps_to_flip"]
    assert [row["step"] for row in steps] == [*map(str, range(11)), "never"]
    assert steps[0]["float_right"] == 7
    assert sum(row["float_flips"] or 0 for row in steps) == 7
    assert steps[-1]["float_flips"] == len(standing)
    assert result["grey_levels_per_step"] == pytest.approx([1, 1, 1])
    out = StringIO()
    call_command("attack", "greys", "grey", "--space", "pixel", "--step", "1/255", "--grid", stdout=out)
    assert "all images of the dataset" in out.getvalue()
    assert "0.00392157 of [0, 1] pixels (1 grey level of 255)" in out.getvalue()


def test_rounding_loses_what_float_won(grey: Classifier) -> None:
    # 0.3 grey levels a step: 190 is mistaken in float at 191.5 (5 steps) and shows 192 then; 194 falls
    # below 191.25 at the tenth step and is rounded to 191.
    result = command(
        *("attack", "greys", "grey", "--space", "pixel", "--step", "0.3/255", "--stop", "float_flip")
    )
    found = rows()
    assert found["middle/190.png"].steps_to_flip == 5
    assert found["bright/194.png"].steps_to_flip == 10
    lost = [
        row
        for row in found.values()
        if row.steps_to_flip in range(1, 11) and row.displayed_predicted == row.true
    ]
    rounding = {row["what"]: row["images"] for row in result["tables"]["rounding"]}
    assert rounding["of those: lost by rounding"] == len(lost)
    flipped = [row for row in found.values() if row.steps_to_flip in range(1, 11)]
    assert rounding["flipped in float at any step"] == len(flipped)
    assert rounding["of those: stored 8-bit file mistaken at the end"] == len(flipped) - len(lost)


def test_repeating_a_complete_attack_does_nothing(grey: Classifier) -> None:
    first = grid_attack()
    before = {name: (row.pk, row.key, row.sha256) for name, row in rows().items()}
    again = grid_attack()
    assert {**first, "seconds": 0} == {**again, "seconds": 0}
    assert {name: (row.pk, row.key, row.sha256) for name, row in rows().items()} == before
    assert (Job.objects.filter(kind="attack").count(), AttackRun.objects.count()) == (1, 1)


def test_other_parameters_are_another_run(grey: Classifier) -> None:
    grid_attack()
    command("attack", "greys", "grey")
    assert AttackRun.objects.count() == 2
    assert len(files()) == 14


def test_a_chunk_that_runs_twice_writes_its_rows_and_files_once(grey: Classifier) -> None:
    run, _ = attacks.attack_dataset(greys(), grey, STEP, progress=False)
    before = list(run.adversarial_images.order_by("pk").values())
    kept = files()
    Chunk.objects.filter(job__kind="attack").update(state=Chunk.State.WAITING)
    Job.objects.filter(kind="attack").update(state=Job.State.QUEUED, done=0)
    run.adversarial_images.filter(image__name="dark/62.png").delete()
    work_here(Job.objects.get(kind="attack"), progress=False)
    after = list(run.adversarial_images.order_by("pk").values())
    assert len(after) == 8
    again = {row["image_id"]: row for row in after}
    for row in before:
        # Alone in its batch a picture's sums may be added up in another order.
        assert again[row["image_id"]] == {
            key: pytest.approx(value, rel=1e-6) if isinstance(value, float) else value
            for key, value in (row | {"id": again[row["image_id"]]["id"]}).items()
        }
    assert files() == kept


def test_a_file_left_by_a_worker_that_died_is_replaced(grey: Classifier) -> None:
    run, _ = attacks.attack_dataset(greys(), grey, STEP, progress=False)
    row = rows()["dark/62.png"]
    path = Path(default_storage.path(row.file))
    whole = path.read_bytes()
    path.write_bytes(whole[:40])
    row.delete()
    attacks.attack_dataset(greys(), grey, STEP, progress=False)
    assert path.read_bytes() == whole
    assert rows()["dark/62.png"].file == row.file
    assert len(files()) == 7
    assert run.adversarial_images.count() == 8


def test_an_interrupted_attack_goes_on_where_it_stood(
    grey: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attacks, "CHUNK", 2)
    run, job = attacks.attack_dataset(greys(), grey, STEP, queue="gpu")
    assert job is not None
    assert (job.total, job.chunks.count(), job.queue) == (8, 4, "gpu")

    def interrupt(chunk: Chunk) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_one_turn(job, seconds=None, on_done=interrupt)
    assert run.adversarial_images.count() == 2
    assert not job.chunks.filter(state=Chunk.State.CLAIMED).exists()
    with pytest.raises(
        Refused, match=r"not finished \(6 of 8 images are left\); run: manage\.py attack greys grey"
    ):
        attack_run_for(greys(), grey, STEP)
    grid_attack()
    assert run.adversarial_images.count() == 8
    assert set(job.chunks.values_list("attempts", flat=True)) == {1}
    assert attack_run_for(greys(), grey, STEP) == run


def test_drawn_categories_are_stored_with_their_seed_and_found_again(grey: Classifier) -> None:
    first = grid_attack("--categories", "2", "--seed", "5")
    run = AttackRun.objects.get()
    assert (run.seed, len(run.categories), run.images) == (5, 2, images_of(run))
    assert set(AdversarialImage.objects.values_list("image__category", flat=True)) == set(run.categories)
    assert grid_attack("--categories", "2")["run"] == first["run"]
    assert grid_attack("--categories", "2", "--seed", "5")["run"] == first["run"]
    dataset, drawn, _ = first["tables"]["accuracy"]
    assert (dataset["images"], dataset["before_right"], dataset["displayed_accuracy"]) == (8, 7, None)
    assert drawn["images"] == run.images
    with pytest.raises(CommandError, match="4 categories can not be drawn: greys has images of 3"):
        grid_attack("--categories", "4")
    with pytest.raises(CommandError, match="--seed is the seed of --categories"):
        grid_attack("--seed", "5")


def images_of(run: AttackRun) -> int:
    return run.dataset.images.filter(category__in=run.categories).count()


def test_a_study_is_told_what_to_run(grey: Classifier) -> None:
    plan = AttackPlan(step=0.5, norm="l2", steps=3, grid=True, stop="never")
    with pytest.raises(
        Refused,
        match=r"run: manage\.py attack greys grey --step 0\.5 --steps 3 --norm l2 --stop never --grid",
    ):
        attack_run_for(greys(), grey, plan)
    grid_attack("--categories", "2", "--seed", "5")
    assert attack_run_for(greys(), grey, STEP).seed == 5


def test_an_unreadable_file_fails_alone_and_is_tried_again(
    grey: Classifier, root: Path, tmp_path: Path
) -> None:
    path = root / "dark/62.png"
    content = path.read_bytes()
    path.write_bytes(b"no picture any more")
    with (
        override_settings(VAR=tmp_path / "other"),
        pytest.raises(CommandError, match="1 images failed") as said,
    ):
        grid_attack()
    assert said.value.returncode == 3
    row = rows()["dark/62.png"]
    assert (row.outcome, row.file, row.steps_to_flip) == (Outcome.FAILED, "", None)
    assert "has changed since it was imported" in row.reason
    assert rows()["bright/194.png"].steps_to_flip == 3
    path.write_bytes(content)
    result = grid_attack()
    assert result["failed"] == []
    assert rows()["dark/62.png"].steps_to_flip == 2


def scripted(network: nn.Module, path: Path) -> Path:
    torch.jit.script(network).save(str(path))
    return path


class Marked(nn.Module):
    """The brightness network of `networks`, but NaN gradients for pictures as bright as 240."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("slopes", torch.tensor(SLOPES))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        mean = inputs.mean(dim=(1, 2, 3))
        marked = mean > 0.93
        nothing = torch.where(marked, mean * 0.0, torch.ones_like(mean)).sqrt()
        nothing = nothing - torch.where(marked, torch.zeros_like(mean), torch.ones_like(mean))
        offsets = torch.tensor([0.0, -1.0, -4.0])
        return mean[:, None] * self.slopes + offsets + nothing[:, None]


class Blocked(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        mean = inputs.detach().mean(dim=(1, 2, 3))
        return torch.stack([mean * 0.0, 4.0 * mean - 1.0, 8.0 * mean - 4.0], dim=1)


def add_scripted(name: str, network: nn.Module, root: Path) -> Classifier:
    recipe = root.parent / "recipe.json"
    recipe.write_text(json.dumps(digits().to_dict()))
    command(
        *("add_classifier", name, "--architecture", "torchscript", "--trust-file"),
        *("--weights", str(scripted(network, root.parent / f"{name}.pt"))),
        *("--classes", str(root.parent / "classes.csv"), "--preprocessing", str(recipe)),
    )
    command("predict", "greys", name)
    return Classifier.objects.get(name=name)


def test_gradients_that_are_not_finite_fail_their_image_and_the_rest_goes_on(
    grey: Classifier, root: Path
) -> None:
    add_scripted("marked", Marked(), root)
    with pytest.raises(CommandError, match="1 images failed"):
        command("attack", "greys", "marked", "--space", "pixel", "--step", "1/255", "--grid")
    found = rows()
    assert found["bright/240.png"].outcome == Outcome.FAILED
    assert "gradient is not finite" in found["bright/240.png"].reason
    assert found["dark/62.png"].steps_to_flip == 2
    assert len(files()) == 6


def test_a_classifier_that_gives_no_gradients_is_refused_by_name_before_anything_is_written(
    grey: Classifier, root: Path
) -> None:
    add_scripted("blocked", Blocked(), root)
    with pytest.raises(
        CommandError, match=r"blocked \(torchscript\) gives no gradients.*register the network"
    ):
        command("attack", "greys", "blocked")
    assert not AttackRun.objects.exists()
    assert not Job.objects.filter(kind="attack").exists()


def test_what_can_not_be_attacked_is_refused_with_a_remedy(
    grey: Classifier, root: Path, tmp_path: Path
) -> None:
    for options, limits in (
        (("--step", "0"), r"--step 0\.0 is out of range: give at least 1e-09 and at most 1\."),
        (("--step", "5", "--space", "pixel"), r"--step 5\.0 is out of range"),
        (("--steps", "10000"), r"--steps 10000 is out of range: give at least 1 and at most 1000\."),
        (("--radius", "-0.5"), r"--radius -0\.5 is out of range: give at least 0\."),
    ):
        with pytest.raises(CommandError, match=limits):
            command("attack", "greys", "grey", *options)
    assert not AttackRun.objects.exists()
    with pytest.raises(CommandError, match="nothing would ever change"):
        command("attack", "greys", "grey", "--grid")
    with pytest.raises(CommandError, match="no dataset nowhere"):
        command("attack", "nowhere", "grey")
    (tmp_path / "names.csv").write_text("image,class\nx.jpg,dark\n")
    command("import_dataset", "names", "-", "--no-files", "--labels", str(tmp_path / "names.csv"))
    with pytest.raises(CommandError, match="names without pixels"):
        command("attack", "names", "grey")
    command("add_classifier", "theirs", "--classes", str(root.parent / "classes.csv"))
    with pytest.raises(CommandError, match="needs its gradients"):
        command("attack", "greys", "theirs")
    PredictionRun.objects.all().delete()
    with pytest.raises(CommandError, match=r"run: manage\.py predict greys grey"):
        command("attack", "greys", "grey")
    grey_picture(root / "violet" / "1.png", 77)
    command("import_dataset", "colours", str(root))
    with pytest.raises(CommandError, match="1 of the 4 classes of colours"):
        command("attack", "colours", "grey")
    assert not AttackRun.objects.exists()


def test_a_study_keeps_the_attack_it_was_made_from(grey: Classifier, root: Path) -> None:
    grid_attack()
    run = AttackRun.objects.get()
    study = Study.objects.create(name="kept", dataset=greys(), protocol={}, protocol_sha256="0")
    StudyClassifier.objects.create(
        study=study, classifier=grey, run=run.prediction_run, attack_run=run, position=0
    )
    grey_picture(root / "dark" / "5.png", 5)
    command("import_dataset", "greys", str(root), "--classes", str(root.parent / "classes.csv"))
    with pytest.raises(CommandError, match="greys has grown since study kept"):
        grid_attack()
    assert run.adversarial_images.count() == 8


def test_with_a_protocol_the_attack_is_its_own(grey: Classifier, tmp_path: Path) -> None:
    from tests.conftest import ROOT

    result = command("attack", "greys", "grey", "--protocol", str(ROOT / "protocols/adversarial-8bit.toml"))
    plan = AttackRun.objects.get().parameters
    assert (plan["space"], plan["step"], plan["grid"]) == ("pixel", 1 / 255, True)
    assert result["tables"]["attack"]["grid"] == "yes"
    with pytest.raises(CommandError, match=r"--steps would change the attack of adversarial-8bit\.toml"):
        command(
            *("attack", "greys", "grey", "--steps", "3"),
            *("--protocol", str(ROOT / "protocols/adversarial-8bit.toml")),
        )
    with pytest.raises(CommandError, match=r"misclassification.toml has no table \[attack\]"):
        command("attack", "greys", "grey", "--protocol", str(ROOT / "protocols/misclassification.toml"))


def test_with_queue_the_workers_get_the_job(grey: Classifier) -> None:
    result = grid_attack("--queue")
    job = Job.objects.get(kind="attack")
    assert result == {"job": job.pk, "state": "queued", "queue": "default"}
    assert AttackRun.objects.get().job == job
    assert not AdversarialImage.objects.exists()
    assert images_to_attack(run=AttackRun.objects.get()).count() == 8


def test_changed_weights_are_refused(grey: Classifier, root: Path) -> None:
    classifiers._loaded.clear()
    write_weights(root.parent / "grey.safetensors", offset=1.0)
    with pytest.raises(CommandError, match="have changed since it was registered"):
        grid_attack()
    assert not AttackRun.objects.exists()


def test_the_protocols_plan_and_the_networks_parameters_have_the_same_keys_and_defaults() -> None:
    def shape(table: type[AttackPlan] | type[AttackParameters]) -> list[tuple[str, object]]:
        return [(field.name, field.default) for field in fields(table)]

    assert shape(AttackPlan) == shape(AttackParameters)


@pytest.mark.parametrize("recipe", [imagenet(), efficientnet_lite(224), caffe_squeezenet(), digits()])
@pytest.mark.parametrize("space", ["pixel", "normalised"])
@pytest.mark.parametrize("step_std", ["imagenet", "model"])
def test_tables_and_attack_mean_the_same_step(recipe: Preprocessing, space: Any, step_std: Any) -> None:
    parameters = AttackParameters(step=0.01, space=space, step_std=step_std)
    told = step_in_grey_levels(step=0.01, space=space, step_std=step_std, preprocessing=recipe.to_dict())
    assert told == pytest.approx(grey_levels_of_networks(parameters, recipe))
