"""add_classifier: loaded once, registered with a digest, refused with what to do."""

from __future__ import annotations

import json
import pickle
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from django.core.management import CommandError, call_command

from inference.digits import build_digits
from inference.weights import file_digest
from studyapp.models import Classifier, ClassList
from tests.studyapp_tests.networks import write_classes, write_weights

pytestmark = pytest.mark.django_db


def add(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("add_classifier", *arguments, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


@pytest.fixture
def digits(tmp_path: Path) -> list[str]:
    weights = write_weights(tmp_path / "grey.safetensors")
    classes = write_classes(tmp_path / "classes.csv")
    return ["--architecture", "digits_linear", "--weights", str(weights), "--classes", str(classes)]


def test_a_local_network_is_registered_with_its_digest_recipe_and_classes(
    digits: list[str], tmp_path: Path
) -> None:
    result = add("grey", *digits)
    assert result["new"]
    classifier = Classifier.objects.get(name="grey")
    assert classifier.source == Classifier.Source.DIGITS
    assert classifier.weights_sha256 == file_digest(tmp_path / "grey.safetensors")
    assert classifier.preprocessing["channel_order"] == "grey"
    assert list(classifier.class_list.categories.values_list("name", flat=True)) == [
        "dark",
        "middle",
        "bright",
    ]


def test_repeating_a_registration_changes_nothing(digits: list[str]) -> None:
    first = add("grey", *digits)
    again = add("grey", *digits)
    assert not again["new"]
    assert {**first, "new": False} == again
    assert Classifier.objects.count() == 1


def test_what_it_was_trained_on_can_be_said_later_and_is_not_lost_by_repeating(digits: list[str]) -> None:
    add("grey", *digits)
    assert add("grey", *digits, "--trained-on", "600 digits")["trained_on"] == "600 digits"
    again = add("grey", *digits, "--validated-on", "1,197 digits")
    assert (again["trained_on"], again["validated_on"]) == ("600 digits", "1,197 digits")


def test_a_name_does_not_change_its_meaning(digits: list[str], tmp_path: Path) -> None:
    add("grey", *digits)
    write_weights(tmp_path / "grey.safetensors", offset=1.0)
    with pytest.raises(CommandError, match=r"another weights digest .*choose another name"):
        add("grey", *digits)


def test_the_packaged_lite0_has_its_own_recipe_and_imagenets_classes() -> None:
    result = add("lite0", "--architecture", "efficientnet_lite0")
    assert (result["class_list"], result["classes"]) == ("ImageNet-1k", 1000)
    assert result["preprocessing"]["mean"] == [127.0, 127.0, 127.0]
    assert result["preprocessing"]["crop"]["side"] == 224
    assert result["source"] == "package"


def test_a_torchvision_network_loads_from_a_state_dict(tmp_path: Path) -> None:
    from inference.torchvision_ops import torchvision

    torch.manual_seed(0)
    network = torchvision.models.get_model("squeezenet1_1", weights=None, num_classes=3)
    torch.save(network.state_dict(), tmp_path / "net.pth")
    classes = write_classes(tmp_path / "classes.csv")
    result = add(
        *("net", "--architecture", "squeezenet1_1", "--weights", str(tmp_path / "net.pth")),
        *("--classes", str(classes)),
    )
    assert (result["source"], result["classes"]) == ("torchvision", 3)
    assert result["preprocessing"]["mean"] == [0.485, 0.456, 0.406]


def test_an_exported_file_needs_the_researchers_word(tmp_path: Path) -> None:
    network = build_digits("digits_linear", 3).eval()
    path = tmp_path / "net.pt"
    torch.jit.trace(network, torch.zeros(4, 1, 8, 8)).save(str(path))
    recipe = tmp_path / "recipe.json"
    from inference.preprocessing import digits

    recipe.write_text(json.dumps(digits().to_dict()))
    classes = str(write_classes(tmp_path / "classes.csv"))
    arguments = ["--architecture", "torchscript", "--weights", str(path), "--classes", classes]
    arguments += ["--preprocessing", str(recipe), "--fixed-batch", "4"]
    with pytest.raises(CommandError, match="can run code"):
        add("net", *arguments)
    result = add("net", *arguments, "--trust-file")
    assert result["source"] == "exported"
    assert Classifier.objects.get().fixed_batch == 4


def test_a_file_that_could_run_code_is_refused(tmp_path: Path, digits: list[str]) -> None:
    path = tmp_path / "evil.pt"
    with path.open("wb") as file:
        pickle.dump({"1.weight": Path("/")}, file)
    digits[3] = str(path)
    with pytest.raises(CommandError, match=r"no PyTorch weights file|could run code"):
        add("grey", *digits)
    assert not Classifier.objects.exists()


def test_a_classifier_without_weights_takes_its_predictions_from_elsewhere(tmp_path: Path) -> None:
    result = add("theirs", "--classes", str(write_classes(tmp_path / "classes.csv")))
    assert (result["source"], result["weights_sha256"], result["classes"]) == ("elsewhere", "", 3)


def test_two_classifiers_of_one_class_list_share_it(digits: list[str], tmp_path: Path) -> None:
    add("grey", *digits)
    add("theirs", "--classes", str(tmp_path / "classes.csv"))
    assert ClassList.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--architecture", "resnet51"], "Did you mean"),
        (["--architecture", "digits_linear"], "give a weights file"),
        ([], "neither an architecture nor classes"),
        (["--classes-from", "nowhere"], "no dataset nowhere"),
        (["--classes", "{gap}"], "class_index 1 is missing"),
        (["--architecture", "digits_linear", "--weights", "{weights}"], "classes"),
        (["--weights", "{weights}"], "--architecture"),
        (["--architecture", "digits_linear", "--weights", "{weights}.gone"], "no such weights file"),
    ],
)
def test_what_can_not_be_registered_is_refused_with_the_remedy(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    gap = write_classes(tmp_path / "gap.csv", "class_index,class_name\n0,a\n2,b\n")
    weights = write_weights(tmp_path / "grey.safetensors")
    filled = [argument.format(gap=gap, weights=weights) for argument in arguments]
    with pytest.raises(CommandError, match=complaint):
        add("one", *filled)
    assert not Classifier.objects.exists()
