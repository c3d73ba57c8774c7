"""Bad input to explain: refused before any work, or one failed row beside the others."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from PIL import Image as Picture
from safetensors.torch import save_file

from inference.digits import build_digits
from studyapp.models import AdversarialImage, Classifier, Dataset, Explanation, ExplanationRun, Job
from tests.studyapp_tests.explanations.halves import CLASSES, attack_halves, said
from tests.studyapp_tests.explanations.scripted import (
    Halves,
    NotForWhite,
    Rounding,
    add_scripted,
    import_squares,
)

pytestmark = pytest.mark.django_db

QUICK = ("--samples", "100", "--hidden", "black")


def refused(*arguments: str) -> str:
    """The message with which explain refuses; nothing may have been written."""
    with pytest.raises(CommandError) as raised:
        call_command("explain", *arguments, "--json", stdout=StringIO())
    assert raised.value.returncode == 1
    assert not ExplanationRun.objects.exists()
    assert not Job.objects.filter(kind="explain").exists()
    return str(raised.value)


def with_failures(*arguments: str) -> dict[str, Any]:
    """What explain prints when it says by its exit status that some images failed."""
    out = StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("explain", *arguments, "--json", stdout=out)
    assert raised.value.returncode == 3
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def add_cnn(folder: Path) -> Classifier:
    """An untrained convolutional network for the pictures of halves."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        state = build_digits("digits_cnn", 3).state_dict()
    save_file(state, str(folder / "cnn.safetensors"))
    (folder / "classes.csv").write_text(CLASSES)
    said(
        *("add_classifier", "cnn", "--architecture", "digits_cnn"),
        *("--weights", str(folder / "cnn.safetensors"), "--classes", str(folder / "classes.csv")),
    )
    return Classifier.objects.get(name="cnn")


def test_a_class_out_of_range_is_refused(compare: tuple[Dataset, Classifier]) -> None:
    said_ = refused("halves", "compare", "--class", "3")
    assert "Class 3 is not among the 3 classes of compare (0-2)" in said_
    assert "'leftish' is none of predicted, true, adversarial" in refused(
        "halves", "compare", "--class", "leftish"
    )


def test_an_attack_that_is_not_there_or_is_needed_is_refused(compare: tuple[Dataset, Classifier]) -> None:
    assert "There is no attack 99 on compare" in refused("halves", "compare", "--attack", "99")
    assert "give --attack ID" in refused("halves", "compare", "--version", "adversarial")
    assert "give --attack ID" in refused("halves", "compare", "--class", "adversarial")


def test_options_out_of_range_are_refused(compare: tuple[Dataset, Classifier]) -> None:
    assert "--samples 3 is out of range: give at least 10" in refused("halves", "compare", "--samples", "3")
    assert "A limit of 0 images" in refused("halves", "compare", "--limit", "0")
    assert "--limit or --images" in refused("halves", "compare", "--limit", "2", "--images", "left/000.png")


