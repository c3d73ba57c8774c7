"""The raw rows behind a study of attacked images: attacks, adversarial images, explanations."""

from __future__ import annotations

from collections.abc import Iterator

from studyapp.exports.listing import Listing, Row, stream
from studyapp.exports.tabular import Column
from studyapp.models import AdversarialImage, AttackRun, Explanation, Stimulus, Study

_CLASSIFIER = Column("classifier", "Name of the classifier.")
_IMAGE = Column("image", "Path of the image, relative to the dataset's root.")


def _attacks(study: Study, mode: str) -> Iterator[Row]:
    return stream(
        AttackRun.objects.filter(study_classifiers__study=study).order_by("pk"),
        *("pk", "classifier__name", "parameters", "categories", "seed", "images", "weights_sha256"),
        *("versions", "device", "finished_at"),
    )


def _adversarial_images(study: Study, mode: str) -> Iterator[Row]:
    return stream(
        AdversarialImage.objects.filter(run__study_classifiers__study=study).order_by("run_id", "image_id"),
        *("key", "run_id", "run__classifier__name", "image__name", "outcome", "reason", "true__name"),
        *("clean_predicted__name", "clean_probability", "float_predicted__name", "float_probability"),
        *("displayed_predicted__name", "displayed_probability", "steps_taken", "steps_to_flip"),
        *("steps_to_displayed_flip", "float_linf", "float_l2", "displayed_linf", "displayed_l2"),
        *("file", "sha256"),
    )


def _explanations(study: Study, mode: str) -> Iterator[Row]:
    shown = Stimulus.objects.filter(study=study).exclude(explanation=None).values("explanation")
    return stream(
        Explanation.objects.filter(pk__in=shown).order_by("run_id", "image_id"),
        *("key", "run__classifier__name", "run__method", "run__version", "run__explained", "image__name"),
        *("adversarial__key", "category__name", "probability", "superpixels", "positive", "fit", "seed"),
        *("masks_sha256", "weights", "run__parameters", "picture_file"),
    )


ATTACK_LISTINGS: tuple[Listing, ...] = (
    Listing(
        "attacks.csv",
        "The attacks whose pictures the study shows.",
        (
            Column("attack", "Number of the attack.", "count"),
            _CLASSIFIER,
            Column("parameters", "Of the attack, defaults filled in (JSON)."),
            Column("categories", "Keys of the categories attacked (JSON list); empty list: all."),
            Column("seed", "Of the draw of categories."),
            Column("images", "Images of these categories.", "count"),
            Column("weights_sha256", "SHA-256 of the classifier's weights."),
            Column("versions", "Libraries and code (JSON)."),
            Column("device", "What it ran on."),
            Column("finished_at", "When it was complete (ISO 8601)."),
        ),
        _attacks,
        kind="adversarial",
    ),
    Listing(
        "adversarial_images.csv",
        "What these attacks made of every image; steps run from 1 to M, M + 1 is never, 0 wrong before.",
        (
            Column("adversarial", "Key of the adversarial image."),
            Column("attack", "Number of the attack, as in attacks.csv.", "count"),
            _CLASSIFIER,
            _IMAGE,
            Column("outcome", "attacked, wrong_at_start (predicted wrongly before) or failed."),
            Column("reason", "Why it failed."),
            Column("true", "The dataset's label: name."),
            Column("clean_predicted", "Top-1 before the attack: name."),
            Column("clean_probability", "Its softmax probability.", "number"),
            Column("float_predicted", "Top-1 of the float result: name."),
            Column("float_probability", "Its softmax probability.", "number"),
            Column("displayed_predicted", "Top-1 of the stored 8-bit picture: name."),
            Column("displayed_probability", "Its softmax probability.", "number"),
            Column("steps_taken", "Steps that the attack took.", "count"),
            Column("steps_to_flip", "First step at which the float prediction is wrong.", "count"),
            Column("steps_to_displayed_flip", "The same of the 8-bit picture.", "count"),
            Column("float_linf", "Largest change of a pixel.", "number", "grey levels"),
            Column("float_l2", "Euclidean length of the change.", "number", "grey levels"),
            Column(
                "displayed_linf", "Largest change of a pixel of the 8-bit picture.", "number", "grey levels"
            ),
            Column("displayed_l2", "Euclidean length of its change.", "number", "grey levels"),
            Column("file", "Name of the PNG in storage."),
            Column("sha256", "SHA-256 of its bytes."),
        ),
        _adversarial_images,
        kind="adversarial",
    ),
    Listing(
        "explanations.csv",
        "The explanations that the study shows.",
        (
            Column("explanation", "Key of the explanation."),
            _CLASSIFIER,
            Column("method", "Method of the explanation."),
            Column("version", "Of the picture explained: adversarial or clean."),
            Column("explained", "Whose class is explained: predicted, true, adversarial or given."),
            _IMAGE,
            Column("adversarial", "Key of the adversarial image explained; empty for the clean picture."),
            Column("class", "The class explained: name."),
            Column("probability", "Its softmax probability.", "number"),
            Column("superpixels", "Superpixels of the picture.", "count"),
            Column("positive", "Of them, with a positive weight.", "count"),
            Column("fit", "Weighted R squared of the surrogate, where there is one.", "number"),
            Column("seed", "Seed of its masks."),
            Column("masks_sha256", "SHA-256 of its masks."),
            Column("weights", "Weight of every superpixel, in their order (JSON list)."),
            Column("parameters", "Of method and segmenter (JSON)."),
            Column("file", "Name of the image with attention in storage."),
        ),
        _explanations,
        kind="adversarial",
    ),
)
