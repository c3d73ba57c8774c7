"""The packaged ImageNet classifiers on real photographs; needs the research data folder."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from inference import preprocessing
from inference.classifiers import Classifier, ClassifierSpec, load_classifier
from inference.crops import DISPLAY
from inference.imagenet import imagenet_classes
from inference.images import DecodedCrop, ImageItem, load_crop
from inference.prediction import PredictedBatch, predict
from inference.prepared import prepare
from tests.inference_tests.precisions import needs_bfloat16

Photographs = tuple[list[ImageItem], NDArray[np.int64]]

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def photographs(shared_data: Path) -> Photographs:
    """Every fifth photograph of the sample, 140 in all, with its class index."""
    folder = shared_data / "imagenet-sample"
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::5]
    items = [ImageItem(index, folder / row["path"]) for index, row in enumerate(rows)]
    return items, np.array([int(row["class_index"]) for row in rows])


@pytest.fixture(scope="module")
def lite0() -> Classifier:
    return load_classifier(ClassifierSpec("lite0", "efficientnet_lite0"), "cpu")


@pytest.fixture(scope="module")
def squeezenet() -> Classifier:
    return load_classifier(ClassifierSpec("squeezenet", "squeezenet1_1_caffe"), "cpu")


def accuracy(classifier: Classifier, photographs: Photographs) -> float:
    items, labels = photographs
    best = joined(list(predict(classifier, items)), "ranking")[:, 0]
    return float((best == labels).mean())


def joined(batches: list[PredictedBatch], name: str) -> NDArray[np.float64]:
    return np.concatenate([getattr(batch, name) for batch in batches])


def test_lite0_is_right_on_most_photographs_and_imagenets_mean_and_std_cost_it_many(
    lite0: Classifier, photographs: Photographs
) -> None:
    own = accuracy(lite0, photographs)
    wrong = replace(lite0, preprocessing=replace(preprocessing.imagenet(), crop=lite0.preprocessing.crop))
    # 0.876 on all 700, measured; three standard errors of 140 are 0.083.
    assert 0.79 < own < 0.96
    assert accuracy(wrong, photographs) < own - 0.03


def test_squeezenet_reads_blue_first(squeezenet: Classifier, photographs: Photographs) -> None:
    own = accuracy(squeezenet, photographs)
    recipe = replace(squeezenet.preprocessing, channel_order="rgb", mean=squeezenet.preprocessing.mean[::-1])
    # 62 % and 44 % on all 700.
    assert 0.5 < own < 0.75
    assert accuracy(replace(squeezenet, preprocessing=recipe), photographs) < own - 0.08


@pytest.mark.parametrize(
    "name", ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2", "squeezenet1_1_caffe"]
)
def test_the_prepared_network_says_what_the_network_as_loaded_says(
    name: str, photographs: Photographs
) -> None:
    classifier = load_classifier(ClassifierSpec(name, name), "cpu")
    prepared = prepare(classifier)
    assert prepared.folded
    crops = [load_crop(item, classifier.preprocessing.crop) for item in photographs[0][:16]]
    pixels = torch.from_numpy(np.stack([crop.pixels for crop in crops if isinstance(crop, DecodedCrop)]))
    with torch.inference_mode():
        expected = classifier.network(classifier.preprocessing.normalise(pixels)).softmax(dim=1)
    actual = prepared.logits(pixels).softmax(dim=1)
    assert (actual - expected).abs().max().item() < 1e-4
    assert (actual.argmax(dim=1) == expected.argmax(dim=1)).all()


@needs_bfloat16
def test_bfloat16_changes_few_answers(lite0: Classifier, photographs: Photographs) -> None:
    items = photographs[0][:64]
    exact = joined(list(predict(lite0, items)), "ranking")[:, 0]
    rounded = joined(list(predict(lite0, items, precision="bfloat16")), "ranking")[:, 0]
    assert (exact != rounded).mean() < 0.1


def test_the_class_table_is_in_the_standard_order(shared_data: Path) -> None:
    with (shared_data / "imagenet-sample" / "classes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["wnid"] for row in rows] == [known.wnid for known in imagenet_classes()]
    assert all(
        known.name.startswith(row["class_name"]) for row, known in zip(rows, imagenet_classes(), strict=True)
    )


def test_people_see_256_then_the_middle_224(photographs: Photographs) -> None:
    crop = load_crop(photographs[0][0], DISPLAY)
    assert isinstance(crop, DecodedCrop)
    assert crop.pixels.shape == (224, 224, 3)
