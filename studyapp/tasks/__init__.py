"""Celery jobs, one module per kind of run; the only importers of inference and explain."""

from studyapp.tasks import catalogue, chunks, exports, predict, stimuli

__all__ = ["catalogue", "chunks", "exports", "predict", "stimuli"]
