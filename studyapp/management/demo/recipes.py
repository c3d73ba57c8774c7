"""What the demo is made of: the embedded pictures, or the researcher's own folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from django.utils.text import slugify

from studyapp.management.demo.pictures import write_digits, write_photos
from studyapp.protocol.reading import read_protocol
from studyapp.protocol.schema import Protocol
from studyapp.protocol.target import with_target
from studyapp.tasks.digits import DigitTraining, train_digit_classifier

PROTOCOLS = Path(__file__).resolve().parents[3] / "protocols"
REHEARSED = PROTOCOLS / "digits-rehearsal.toml"
OPEN = PROTOCOLS / "digits-open.toml"
IMAGENET_CLASSIFIERS = (
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "squeezenet1_1_caffe",
)
SIMULATED_ERROR_RATE = 0.05


@dataclass(frozen=True, slots=True)
class DemoDataset:
    """A folder to import, and how."""

    name: str
    folder: Path
    labels: Path | None = None
    classes: str = ""
    enlarge: str = "smooth"
    licence: str = ""


@dataclass(frozen=True, slots=True)
class DemoClassifier:
    """A classifier to register and the dataset it predicts."""

    name: str
    architecture: str
    dataset: str
    weights: Path | None = None
    planted_acceptance: float = 0.3


@dataclass(frozen=True, slots=True)
class DemoStudy:
    """A study's protocol and the file it was read from."""

    protocol: Protocol
    file: Path


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything one demo builds, in order."""

    datasets: tuple[DemoDataset, ...]
    classifiers: tuple[DemoClassifier, ...]
    rehearsed: DemoStudy
    open: DemoStudy


def embedded_recipe(var: Path) -> Recipe:
    """The demo that needs nothing: handwritten digits and sample photographs."""
    digits = write_digits(var / "demo")
    photos = write_photos(var / "demo")
    trained = {
        "digits-cnn": DigitTraining("digits_cnn", epochs=20),
        "digits-linear": DigitTraining("digits_linear", epochs=60),
    }
    weights = {name: var / "demo" / f"{name}.safetensors" for name in trained}
    for name, training in trained.items():
        train_digit_classifier(folder=digits.train, training=training, weights=weights[name])
    licence = "scikit-learn, from the UCI repository's digits by E. Alpaydin and C. Kaynak (CC BY 4.0)"
    return Recipe(
        datasets=(
            DemoDataset("digits", digits.validation, enlarge="nearest", licence=licence),
            DemoDataset("digits-train", digits.train, enlarge="nearest", licence=licence),
            DemoDataset(
                "photos",
                photos,
                labels=photos / "labels.csv",
                licence="sample pictures of scikit-image and scikit-learn; see docs/licences.md",
            ),
        ),
        classifiers=(
            DemoClassifier("digits-cnn", "digits_cnn", "digits", weights["digits-cnn"], 0.45),
            DemoClassifier("digits-linear", "digits_linear", "digits", weights["digits-linear"], 0.15),
            DemoClassifier("efficientnet-lite0", "efficientnet_lite0", "photos"),
        ),
        rehearsed=DemoStudy(read_protocol(REHEARSED), REHEARSED),
        open=DemoStudy(read_protocol(OPEN), OPEN),
    )


def folder_recipe(folder: Path) -> Recipe:
    """The same demo over a researcher's own labelled images, with four ImageNet classifiers."""
    name = slugify(folder.resolve().name) or "images"
    labels = folder / "labels.csv"
    planted = (0.45, 0.35, 0.30, 0.15)
    classifiers = tuple(
        DemoClassifier(architecture.replace("_", "-"), architecture, name, planted_acceptance=share)
        for architecture, share in zip(IMAGENET_CLASSIFIERS, planted, strict=True)
    )
    names = tuple(classifier.name for classifier in classifiers)
    return Recipe(
        datasets=(
            DemoDataset(
                name, folder.resolve(), labels=labels if labels.exists() else None, classes="imagenet"
            ),
        ),
        classifiers=classifiers,
        rehearsed=_photographs(REHEARSED, name, names, f"{name}-rehearsal", "answered in rehearsal"),
        open=_photographs(OPEN, name, names, f"{name}-open", "your own look"),
    )


def _photographs(file: Path, dataset: str, classifiers: tuple[str, ...], name: str, what: str) -> DemoStudy:
    """A demo protocol pointed at photographs: smooth resizing and the usual centre crop."""
    plan = with_target(
        read_protocol(file), dataset=dataset, classifiers=classifiers, name=name, title=f"{dataset}, {what}"
    )
    return DemoStudy(
        replace(
            plan,
            questions=replace(plan.questions, display_resize=256, display_resampling="bicubic"),
            recruitment=replace(plan.recruitment, title="Do these words fit the picture?"),
        ),
        file,
    )
