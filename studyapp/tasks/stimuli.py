"""Renders what people see: one centre crop per image, 8-bit and lossless, under an unguessable name."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from studyapp.models import Chunk, Dataset, Job, Stimulus, Study
from studyapp.protocol.schema import Questions
from studyapp.services.image_files import read_image_file
from studyapp.services.jobs import JobFailure
from studyapp.services.plans import protocol_of
from studyapp.services.study_creation import BUILD, finish_build
from studyapp.tasks.chunks import job_function

if TYPE_CHECKING:
    from inference.crops import Pixels


def close_build(job: Job) -> None:
    """The last step of a build: slots, and the mark that the study is complete."""
    finish_build(study=Study.objects.get(pk=job.parameters["study"]))


@job_function(BUILD, finish=close_build)
def render_stimuli(chunk: Chunk) -> None:
    """Render the stimuli of a chunk; a picture that is there already is left as it is."""
    study = Study.objects.select_related("dataset").get(pk=chunk.payload["study"])
    questions = protocol_of(study).questions
    waiting = Stimulus.objects.filter(pk__in=chunk.payload["stimuli"], file="").select_related(
        "image__dataset"
    )
    for stimulus in waiting:
        _render(stimulus, study.dataset, questions)


def _render(stimulus: Stimulus, dataset: Dataset, questions: Questions) -> None:
    """Crop, encode, store, then write the row: what runs twice stores the same picture once."""
    from inference.crops import display_crop
    from inference.images import UnreadableImageError, decode_image

    try:
        picture = decode_image(read_image_file(image=stimulus.image))
    except (OSError, UnreadableImageError) as problem:
        raise JobFailure(
            f"{stimulus.image.name} of {stimulus.image.dataset.name} can not be shown: {problem}",
            "Put the file back as it was imported, then retry.",
        ) from problem
    side = questions.display_crop
    pixels = display_crop(
        picture,
        side=side,
        resize=max(questions.display_resize, side),
        interpolation=questions.display_resampling,
        enlarge="nearest" if dataset.enlarge == Dataset.Enlarge.NEAREST else None,
    )
    content = _png(pixels)
    name = f"stimuli/{stimulus.key[:2]}/{stimulus.key}.png"
    if default_storage.exists(name):
        # A worker died between storing and writing the row.
        default_storage.delete(name)
    saved = default_storage.save(name, ContentFile(content))
    Stimulus.objects.filter(pk=stimulus.pk).update(
        file=saved, sha256=hashlib.sha256(content).hexdigest(), width=side, height=side
    )


def _png(pixels: Pixels) -> bytes:
    """8-bit RGB pixels (height, width, 3) as a PNG without metadata."""
    from PIL import Image as Picture

    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