@pytest.mark.parametrize(
    ("options", "said_"),
    [
        (
            ("--method", "feature_ablation", "--hidden", "grey"),
            "--hidden grey has no part in feature_ablation; what takes it: lime. Leave it out, or add "
            "--method lime.",
        ),
        (
            ("--method", "occlusion", "--method", "gradcam", "--samples", "50"),
            "--samples 50 has no part in occlusion or gradcam; what takes it: lime.",
        ),
        (("--method", "gradcam", "--kernel-width", "0.5"), "--kernel-width 0.5 has no part in gradcam"),
        (("--method", "gradcam", "--no-kernel-sqrt"), "--no-kernel-sqrt has no part in gradcam"),
        (("--method", "occlusion", "--selection", "all"), "--selection all has no part in occlusion"),
        (("--layer", "4"), "--layer 4 has no part in lime; what takes it: gradcam."),
        (
            ("--adversarial-label", "float"),
            "--adversarial-label float says what --class adversarial means, and the class explained is "
            "predicted: leave it out",
        ),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(
    compare: tuple[Dataset, Classifier], options: tuple[str, ...], said_: str
) -> None:
    assert said_ in refused("halves", "compare", *options)


def test_an_option_that_one_of_the_methods_takes_is_for_that_one(
    compare: tuple[Dataset, Classifier],
) -> None:
    said("explain", "halves", "compare", "--method", "feature_ablation", "--method", "lime", *QUICK)
    found = {run.method: run.parameters for run in ExplanationRun.objects.all()}
    assert found["lime"]["samples"] == 100
    assert "samples" not in found["feature_ablation"]


def test_an_unknown_image_is_refused_with_the_nearest(compare: tuple[Dataset, Classifier]) -> None:
    assert "nearest: left/00" in refused("halves", "compare", "--images", "left/0O1.png")


def test_an_unknown_layer_is_refused_with_the_nearest(
    compare: tuple[Dataset, Classifier], tmp_path: Path
) -> None:
    add_cnn(tmp_path)
    message = refused("halves", "cnn", "--method", "gradcam", "--layer", "44")
    assert "cnn can not be explained by gradcam" in message
    assert "no layer '44': the nearest are 4" in message
    said("explain", "halves", "cnn", "--method", "gradcam", "--layer", "4")
    assert Explanation.objects.count() == 8


def test_gradcam_finds_the_last_map_itself_and_says_which(
    compare: tuple[Dataset, Classifier], tmp_path: Path
) -> None:
    add_cnn(tmp_path)
    said("explain", "halves", "cnn", "--method", "gradcam")
    assert ExplanationRun.objects.get().parameters["layer"] == "4"
    said("explain", "halves", "cnn", "--method", "gradcam")
    assert ExplanationRun.objects.count() == 1


def test_a_network_without_maps_is_refused_gradcam(compare: tuple[Dataset, Classifier]) -> None:
    assert "has no convolution" in refused("halves", "compare", "--method", "gradcam")


def test_a_classifier_without_gradients_is_refused_and_lime_explains_it(tmp_path: Path) -> None:
    import_squares(tmp_path)
    add_scripted(tmp_path, Rounding())
    message = refused("squares", "scripted", "--method", "integrated_gradients")
    assert "needs gradients" in message
    assert "explain with lime" in message
    said("explain", "squares", "scripted", *QUICK)
    said("explain", "squares", "scripted", "--method", "feature_ablation")
    assert Explanation.objects.filter(outcome="done").count() == 10


def test_a_classifier_without_a_network_is_refused(
    compare: tuple[Dataset, Classifier], tmp_path: Path
) -> None:
    said("add_classifier", "foreign", "--classes", str(tmp_path / "classes.csv"))
    assert "has no network here" in refused("halves", "foreign")


def test_an_image_of_one_superpixel_gets_no_weight_and_is_flagged(tmp_path: Path) -> None:
    import_squares(tmp_path)
    # A grid has no cells under two pixels.
    add_scripted(tmp_path, Halves(), side=2)
    result = said("explain", "squares", "scripted", *QUICK)
    assert (result["runs"][0]["done"], result["runs"][0]["failed"]) == (5, 0)
    for row in Explanation.objects.all():
        assert row.superpixels == len(row.weights) == 1
        assert "one_superpixel" in row.details["flags"]
    flat = Explanation.objects.get(image__name="left/flat.png")
    assert flat.category is not None
    assert flat.category.name == "even"


def test_fewer_superpixels_than_k_are_shown_and_counted(compare: tuple[Dataset, Classifier]) -> None:
    result = said("explain", "halves", "compare", *QUICK, "--superpixels", "40")
    assert result["runs"][0]["fewer_positive_than_shown"] == 8
    row = Explanation.objects.first()
    assert row is not None
    assert (row.superpixels, row.positive) == (16, 8)
    shown = np.asarray(Picture.open(default_storage.open(row.picture_file)))
    assert (shown.any(axis=2)).mean() == 0.5


def test_an_image_that_gives_nan_fails_alone(tmp_path: Path) -> None:
    import_squares(tmp_path)
    add_scripted(tmp_path, NotForWhite())
    result = with_failures("squares", "scripted", *QUICK)["runs"][0]
    assert (result["done"], result["failed"]) == (4, 1)
    assert result["failures"][0]["image"] == "right/corner.png"
    assert "not finite" in result["failures"][0]["reason"]
    failed = Explanation.objects.get(outcome="failed")
    assert (failed.weights, failed.picture_file, failed.category) == ([], "", None)
    assert ExplanationRun.objects.get().finished_at is not None
    # The class has NaN only where nothing is masked in the corner; a repeat tries it again, to the same end.
    rows = list(Explanation.objects.order_by("pk").values())
    with_failures("squares", "scripted", *QUICK)
    assert list(Explanation.objects.order_by("pk").values()) == rows


def test_a_file_that_is_gone_fails_alone_and_is_explained_once_it_is_back(
    compare: tuple[Dataset, Classifier], settings: Any, tmp_path: Path
) -> None:
    settings.VAR = tmp_path / "without crops"
    file = tmp_path / "pictures" / "left" / "000.png"
    content = file.read_bytes()
    file.unlink()
    result = with_failures("halves", "compare", *QUICK)["runs"][0]
    assert (result["done"], result["failed"], result["failures"][0]["image"]) == (7, 1, "left/000.png")
    there = set(Explanation.objects.filter(outcome="done").values_list("pk", flat=True))
    file.write_bytes(content)
    assert said("explain", "halves", "compare", *QUICK)["runs"][0]["done"] == 8
    assert there < set(Explanation.objects.filter(outcome="done").values_list("pk", flat=True))


def test_an_attacked_picture_that_has_changed_fails_alone(
    compare: tuple[Dataset, Classifier], own_files: Path
) -> None:
    attack = attack_halves()
    first, second = AdversarialImage.objects.order_by("pk")[:2]
    (own_files / first.file).write_bytes((own_files / second.file).read_bytes())
    (own_files / second.file).unlink()
    result = with_failures("halves", "compare", *QUICK, "--attack", str(attack), "--version", "adversarial")
    assert (result["runs"][0]["done"], result["runs"][0]["failed"]) == (6, 2)
    assert "has changed since" in Explanation.objects.get(image=first.image).reason
    assert "is gone" in Explanation.objects.get(image=second.image).reason


def test_an_attack_that_fooled_nothing_is_refused(compare: tuple[Dataset, Classifier]) -> None:
    weak = said("attack", "halves", "compare", "--space", "pixel", "--step", "0.0001", "--steps", "1")["run"]
    assert "made no image that compare mistakes" in refused("halves", "compare", "--attack", str(weak))


def test_another_seed_than_the_run_has_is_refused(compare: tuple[Dataset, Classifier]) -> None:
    said("explain", "halves", "compare", *QUICK, "--seed", "4", "--limit", "2")
    with pytest.raises(CommandError, match="was drawn with seed 4, not 5: leave --seed out"):
        call_command("explain", "halves", "compare", *QUICK, "--seed", "5", stdout=StringIO())
