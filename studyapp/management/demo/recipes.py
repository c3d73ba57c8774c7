"""What the demo is made of: the embedded pictures, or the researcher's own folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
ADVERSARIAL_REHEARSED = PROTOCOLS / "digits-adversarial-rehearsal.toml"
PHOTOS_REHEARSED = PROTOCOLS / "photos-adversarial-rehearsal.toml"
ADVERSARIAL_OPEN = PROTOCOLS / "digits-adversarial-open.toml"
STABILITY_REHEARSED = PROTOCOLS / "photos-stability-rehearsal.toml"
SAME_CONTENT_REHEARSED = PROTOCOLS / "photos-same-content-rehearsal.toml"
ASSIGNMENT_REHEARSED = PROTOCOLS / "digits-assignment-rehearsal.toml"
ASSIGNMENT_OPEN = PROTOCOLS / "digits-assignment-open.toml"
PAPERS_ATTACK = PROTOCOLS / "adversarial.toml"
IMAGENET_CLASSIFIERS = (
    "efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
    "squeezenet1_1_caffe",
)
_DIGITS = "digits-train, 600 of scikit-learn\u2019s handwritten digits"
_IMAGENET = "ImageNet (ILSVRC 2012), training images"
SIMULATED_ERROR_RATE = 0.05
# Masked pictures for each photograph: a quarter of the paper's, so that a newcomer need not wait.
PHOTO_SAMPLES = 250
# Of some thousand attacked digits: enough for both studies, and for pages of a gallery.
EXPLAINED_DIGITS = 120


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
    trained_on: str = ""


@dataclass(frozen=True, slots=True)
class DemoAttack:
    """An attack and its explanations, with the parameters of a protocol file.

    `limit`: explain so many drawn images, not all. With `methods` these explain both versions of every
    picture, LIME from `samples` masked ones, instead of what the protocol's arms need.
    """

    dataset: str
    classifier: str
    protocol: Path
    limit: int | None = None
    methods: tuple[str, ...] = ()
    samples: int = 1000


@dataclass(frozen=True, slots=True)
class DemoExamples:
    """One method's prototypes and criticisms of every category."""

    dataset: str
    classifier: str
    method: str
    prototypes: int
    criticisms: int = 0


@dataclass(frozen=True, slots=True)
class DemoProbe:
    """A colour probe of one dataset."""

    dataset: str
    classifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoShift:
    """Shift maps over the windows of an image (DATASET:NAME), for the class with the index `target`."""

    image: str
    target: int
    classifiers: tuple[str, ...]
    size: int = 356
    stride: int = 12


@dataclass(frozen=True, slots=True)
class DemoStudy:
    """A study's protocol, the file it was read from, and what simulated participants are made to think."""

    protocol: Protocol
    file: Path
    planted: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything one demo builds, in order; the first answered and the first open study are shown first."""

    datasets: tuple[DemoDataset, ...]
    classifiers: tuple[DemoClassifier, ...]
    answered: tuple[DemoStudy, ...]
    open: tuple[DemoStudy, ...]
    attacks: tuple[DemoAttack, ...] = ()
    examples: tuple[DemoExamples, ...] = ()
    probes: tuple[DemoProbe, ...] = ()
    shifts: tuple[DemoShift, ...] = ()


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
    both = ("efficientnet-lite0", "efficientnet-lite1")
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
            DemoClassifier("digits-cnn", "digits_cnn", "digits", weights["digits-cnn"], _DIGITS),
            DemoClassifier("digits-linear", "digits_linear", "digits", weights["digits-linear"], _DIGITS),
            *(DemoClassifier(name, name.replace("-", "_"), "photos", trained_on=_IMAGENET) for name in both),
        ),
        attacks=(
            DemoAttack("digits", "digits-cnn", ADVERSARIAL_REHEARSED, limit=EXPLAINED_DIGITS),
            DemoAttack(
                "photos",
                "efficientnet-lite0",
                PAPERS_ATTACK,
                methods=("gradcam", "integrated_gradients", "lime"),
                samples=PHOTO_SAMPLES,
            ),
        ),
        examples=(
            DemoExamples("digits", "digits-cnn", "mmd_critic", 6),
            DemoExamples("digits", "digits-cnn", "mmd_critic", 3, 3),
            DemoExamples("digits", "digits-cnn", "adversarial", 6),
            DemoExamples("digits", "digits-cnn", "adversarial", 3, 3),
            DemoExamples("digits", "digits-cnn", "probability", 6),
            DemoExamples("digits", "digits-cnn", "probability", 3, 3),
            DemoExamples("digits", "digits-cnn", "random", 6),
        ),
        probes=(DemoProbe("photos", both),),
        shifts=(DemoShift("photos:coffee.png", 967, both),),
        answered=(
            _as_written(REHEARSED, {"digits-cnn": 0.45, "digits-linear": 0.15}),
            _as_written(ADVERSARIAL_REHEARSED),
            _as_written(PHOTOS_REHEARSED, {"whole": 0.34, "explained": 0.67}),
            _as_written(ASSIGNMENT_REHEARSED),
            _as_written(STABILITY_REHEARSED),
            _as_written(SAME_CONTENT_REHEARSED),
        ),
        open=(_as_written(OPEN), _as_written(ADVERSARIAL_OPEN), _as_written(ASSIGNMENT_OPEN)),
    )


def folder_recipe(folder: Path) -> Recipe:
    """The relevance studies over a researcher's own labelled images, with four ImageNet classifiers."""
    name = slugify(folder.resolve().name) or "images"
    labels = folder / "labels.csv"
    classifiers = tuple(
        DemoClassifier(architecture.replace("_", "-"), architecture, name)
        for architecture in IMAGENET_CLASSIFIERS
    )
    names = tuple(classifier.name for classifier in classifiers)
    planted = dict(zip(names, (0.45, 0.35, 0.30, 0.15), strict=True))
    return Recipe(
        datasets=(
            DemoDataset(
                name, folder.resolve(), labels=labels if labels.exists() else None, classes="imagenet"
            ),
        ),
        classifiers=classifiers,
        answered=(
            _photographs(REHEARSED, name, names, f"{name}-rehearsal", "answered in rehearsal", planted),
        ),
        open=(_photographs(OPEN, name, names, f"{name}-open", "your own look", {}),),
    )


def _as_written(file: Path, planted: Mapping[str, float] | None = None) -> DemoStudy:
    return DemoStudy(read_protocol(file), file, planted or {})


def _photographs(
    file: Path,
    dataset: str,
    classifiers: tuple[str, ...],
    name: str,
    what: str,
    planted: Mapping[str, float],
) -> DemoStudy:
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
        planted,
    )
