"""explain: what is stored of a run, repeats, draws that grow, versions and classes side by side."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from numpy.typing import NDArray
from PIL import Image as Picture

from explain.lime import draw_masks, masks_digest
from explain.pictures import heat_overlay, shown_picture
from explain.superpixels import decode_segments
from studyapp.models import (
    AdversarialImage,
    AttackRun,
    Chunk,
    Classifier,
    Dataset,
    Explanation,
    ExplanationRun,
    Job,
)
from studyapp.protocol.explanation import ExplanationPlan
from studyapp.services.explanations.runs import ExplanationSubject
from studyapp.tasks.chunks import work_here
from studyapp.tasks.classifiers import load_prepared
from studyapp.tasks.explanations import ExplanationRequest, explain_images
from tests.studyapp_tests.explanations.halves import LEFT, attack_halves, said

pytestmark = pytest.mark.django_db

QUICK = ("--samples", "200", "--hidden", "black")


def pixels_of(name: str) -> NDArray[np.uint8]:
    return np.asarray(Picture.open(default_storage.open(name)))


def segments_of(row: Explanation) -> NDArray[np.int32]:
    return decode_segments(default_storage.open(row.segments_file).read())


def rows_of(run: ExplanationRun) -> list[dict[str, Any]]:
    return list(run.explanations.order_by("pk").values())


@pytest.fixture
def run(compare: tuple[Dataset, Classifier]) -> ExplanationRun:
    said("explain", "halves", "compare", *QUICK, "--seed", "7")
    return ExplanationRun.objects.get()


def test_what_speaks_for_a_class_is_where_the_network_looks(run: ExplanationRun) -> None:
    rows = list(run.explanations.select_related("category", "predicted", "image__category"))
    assert len(rows) == 8
    for row in rows:
        assert row.category is not None
        assert row.category.name == row.image.category.name
        assert row.predicted == row.category
        positive = {index for index, weight in enumerate(row.weights) if weight > 0}
        assert positive == (LEFT if row.category.name == "left" else set(range(16)) - LEFT)
        assert (row.superpixels, row.positive) == (16, 8)
        assert row.fit is not None
        assert row.fit > 0.8


def test_everything_that_makes_it_again_is_stored(
    run: ExplanationRun, compare: tuple[Dataset, Classifier]
) -> None:
    row = run.explanations.select_related("category", "image").first()
    assert row is not None
    assert row.category is not None
    assert row.seed is not None
    assert row.masks_sha256 == masks_digest(draw_masks(row.seed, 200, 16))
    pixels, segments, weights = pixels_of(row.explained_file), segments_of(row), np.array(row.weights)
    assert np.array_equal(pixels[..., 0], np.asarray(Picture.open(Path(run.dataset.root) / row.image.name)))
    assert np.array_equal(
        pixels_of(row.picture_file), shown_picture(pixels, segments, weights, 8, "black")[0]
    )
    assert np.array_equal(pixels_of(row.heat_file), heat_overlay(segments, weights))
    outputs = load_prepared(compare[1]).logits(_batch(pixels)).softmax(1)[0]
    assert row.probability == pytest.approx(float(outputs[row.category.index]), abs=1e-6)
    assert run.parameters == {
        "samples": 200,
        "kernel_width": 0.25,
        "kernel_sqrt": True,
        "hidden": "black",
        "selection": "all",
        "ridge_alpha": 1.0,
        "segmenter": "quickshift",
        "superpixels": 8,
        "rest": "black",
        "segmenter_key": run.parameters["segmenter_key"],
    }
    assert "quickshift" in run.parameters["segmenter_key"]
    assert run.weights_sha256 == compare[1].weights_sha256
    assert run.finished_at is not None
    assert {"torch", "scikit-image"} <= set(run.versions)
    assert (run.seed, run.chosen, run.attack_run) == (7, [], None)


def test_repeating_a_complete_run_does_nothing(run: ExplanationRun) -> None:
    before = rows_of(run)
    result = said("explain", "halves", "compare", *QUICK)
    assert rows_of(run) == before
    assert result["runs"][0]["done"] == 8
    assert (Job.objects.filter(kind="explain").count(), ExplanationRun.objects.count()) == (1, 1)


def test_a_chunk_that_runs_twice_writes_its_rows_once(run: ExplanationRun, own_files: Path) -> None:
    before, files = rows_of(run), _files(own_files)
    run.explanations.filter(pk=before[0]["id"]).delete()
    Chunk.objects.filter(job__kind="explain").update(state=Chunk.State.WAITING)
    Job.objects.filter(kind="explain").update(state=Job.State.QUEUED, done=0)
    work_here(Job.objects.get(kind="explain"), progress=False)
    after = {row["image_id"]: row for row in rows_of(run)}
    assert [after[row["image_id"]] for row in before[1:]] == before[1:]
    assert {**after[before[0]["image_id"]], "id": 0} == {**before[0], "id": 0}
    assert _files(own_files) == files


def test_the_job_can_be_left_to_the_workers(compare: tuple[Dataset, Classifier]) -> None:
    result = said("explain", "halves", "compare", *QUICK, "--queue", "gpu")
    job = Job.objects.get(pk=result["job"])
    assert (job.queue, job.total, Explanation.objects.count()) == ("gpu", 8, 0)
    assert ExplanationRun.objects.get().job == job
    work_here(job, progress=False)
    run = ExplanationRun.objects.get()
    assert (run.explanations.count(), run.finished_at is not None) == (8, True)


def test_a_larger_limit_draws_on_and_keeps_what_is_there(compare: tuple[Dataset, Classifier]) -> None:
    said("explain", "halves", "compare", *QUICK, "--limit", "3", "--seed", "1")
    run = ExplanationRun.objects.get()
    three, rows = run.chosen, rows_of(run)
    assert len(three) == 3
    assert sorted(row["image_id"] for row in rows) == three
    said("explain", "halves", "compare", *QUICK, "--limit", "5")
    run.refresh_from_db()
    assert len(run.chosen) == 5
    assert set(three) < set(run.chosen)
    assert rows_of(run)[:3] == rows
    said("explain", "halves", "compare", *QUICK, "--limit", "2")
    run.refresh_from_db()
    assert (len(run.chosen), run.explanations.count()) == (5, 5)
    said("explain", "halves", "compare", *QUICK)
    run.refresh_from_db()
    assert (run.chosen, run.explanations.count()) == ([], 8)


def test_the_same_seed_draws_the_same_images_for_every_method(compare: tuple[Dataset, Classifier]) -> None:
    said("explain", "halves", "compare", *QUICK, "--limit", "3")
    said("explain", "halves", "compare", "--limit", "3", "--method", "occlusion", "--method", "lime", *QUICK)
    lime, occlusion = ExplanationRun.objects.order_by("pk")
    assert occlusion.chosen == lime.chosen
    assert (lime.method, occlusion.method, occlusion.explanations.count()) == ("lime", "occlusion", 3)


def test_named_images_are_explained(compare: tuple[Dataset, Classifier]) -> None:
    said("explain", "halves", "compare", *QUICK, "--images", "left/001.png", "right/000.png")
    names = Explanation.objects.order_by("image__name").values_list("image__name", flat=True)
    assert list(names) == ["left/001.png", "right/000.png"]


def test_both_versions_of_the_same_images_stand_side_by_side(compare: tuple[Dataset, Classifier]) -> None:
    attack = attack_halves()
    said("explain", "halves", "compare", *QUICK, "--attack", str(attack), "--limit", "4")
    clean, adversarial = ExplanationRun.objects.order_by("-version")
    assert (clean.version, clean.attack_run, adversarial.attack_run_id) == ("clean", None, attack)
    assert clean.chosen == adversarial.chosen
    for row in adversarial.explanations.select_related("adversarial", "category", "image__category"):
        assert row.adversarial is not None
        assert row.explained_file == row.adversarial.file
        assert row.category_id == row.adversarial.displayed_predicted_id
        assert row.category is not None
        assert row.category.name != row.image.category.name
        assert row.probability == pytest.approx(row.adversarial.displayed_probability, abs=1e-5)
        other = clean.explanations.select_related("category").get(image=row.image)
        assert other.adversarial is None
        assert other.category is not None
        assert other.category.name == row.image.category.name
        assert not np.array_equal(pixels_of(other.explained_file), pixels_of(row.explained_file))


def test_only_what_the_classifier_mistakes_is_drawn_from_an_attack(
    compare: tuple[Dataset, Classifier],
) -> None:
    attack = AttackRun.objects.get(pk=attack_halves())
    spared = attack.adversarial_images.order_by("pk").first()
    assert spared is not None
    AdversarialImage.objects.filter(pk=spared.pk).update(displayed_predicted=spared.true)
    said("explain", "halves", "compare", *QUICK, "--attack", str(attack.pk), "--version", "adversarial")
    run = ExplanationRun.objects.get()
    assert run.chosen == []
    assert set(run.explanations.values_list("image", flat=True)) == set(
        attack.adversarial_images.exclude(pk=spared.pk).values_list("image", flat=True)
    )
    float_label = ("--class", "adversarial", "--adversarial-label", "float")
    said(
        *("explain", "halves", "compare", *QUICK, "--attack", str(attack.pk), "--version", "adversarial"),
        *float_label,
    )
    reading = ExplanationRun.objects.exclude(pk=run.pk).get()
    assert spared.image_id in reading.explanations.values_list("image", flat=True)


@pytest.mark.parametrize(("explained", "name"), [("true", None), ("2", "even"), ("adversarial", None)])
def test_any_class_of_a_clean_picture_can_be_explained(
    compare: tuple[Dataset, Classifier], explained: str, name: str | None
) -> None:
    attack = attack_halves()
    said(
        *("explain", "halves", "compare", *QUICK, "--limit", "2", "--version", "clean"),
        *("--attack", str(attack), "--class", explained),
    )
    for row in Explanation.objects.select_related("category", "image__category"):
        assert row.category is not None
        attacked = AdversarialImage.objects.get(image=row.image)
        if explained == "adversarial":
            assert row.category_id == attacked.displayed_predicted_id
        else:
            assert row.category.name == (name or row.image.category.name)


def test_several_classes_of_a_picture_share_their_passes(compare: tuple[Dataset, Classifier]) -> None:
    dataset, classifier = compare
    attack = AttackRun.objects.get(pk=attack_halves())
    seen: list[int] = []
    handle = load_prepared(classifier).network.register_forward_hook(
        lambda module, inputs, output: seen.append(len(inputs[0]))
    )
    try:
        runs, _ = explain_images(
            ExplanationRequest(
                dataset=dataset,
                classifier=classifier,
                attack_run=attack,
                subjects=[
                    ExplanationSubject(version="adversarial", explained=explained)
                    for explained in ("adversarial", "true")
                ],
                plan=ExplanationPlan(samples=100, hidden="black"),
                limit=3,
            ),
            progress=False,
        )
    finally:
        handle.remove()
    # One look at each whole picture, then the masked ones, once for both classes.
    assert sum(seen) == 3 * (1 + 100)
    first, second = (run.explanations.order_by("image") for run in runs)
    assert [row.masks_sha256 for row in first] == [row.masks_sha256 for row in second]
    assert all(a.category_id != b.category_id for a, b in zip(first, second, strict=True))


def test_superpixels_are_cut_once_and_half_a_file_is_cut_again(run: ExplanationRun, own_files: Path) -> None:
    row = run.explanations.order_by("image").first()
    assert row is not None
    file = own_files / row.segments_file
    whole, written = file.read_bytes(), file.stat().st_mtime_ns
    said("explain", "halves", "compare", "--method", "feature_ablation")
    assert file.stat().st_mtime_ns == written
    file.write_bytes(whole[: len(whole) // 2])
    said("explain", "halves", "compare", "--method", "occlusion")
    assert file.read_bytes() == whole
    assert len(list((own_files / "segments").rglob("*.png"))) == 8


def test_another_way_of_showing_the_weights_renders_again_and_explains_nothing_again(
    run: ExplanationRun,
) -> None:
    before = rows_of(run)
    said("explain", "halves", "compare", *QUICK, "--superpixels", "2", "--rest", "grey")
    run.refresh_from_db()
    assert ExplanationRun.objects.count() == 1
    assert (run.parameters["superpixels"], run.parameters["rest"]) == (2, "grey")
    for old, row in zip(before, run.explanations.order_by("pk"), strict=True):
        assert {**old, "details": 0} == {**Explanation.objects.filter(pk=row.pk).values()[0], "details": 0}
        shown = pixels_of(row.picture_file)
        pixels, segments = pixels_of(row.explained_file), segments_of(row)
        assert np.array_equal(shown, shown_picture(pixels, segments, np.array(row.weights), 2, "grey")[0])


def test_a_path_is_added_to_explanations_that_are_there(
    run: ExplanationRun, compare: tuple[Dataset, Classifier]
) -> None:
    weights = {row["id"]: row["weights"] for row in rows_of(run)}
    said("explain", "halves", "compare", *QUICK, "--path", "5")
    for row in run.explanations.select_related("category"):
        assert row.weights == weights[row.pk]
        assert row.category is not None
        pixels, segments = pixels_of(row.explained_file), segments_of(row)
        heaviest = sorted(range(16), key=lambda index: -row.weights[index])
        curve = []
        for frames in range(1, 6):
            shown = np.isin(segments, heaviest[:frames])[..., None]
            picture = np.where(shown, pixels, 0).astype(np.uint8)
            outputs = load_prepared(compare[1]).logits(_batch(picture)).softmax(1)[0]
            curve.append(float(outputs[row.category.index]))
        assert row.path == pytest.approx(curve, abs=1e-6)
        assert row.path_area == pytest.approx(sum((a + b) / 2 for a, b in itertools.pairwise(curve)) / 4)
        strip = pixels_of(f"explanations/{row.key[:2]}/{row.key}-path.png")
        assert strip.shape == (8, 5 * 8 + 4, 3)
        assert np.array_equal(strip[:, 4 * 9 : 4 * 9 + 8], picture)


def _batch(pixels: NDArray[np.uint8]) -> Any:
    import torch

    return torch.from_numpy(np.array(pixels))[None]


def _files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
