"""select_examples: what every method takes, what is stored with it, repeats, resumption, and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture
from safetensors.torch import save_file

from studyapp.models import (
    AdversarialImage,
    AttackRun,
    Chunk,
    Classifier,
    Dataset,
    ExampleSelection,
    FeatureRun,
    Image,
    Job,
    PredictionRun,
    SelectedExample,
)
from studyapp.services.examples.plan import ExampleRequest
from studyapp.services.examples.selections import examples_of, selections_for
from studyapp.services.predictions import features as stored
from studyapp.tasks import examples, features
from studyapp.tasks.chunks import work_one_turn
from studyapp.tasks.examples import select_examples
from tests.studyapp_tests.example_files import storages_in
from tests.studyapp_tests.networks import write_classes, write_weights

pytestmark = pytest.mark.django_db

EACH = 12
LEVELS = {"dark": 30, "middle": 128, "bright": 230}


def command(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def pattern(path: Path, level: int, seed: int) -> None:
    """An 8 x 8 picture around a grey level, of its own for every seed."""
    noise = np.random.default_rng([level, seed]).integers(-12, 13, (8, 8))
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray((level + noise).astype(np.uint8)).save(path)


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path) -> Iterator[None]:
    with override_settings(VAR=tmp_path / "var", STORAGES=storages_in(tmp_path / "var" / "media")):
        yield


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, level in LEVELS.items():
        for number in range(EACH):
            pattern(tmp_path / "pictures" / name / f"{number:02}.png", level, number)
    return tmp_path / "pictures"


@pytest.fixture
def grey(root: Path) -> Classifier:
    """The dataset "greys" (12 pictures in each of 3 classes) and a classifier that knows them all."""
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


def select(*options: str) -> dict[str, Any]:
    return command("select_examples", "greys", "grey", *options)


def attack(classifier: Classifier, steps: dict[str, list[int]], *, digest: str = "a" * 64) -> AttackRun:
    """A finished attack of ten steps: the given steps to flip for each class's images in order of name."""
    command("predict", "greys", "grey")
    run = AttackRun.objects.create(
        dataset=greys(),
        classifier=classifier,
        prediction_run=PredictionRun.objects.get(),
        weights_sha256=classifier.weights_sha256,
        parameters={"steps": 10},
        digest=digest,
        finished_at=timezone.now(),
    )
    for name, levels in steps.items():
        images = greys().images.filter(category__name=name).order_by("name")
        for image, level in zip(images, levels, strict=True):
            right = AdversarialImage.Outcome.ATTACKED if level else AdversarialImage.Outcome.WRONG_AT_START
            AdversarialImage.objects.create(
                run=run, image=image, outcome=right, steps_to_flip=level, file="x.png" if level else ""
            )
    return run


def names(selection: ExampleSelection, category: str, role: str) -> list[str]:
    rows = selection.examples.filter(category__name=category, role=role).order_by("rank")
    return [row.image.name for row in rows]


def test_mmd_critic_picks_what_its_definition_picks(grey: Classifier) -> None:
    import torch

    from explain.kernels import rbf_kernel
    from explain.mmd_critic import select_criticisms, select_prototypes

    result = select("--method", "mmd_critic", "--prototypes", "3", "--criticisms", "2")
    assert (result["categories"], result["images"], result["flagged"]) == (3, 15, 0)
    selection = ExampleSelection.objects.get()
    for category in greys().class_list.categories.all():
        images = list(greys().images.filter(category=category).order_by("pk"))
        # The features of a linear classifier are its pixels in [0, 1].
        pixels = np.stack([np.asarray(Picture.open(f"{greys().root}/{each.name}")) for each in images])
        points = torch.from_numpy((pixels.reshape(EACH, 64).astype(np.float32) / 255).astype(np.float64))
        kernel = rbf_kernel(points)
        prototypes = select_prototypes(kernel, 3)
        criticisms = select_criticisms(kernel, prototypes, 2, weight=1e-5)
        assert names(selection, category.name, "prototype") == [images[i].name for i in prototypes.indices]
        assert names(selection, category.name, "criticism") == [images[i].name for i in criticisms.indices]
        row = selection.examples.get(category=category, role="criticism", rank=1)
        assert row.witness == pytest.approx(prototypes.witness[criticisms.indices[0]], abs=1e-6)
        drawn = selection.draws[str(category.pk)]
        assert drawn["gamma"] == pytest.approx(kernel.gamma, rel=1e-5)
        assert drawn["objective"] == pytest.approx(list(prototypes.objective), rel=1e-5)


