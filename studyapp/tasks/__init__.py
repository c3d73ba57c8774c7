"""Celery jobs, one module per kind of run; the only importers of inference and explain."""

from studyapp.tasks import (
    attack_chunks,
    board_pictures,
    catalogue,
    chunks,
    colour_probe,
    examples,
    explanations,
    exports,
    features,
    gallery_board,
    gallery_thumbnails,
    predict,
    probes,
    shift_probe,
    stimuli,
    texture_probe,
)

__all__ = [
    "attack_chunks",
    "board_pictures",
    "catalogue",
    "chunks",
    "colour_probe",
    "examples",
    "explanations",
    "exports",
    "features",
    "gallery_board",
    "gallery_thumbnails",
    "predict",
    "probes",
    "shift_probe",
    "stimuli",
    "texture_probe",
]
