"""Anti-aliased architectures of the package `antialiased-cnns` with files of the researcher."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from inference import preprocessing
from inference.antialiased import ANTIALIASED
from inference.architectures import build_network, find_architecture
from inference.classifiers import ClassifierSpec, load_classifier
from inference.prepared import prepare
from inference.weights import WeightsError
from tests.conftest import missing

NAME = "antialiased_resnet18"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Random weights as the package's authors publish theirs: inside "state_dict", "module." before names."""
    if importlib.util.find_spec("antialiased_cnns") is None:
        missing("The package antialiased-cnns (pip install --group antialiased)")
    torch.manual_seed(1)
    state = build_network(find_architecture(NAME), 5).state_dict()
    file = tmp_path / "resnet18_lpf4.pth.tar"
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}, "epoch": 90}, file)
    return file


def test_a_published_form_of_checkpoint_loads_and_predicts(checkpoint: Path) -> None:
    classifier = load_classifier(ClassifierSpec("aa", NAME, weights=checkpoint, classes=5), "cpu")
    assert classifier.preprocessing == preprocessing.imagenet()
    blurred = [module for module in classifier.network.modules() if type(module).__name__ == "BlurPool"]
    assert {tuple(module.get_buffer("filt").shape[2:]) for module in blurred} == {(4, 4)}
    pixels = torch.randint(0, 256, (2, 224, 224, 3), dtype=torch.uint8)
    prepared = prepare(classifier)
    expected = classifier.network(classifier.preprocessing.normalise(pixels)).softmax(1)
    assert prepared.folded
    assert (prepared.logits(pixels).softmax(1) - expected).abs().max().item() < 1e-4


def test_weights_of_another_blur_are_refused_with_both_shapes(checkpoint: Path) -> None:
    with pytest.raises(WeightsError, match=r"filt is \(64, 1, 4, 4\), not \(64, 1, 3, 3\)"):
        load_classifier(ClassifierSpec("aa", f"{NAME}_lpf3", weights=checkpoint, classes=5), "cpu")


def test_the_weights_are_the_researchers() -> None:
    with pytest.raises(WeightsError, match="antialiased_resnet50 has no weights of its own"):
        load_classifier(ClassifierSpec("aa", "antialiased_resnet50"), "cpu")


def test_without_the_package_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "antialiased_cnns", None)
    with pytest.raises(WeightsError, match=r"pip install antialiased-cnns==0\.3"):
        build_network(find_architecture(NAME), 5)


def test_a_mistyped_name_is_answered_with_the_nearest() -> None:
    assert {NAME, "antialiased_vgg16_bn_lpf5"} <= set(ANTIALIASED)
    with pytest.raises(ValueError, match=r"Did you mean .*antialiased_resnet50"):
        find_architecture("antialiased-resnet50")