def test_a_selection_says_everything_that_made_it(grey: Classifier) -> None:
    select("--method", "mmd_critic")
    selection = ExampleSelection.objects.get()
    assert selection.parameters == {
        "layer": "penultimate",
        "module": "input of 1",
        "kernel": "rbf",
        "gamma": None,
        "lambda": 1e-5,
        "lambda_role": "regulariser",
    }
    assert (selection.prototypes, selection.criticisms, selection.split) == (6, 0, "")
    assert selection.weights_sha256 == grey.weights_sha256
    assert selection.finished_at is not None
    assert {"torch", "numpy", "python"} <= set(selection.versions)
    run = FeatureRun.objects.get()
    assert selection.feature_run == run
    assert (run.layer, run.images, run.dimensions) == ("input of 1", 3 * EACH, 64)
    assert run.finished_at is not None
    assert {"torch", "pillow"} <= set(run.versions)


def test_a_repeated_command_finds_the_same_selection_and_computes_nothing(grey: Classifier) -> None:
    for method in ("mmd_critic", "random"):
        first = select("--method", method)
        rows = list(SelectedExample.objects.values_list("pk", flat=True))
        counted = Job.objects.count()
        again = select("--method", method)
        assert {**again, "seconds": 0} == {**first, "seconds": 0}
        assert list(SelectedExample.objects.values_list("pk", flat=True)) == rows
        assert Job.objects.count() == counted


def test_another_seed_makes_another_selection_and_the_same_seed_does_not(grey: Classifier) -> None:
    first = select("--method", "random", "--seed", "1")
    second = select("--method", "random", "--seed", "2")
    assert select("--method", "random", "--seed", "1")["selection"] == first["selection"]
    assert first["selection"] != second["selection"]
    shown = [set(each.examples.values_list("image", flat=True)) for each in ExampleSelection.objects.all()]
    assert shown[0] != shown[1]


def test_features_are_computed_once_for_every_selection_that_reads_them(grey: Classifier) -> None:
    select("--method", "mmd_critic", "--categories", "dark")
    run = FeatureRun.objects.get()
    assert run.images == EACH
    select("--method", "mmd_critic", "--prototypes", "2", "--criticisms", "2", "--categories", "dark")
    assert Job.objects.filter(kind="features").count() == 1
    before = run.file
    select("--method", "mmd_critic")
    run.refresh_from_db()
    assert run.images == 3 * EACH
    assert list(Job.objects.filter(kind="features").order_by("pk").values_list("total", flat=True)) == [
        EACH,
        2 * EACH,
    ]
    assert not default_storage.exists(before)
    kept = stored.stored_features(run=run)
    assert kept is not None
    for image in greys().images.all():
        pixels = np.asarray(Picture.open(f"{greys().root}/{image.name}"))
        (found,), row = kept.of([image.pk])
        assert found == image.pk
        assert row[0] == pytest.approx(pixels.reshape(-1) / 255, abs=1e-6)


def test_the_file_of_features_is_two_arrays_that_numpy_reads(grey: Classifier) -> None:
    select("--method", "mmd_critic")
    with default_storage.open(FeatureRun.objects.get().file) as file:
        images, rows = np.load(file), np.load(file)
    assert set(images.tolist()) == set(Image.objects.values_list("pk", flat=True))
    assert rows.shape == (3 * EACH, 64)
    assert rows.dtype == np.float32


def test_random_draws_are_stored_with_their_pool(grey: Classifier) -> None:
    result = select("--method", "random", "--prototypes", "3", "--criticisms", "3", "--seed", "5")
    assert result["seed"] == 5
    selection = ExampleSelection.objects.get()
    for category in greys().class_list.categories.all():
        (draw,) = selection.draws[str(category.pk)]["draws"]
        rows = selection.examples.filter(category=category).order_by("-role", "rank")
        assert draw["pool"] == EACH
        assert draw["drawn"] == [row.image_id for row in rows]
        assert draw["among"] == f"prototype: images of '{category.name}' of all"


