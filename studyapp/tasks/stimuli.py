"""Renders what people see: 8-bit and lossless, under an unguessable name."""

from __future__ import annotations

import hashlib

from studyapp.models import Chunk, Dataset, Job, Stimulus, Study
from studyapp.protocol.pictures import PictureQuestions
from studyapp.services.gallery.strips import start_strips_for_study
from studyapp.services.plans import protocol_of
from studyapp.services.stored_files import put_file
from studyapp.services.studies.creation import BUILD, finish_build
from studyapp.tasks.chunks import job_function
from studyapp.tasks.pngs import png
from studyapp.tasks.stimulus_pixels import pixels_of


def close_build(job: Job) -> None:
    """The last step of a build: slots, the mark that the study is complete, thumbnails for its review."""
    study = Study.objects.get(pk=job.parameters["study"])
    finish_build(study=study)
    start_strips_for_study(study)


@job_function(BUILD, finish=close_build)
def render_stimuli(chunk: Chunk) -> None:
    """Render the stimuli of a chunk; a picture that is there already is left as it is."""
    study = Study.objects.select_related("dataset").get(pk=chunk.payload["study"])
    questions = protocol_of(study).questions
    waiting = Stimulus.objects.filter(pk__in=chunk.payload["stimuli"], file="").select_related(
        "image__dataset", "adversarial", "explanation"
    )
    for stimulus in waiting:
        _render(stimulus, study.dataset, questions)


def _render(stimulus: Stimulus, dataset: Dataset, questions: PictureQuestions) -> None:
    """Draw, encode, store, then write the row: what runs twice stores the same picture once."""
    found = pixels_of(stimulus, dataset, questions)
    content = png(found.pixels)
    name = f"stimuli/{stimulus.key[:2]}/{stimulus.key}.png"
    put_file(name, content)
    height, width = found.pixels.shape[:2]
    Stimulus.objects.filter(pk=stimulus.pk).update(
        file=name,
        sha256=hashlib.sha256(content).hexdigest(),
        width=width,
        height=height,
        parameters={**stimulus.parameters, **found.drawn},
    )
