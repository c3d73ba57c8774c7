"""Loading classifiers by name or from files, and what is said where they do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from inference import preprocessing
from inference.classifiers import Classifier, ClassifierSpec, load_classifier
from inference.digits import build_digits, train_digits
from inference.images import ImageItem
from inference.prediction import predict
from inference.preprocessing import Preprocessing
from inference.torchvision_ops import torchvision
from inference.weights import WeightsError, file_digest
from tests.inference_tests.toy import SIDE, brightness_classifier, brightness_network, picture


def toy_recipe() -> Preprocessing:
    return brightness_classifier().preprocessing


def test_an_unknown_architecture_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"Did you mean .*efficientnet_lite0"):
        load_classifier(ClassifierSpec("x", "efficientnet-lite0"), "cpu")


def test_weights_of_another_class_count_are_refused_with_both_shapes(tmp_path: Path) -> None:
    file = tmp_path / "seven.pth"
    torch.save(torchvision.models.squeezenet1_1(num_classes=7).state_dict(), file)
    with pytest.raises(
        WeightsError, match=r"classifier.1.weight is \(7, 512, 1, 1\), not \(1000, 512, 1, 1\)"
    ):
        load_classifier(ClassifierSpec("x", "squeezenet1_1", weights=file), "cpu")
    loaded = load_classifier(ClassifierSpec("x", "squeezenet1_1", weights=file, classes=7), "cpu")
    assert loaded.weights_digest == file_digest(file)
    assert [known.name for known in loaded.classes] == ["0", "1", "2", "3", "4", "5", "6"]
    assert not loaded.network.training


def test_a_torchvision_file_gets_the_first_weights_recipe(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save(torchvision.models.resnet50(num_classes=2).state_dict(), file)
    loaded = load_classifier(ClassifierSpec("x", "resnet50", weights=file, classes=2), "cpu")
    assert loaded.preprocessing == preprocessing.imagenet(224, 256, "bilinear")


def test_class_names_must_be_one_for_each_class() -> None:
    with pytest.raises(ValueError, match="2 class names for 1000 classes"):
        load_classifier(ClassifierSpec("x", "efficientnet_lite0", class_names=("a", "b")), "cpu")


def test_digits_need_a_file() -> None:
    with pytest.raises(WeightsError, match="digits_cnn has no weights of its own"):
        load_classifier(ClassifierSpec("x", "digits_cnn", classes=10), "cpu")


def scripted(folder: Path) -> Path:
    file = folder / "toy.pt"
    torch.jit.save(torch.jit.trace(brightness_network(), torch.zeros(1, 3, SIDE, SIDE)), file)  # type: ignore[no-untyped-call]
    return file


def test_a_torchscript_file_is_not_opened_unless_trusted(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="trusted = true"):
        load_classifier(ClassifierSpec("x", "torchscript", weights=scripted(tmp_path), classes=3), "cpu")


def predicted(classifier: Classifier) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    items = [ImageItem(index, picture(40 * index, 100, 250 - 50 * index)) for index in range(5)]
    (batch,) = predict(classifier, items)
    return batch.probabilities


def test_a_trusted_torchscript_file_says_what_its_source_says(tmp_path: Path) -> None:
    spec = ClassifierSpec(
        "x", "torchscript", weights=scripted(tmp_path), classes=3, preprocessing=toy_recipe(), trusted=True
    )
    assert predicted(load_classifier(spec, "cpu")) == pytest.approx(
        predicted(brightness_classifier()), abs=1e-6
    )


def test_a_fixed_batch_of_an_exported_network_is_respected_by_padding(tmp_path: Path) -> None:
    file = tmp_path / "toy.pt2"
    torch.export.save(torch.export.export(brightness_network(), (torch.zeros(4, 3, SIDE, SIDE),)), file)
    spec = ClassifierSpec(
        "x", "torch_export", weights=file, classes=3, preprocessing=toy_recipe(), trusted=True, fixed_batch=4
    )
    assert predicted(load_classifier(spec, "cpu")) == pytest.approx(
        predicted(brightness_classifier()), abs=1e-6
    )


def test_another_class_count_of_an_exported_network_is_refused(tmp_path: Path) -> None:
    spec = ClassifierSpec(
        "x", "torchscript", weights=scripted(tmp_path), classes=10, preprocessing=toy_recipe(), trusted=True
    )
    with pytest.raises(WeightsError, match="has 3 classes, not 10"):
        load_classifier(spec, "cpu")


def split_digits() -> tuple[list[np.ndarray], list[np.ndarray]]:  # type: ignore[type-arg]
    digits = load_digits()
    images = (digits.images * 255 / 16).round().astype(np.uint8)
    labels = digits.target.astype(np.int64)
    return [images[::2], images[1::2]], [labels[::2], labels[1::2]]


def error_of(architecture: str, epochs: int) -> float:
    (train, held_out), (train_labels, held_out_labels) = split_digits()
    state = train_digits(train, train_labels, seed=1, epochs=epochs, architecture=architecture)  # type: ignore[arg-type]
    network = build_digits(architecture)  # type: ignore[arg-type]
    network.load_state_dict(state)
    inputs = torch.from_numpy(held_out.astype(np.float32) / 255).unsqueeze(1)
    with torch.inference_mode():
        best = network.eval()(inputs).argmax(dim=1).numpy()
    return float((best != held_out_labels).mean())


def test_the_small_network_errs_on_a_few_percent_and_the_linear_one_on_more() -> None:
    strong, weak = error_of("digits_cnn", 12), error_of("digits_linear", 4)
    assert 0.003 < strong < 0.05
    assert strong + 0.03 < weak < 0.3


def test_training_is_the_same_for_the_same_seed_and_leaves_the_random_state_alone() -> None:
    (train, _), (labels, _) = split_digits()
    torch.manual_seed(11)
    expected = torch.rand(1).item()
    torch.manual_seed(11)
    first, second, other = (
        train_digits(train[:200], labels[:200], seed=seed, epochs=1) for seed in (1, 1, 2)
    )
    assert torch.rand(1).item() == expected
    assert all((first[name] == second[name]).all() for name in first)
    assert any((first[name] != other[name]).any() for name in first)