def test_adversarial_examples_come_with_their_steps_ties_and_shortages(grey: Classifier) -> None:
    steps = {
        "dark": [11] * 4 + [10, 10] + [1] * 3 + [5, 5, 0],
        "middle": [11] * 8 + [1] * 4,
        "bright": [11] * 6 + [2] * 6,
    }
    attack(grey, steps)
    result = select("--method", "adversarial")
    assert result["shortages"] == ["only 4 images of 'dark' survive 10 steps; two surviving 9 steps added"]
    assert result["flagged"] == 2
    selection = ExampleSelection.objects.get()
    assert selection.attack_run is not None
    assert names(selection, "dark", "prototype")[4:] in (
        ["dark/04.png", "dark/05.png"],
        ["dark/05.png", "dark/04.png"],
    )
    rows = selection.examples.filter(category__name="dark").order_by("rank")
    assert [row.steps_to_flip for row in rows] == [11, 11, 11, 11, 10, 10]
    assert rows.last().flag == "surviving 9 steps"  # type: ignore[union-attr]
    assert all(row.probability is not None for row in rows)
    middle = selection.examples.filter(category__name="middle").order_by("rank")
    (draw,) = selection.draws[str(middle[0].category_id)]["draws"]
    assert (draw["pool"], draw["drawn"]) == (8, [row.image_id for row in middle])

    both = select("--method", "adversarial", "--prototypes", "3", "--criticisms", "3")
    assert both["shortages"] == ["no images of 'bright' flip at step 1; three surviving 1 step added"]


def test_ties_by_margin_take_the_surest(grey: Classifier) -> None:
    attack(grey, {"dark": [11] * EACH, "middle": [11] * EACH, "bright": [11] * EACH})
    select("--method", "adversarial", "--ties", "margin", "--categories", "dark")
    selection = ExampleSelection.objects.get()
    run = PredictionRun.objects.get()
    margins = {
        each.image.name: np.log(each.probabilities[0]) - np.log(each.probabilities[1])
        for each in run.predictions.filter(image__category__name="dark").select_related("image")
    }
    # Pictures of the same mean brightness may come in either order.
    chosen = [margins[name] for name in names(selection, "dark", "prototype")]
    assert chosen == pytest.approx(sorted(margins.values(), reverse=True)[:6], abs=1e-6)


def test_the_newest_attack_is_read_unless_one_is_named(grey: Classifier) -> None:
    attack(grey, {"dark": [11] * EACH}, digest="aa" + "0" * 62)
    newest = AttackRun.objects.create(
        dataset=greys(),
        classifier=grey,
        prediction_run=PredictionRun.objects.get(),
        weights_sha256=grey.weights_sha256,
        parameters={"steps": 5},
        digest="bb" + "0" * 62,
        finished_at=timezone.now(),
    )
    for image in greys().images.filter(category__name="dark"):
        AdversarialImage.objects.create(
            run=newest, image=image, outcome=AdversarialImage.Outcome.ATTACKED, steps_to_flip=6, file="x"
        )
    options = ("--method", "adversarial", "--categories", "dark")
    assert select(*options)["parameters"]["steps"] == 5
    assert select(*options, "--attack", "aa")["parameters"]["steps"] == 10
    with pytest.raises(CommandError, match=r"begins with 'cc'.*there are: .*aa0000000000"):
        select(*options, "--attack", "cc")


def test_probability_takes_the_sure_and_the_unsure(grey: Classifier) -> None:
    command("predict", "greys", "grey")
    result = select(
        *("--method", "probability", "--prototypes", "2", "--criticisms", "1"),
        *("--above", "0.7", "--below", "0.3", "--categories", "dark"),
    )
    selection = ExampleSelection.objects.get()
    predictions = PredictionRun.objects.get().predictions
    own = {
        each.image_id: each.probabilities[each.ranking.index(0)]
        for each in predictions.filter(image__category__name="dark")
    }
    for row in selection.examples.all():
        assert row.probability == pytest.approx(own[row.image_id])
    sure = sum(value > 0.7 for value in own.values())
    assert any("above 0.7" in sentence for sentence in result["shortages"]) == (sure < 2)


def test_a_worker_computes_features_and_then_starts_the_selection_that_waits(grey: Classifier) -> None:
    selection, job = select_examples(greys(), grey, ExampleRequest("mmd_critic", 2), queue="default")
    assert job is not None
    assert job.kind == features.KIND
    work_one_turn(job, seconds=None)
    selection.refresh_from_db()
    assert selection.job is not None
    assert selection.job.kind == examples.KIND
    work_one_turn(selection.job, seconds=None)
    selection.refresh_from_db()
    assert selection.finished_at is not None
    assert selection.examples.count() == 6
    again, nothing = select_examples(greys(), grey, ExampleRequest("mmd_critic", 2), queue="default")
    assert (again, nothing) == (selection, None)


