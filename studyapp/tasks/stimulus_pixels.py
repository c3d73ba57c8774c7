"""The exact pixels of one stimulus: a centre crop, an attacked picture, what an explanation leaves of one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studyapp.models import Classifier, Dataset, Explanation, Image, ProbeRun, Stimulus
from studyapp.protocol.pictures import PictureQuestions
from studyapp.services.catalogue.image_files import read_image_file
from studyapp.services.jobs import JobFailure
from studyapp.services.stored_files import read_file
from studyapp.tasks.changed_pictures import changed_pixels
from studyapp.tasks.pngs import png_pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inference.crops import Crop, Pixels


@dataclass(frozen=True, slots=True, eq=False)
class StimulusPixels:
    """8-bit RGB pixels (side, side, 3); `drawn` is what rendering decided and the stimulus keeps."""

    pixels: Pixels = field(repr=False)
    drawn: Mapping[str, Any] = field(default_factory=dict)


def pixels_of(stimulus: Stimulus, dataset: Dataset, questions: PictureQuestions) -> StimulusPixels:
    """What people are to see; `stimulus` with its image, adversarial image and explanation loaded.

    Pictures of a classifier (attacked, clean or explained) keep the pixels it sees; where those are small
    they are enlarged by whole pixels, so that nothing is smoothed. Raises JobFailure with the remedy.
    """
    shows = stimulus.parameters.get("shows")
    if shows is None:
        return StimulusPixels(_display_crop(stimulus.image, dataset, questions))
    if shows == "changed":
        found = StimulusPixels(_changed(stimulus))
    else:
        found = StimulusPixels(_whole(stimulus)) if shows == "whole" else _superpixels(stimulus)
    return StimulusPixels(enlarged(found.pixels, questions.display_crop), found.drawn)


def enlarged(pixels: Pixels, side: int) -> Pixels:
    """Every pixel as a square of equal pixels, as large as fits into `side`; larger pictures as they are."""
    factor = side // max(pixels.shape[:2])
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1) if factor > 1 else pixels


def _display_crop(image: Image, dataset: Dataset, questions: PictureQuestions) -> Pixels:
    from inference.crops import Crop

    side = questions.display_crop
    return _crop(
        image,
        Crop(
            side=side,
            resize=max(questions.display_resize, side),
            interpolation=questions.display_resampling,
            enlarge="nearest" if dataset.enlarge == Dataset.Enlarge.NEAREST else None,
        ),
    )


def _whole(stimulus: Stimulus) -> Pixels:
    """The stored attacked picture, or the classifier's own crop of the clean image."""
    if stimulus.adversarial is not None:
        row = stimulus.adversarial
        return _stored(row.file, f"The attacked picture of {stimulus.image.name}", row.sha256)
    from inference.preprocessing import Preprocessing

    classifier = Classifier.objects.get(name=stimulus.parameters["classifier"])
    return _crop(stimulus.image, Preprocessing.from_dict(classifier.preprocessing).crop)


def _changed(stimulus: Stimulus) -> Pixels:
    """The image under one change of a probe."""
    told = stimulus.parameters
    return changed_pixels(
        run=ProbeRun.objects.get(key=told["probe"]),
        classifier=Classifier.objects.get(name=told["classifier"]),
        image=stimulus.image,
        column=told["column"],
        crop_of=_crop,
    )


def _superpixels(stimulus: Stimulus) -> StimulusPixels:
    """The superpixels that speak for the class, or as large an area of others drawn with the stored seed."""
    import numpy as np

    from explain.explanations import top_positive
    from explain.pictures import picture_of, random_superpixels, shown_area
    from explain.superpixels import decode_segments

    row, told = stimulus.explanation, stimulus.parameters
    if row is None or row.outcome != Explanation.Outcome.DONE:
        raise JobFailure(
            f"{stimulus.image.name} has no explanation any more.", "Explain it again, then retry."
        )
    pixels = _stored(row.explained_file, f"The picture of {stimulus.image.name} that was explained")
    segments: NDArray[np.int32] = decode_segments(
        _content(row.segments_file, f"The superpixels of {stimulus.image.name}")
    )
    shown = top_positive(np.array(row.weights), told["superpixels"])
    area = shown_area(segments, shown)
    drawn: dict[str, Any] = {"shown": list(shown), "area": area}
    if told["shows"] == "random_superpixels":
        control = random_superpixels(segments, area, np.random.default_rng(told["seed"]))
        shown = control.superpixels
        drawn = {"shown": list(shown), "area": control.area, "area_of_explanation": area}
    return StimulusPixels(picture_of(pixels, segments, shown, told["rest"]), drawn)


def _crop(image: Image, crop: Crop) -> Pixels:
    from inference.crops import crop_pixels
    from inference.images import UnreadableImageError, decode_image

    try:
        picture = decode_image(read_image_file(image=image))
    except (OSError, UnreadableImageError) as problem:
        raise JobFailure(
            f"{image.name} of {image.dataset.name} can not be shown: {problem}",
            "Put the file back as it was imported, then retry.",
        ) from problem
    return crop_pixels(picture, crop)


def _stored(name: str, what: str, sha256: str = "") -> Pixels:
    content = _content(name, what)
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise JobFailure(f"{what} ({name}) has changed since it was made.", "Attack again, then retry.")
    return png_pixels(content)


def _content(name: str, what: str) -> bytes:
    content = read_file(name)
    if content is None:
        raise JobFailure(
            f"{what} ({name}) is not in storage any more.", "Attack or explain again, then retry."
        )
    return content