def test_chunks_that_run_twice_write_the_same_once(grey: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "CHUNK", 10)
    monkeypatch.setattr(examples, "CHUNK", 2)
    select("--method", "mmd_critic")
    selection = ExampleSelection.objects.get()
    rows = list(selection.examples.values_list("pk", "image", "role", "rank"))
    kept = stored.stored_features(run=FeatureRun.objects.get())
    assert kept is not None
    before = np.array(kept.rows)
    for job in Job.objects.filter(kind__in=(features.KIND, examples.KIND)).order_by("pk"):
        assert job.chunks.count() > 1
        job.chunks.update(state=Chunk.State.WAITING)
        Job.objects.filter(pk=job.pk).update(state=Job.State.QUEUED, done=0)
        work_one_turn(Job.objects.get(pk=job.pk), seconds=None)
        assert Job.objects.get(pk=job.pk).state == Job.State.DONE
    assert list(selection.examples.values_list("pk", "image", "role", "rank")) == rows
    run = FeatureRun.objects.get()
    again = stored.stored_features(run=run)
    assert again is not None
    assert run.images == len(again.images) == 3 * EACH
    assert (np.array(again.rows) == before).all()


def test_an_unreadable_image_is_left_out_and_said_so(grey: Classifier, root: Path) -> None:
    (root / "dark" / "03.png").write_bytes(b"gone bad")
    result = select("--method", "mmd_critic", "--prototypes", "4")
    assert result["shortages"] == ["1 of 12 images of 'dark' could not be read and were left out"]
    assert "dark/03.png" not in names(ExampleSelection.objects.get(), "dark", "prototype")
    assert greys().skipped_files.get().name == "dark/03.png"


def test_examples_are_read_by_category_with_their_shortages(grey: Classifier) -> None:
    attack(grey, {"dark": [11, *[3] * 11], "middle": [11] * EACH, "bright": [11] * EACH})
    select("--method", "adversarial", "--prototypes", "2", "--criticisms", "1")
    selection = selections_for(greys(), grey).get()
    found = examples_of(selection=selection)
    assert [each.category.name for each in found.values()] == ["dark", "middle", "bright"]
    dark = next(iter(found.values()))
    assert [(each.role, each.rank) for each in (*dark.prototypes, *dark.criticisms)] == [
        ("prototype", 1),
        ("prototype", 2),
        ("criticism", 1),
    ]
    assert len(dark.shortages) == 2
    assert list(examples_of(selection=selection, categories=[dark.category.pk])) == [dark.category.pk]


def test_a_selection_that_is_not_finished_is_not_listed(grey: Classifier) -> None:
    select_examples(greys(), grey, ExampleRequest("random", 2), queue="default")
    assert not selections_for(greys(), grey).exists()


REFUSED = {
    "fewer images than asked": (
        ("--method", "random", "--prototypes", "13"),
        r"13 examples are asked for and 3 of 3 categories have fewer images: 'dark' 12, ",
    ),
    "an unknown layer": (
        ("--method", "mmd_critic", "--layer", "penultimat"),
        r"grey has no layer 'penultimat'. Nearest: penultimate",
    ),
    "an unknown category": (
        ("--method", "random", "--categories", "brigt"),
        r"no category 'brigt'. Nearest: bright",
    ),
    "an unknown split": (("--method", "random", "--split", "train"), r"no split 'train' \(it has none\)"),
    "no attack": (("--method", "adversarial"), r"no complete attack on grey .* attack greys grey"),
    "no predictions": (("--method", "probability"), r"no complete predictions .* predict greys grey"),
    "two gammas": (
        ("--method", "mmd_critic", "--gamma", "2", "--lambda-role", "gamma"),
        r"gamma is given as 2: leave one out",
    ),
    "no prototypes": (("--method", "random", "--prototypes", "0"), r"at least one prototype"),
    "thresholds that cross": (
        ("--method", "probability", "--above", "0.2", "--below", "0.3"),
        r"0\.3 .*0\.2",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_request_that_can_not_be_met_is_refused_before_any_work(grey: Classifier, what: str) -> None:
    options, message = REFUSED[what]
    with pytest.raises(CommandError, match=message):
        select(*options)
    assert not ExampleSelection.objects.exists()
    assert (
        not Job.objects.exclude(kind="import")
        .exclude(kind="import_dataset")
        .filter(kind__in=(features.KIND, examples.KIND))
        .exists()
    )


def test_categories_with_too_few_right_images_are_refused(grey: Classifier) -> None:
    attack(grey, {"dark": [11] * 5 + [0] * 7, "middle": [11] * EACH, "bright": [11] * EACH})
    with pytest.raises(
        CommandError, match=r"1 of 3 categories have fewer images that were predicted rightly"
    ):
        select("--method", "adversarial")
    assert select("--method", "adversarial", "--categories", "middle", "2")["categories"] == 2


def test_constant_features_are_refused_by_the_name_of_the_category(grey: Classifier, root: Path) -> None:
    for number in range(EACH):
        # Different files with the same pixels.
        Picture.new("L", (8, 8), 128).save(
            root / "middle" / f"{number:02}.png", compress_level=number % 10, dpi=(number + 1, 1)
        )
    command("import_dataset", "flat", str(root), "--classes", str(root.parent / "classes.csv"))
    with pytest.raises(CommandError, match=r"Category middle: All 12 images of 'middle' have the same"):
        command("select_examples", "flat", "grey", "--method", "mmd_critic")


def test_images_with_the_same_pixels_are_picked_once_and_named_as_repeated(
    grey: Classifier, root: Path
) -> None:
    Picture.open(root / "dark" / "00.png").save(root / "dark" / "07.png", dpi=(7, 7))
    command("import_dataset", "twins", str(root), "--classes", str(root.parent / "classes.csv"))
    options = ("--method", "mmd_critic", "--categories", "dark", "--prototypes")
    result = command("select_examples", "twins", "grey", *options, "11")
    assert result["shortages"] == [
        "one of 12 images of 'dark' with exactly the features of an earlier one: only the first can be picked"
    ]
    assert "dark/07.png" not in names(ExampleSelection.objects.get(), "dark", "prototype")
    with pytest.raises(CommandError, match=r"Only 11 images of 'dark' differ in their features, and 12 are"):
        command("select_examples", "twins", "grey", *options, "12")


def test_an_image_whose_features_are_not_finite_is_named(grey: Classifier, root: Path) -> None:
    """A network whose hidden layer overflows for bright pictures only, and whose logits do not."""
    import torch

    classes = str(root.parent / "classes.csv")
    state = {
        "0.weight": torch.zeros(16, 1, 3, 3),
        "0.bias": torch.zeros(16),
        "1.weight": torch.ones(16),
        "1.bias": torch.zeros(16),
        "1.running_mean": torch.zeros(16),
        "1.running_var": torch.ones(16),
        "4.weight": torch.zeros(32, 16, 3, 3),
        "4.bias": torch.zeros(32),
        "5.weight": torch.ones(32),
        "5.bias": torch.zeros(32),
        "5.running_mean": torch.zeros(32),
        "5.running_var": torch.ones(32),
        "9.weight": torch.zeros(3, 128),
        "9.bias": torch.zeros(3),
    }
    # 3e38 is the largest float32: a pixel above 0.8 in the middle of the kernel overflows twice over.
    state["0.weight"][0, 0, 1, 1] = 3e38
    state["0.bias"][0] = -2.4e38
    state["4.weight"][0, 0, 1, 1] = 1e30
    path = root.parent / "overflow.safetensors"
    save_file(state, str(path))
    command(
        *("add_classifier", "overflow", "--architecture", "digits_cnn"),
        *("--weights", str(path), "--classes", classes),
    )
    with pytest.raises(CommandError, match=r"The features of bright/\d\d.png are not finite"):
        command("select_examples", "greys", "overflow", "--method", "mmd_critic")


@settings(deadline=None, max_examples=40)
@given(
    there=st.lists(st.integers(0, 50), unique=True, max_size=20),
    asked=st.lists(st.integers(0, 50), max_size=20),
)
def test_stored_features_give_every_image_its_own_row(there: list[int], asked: list[int]) -> None:
    rows = np.array([[image, -image] for image in there], dtype=np.float32).reshape(len(there), 2)
    kept = stored.StoredFeatures(np.array(there, dtype=np.int64), rows)
    found, values = kept.of(asked)
    assert found == [image for image in asked if image in there]
    assert values.tolist() == [[image, -image] for image in found]
