"""The pictures of drawn flips, composed as they were when they were predicted, in storage as a dataset."""

from __future__ import annotations

import hashlib

from studyapp.models import Chunk, Dataset
from studyapp.services.catalogue.image_files import stored_name
from studyapp.services.probes.shift_drawing import (
    KIND,
    draw_of,
    drawn_flips,
    places_of,
    register_drawn,
)
from studyapp.services.stored_files import put_file
from studyapp.tasks.chunks import job_function
from studyapp.tasks.pngs import png
from studyapp.tasks.shift_sources import stored_set

TOGETHER = 64


@job_function(KIND)
def write_drawn_flips(chunk: Chunk) -> None:
    """Write the picture of every drawn place, and then all the rows in one transaction; safe to repeat."""
    import torch

    draw = draw_of(chunk.job)
    if Dataset.objects.filter(name=draw.dataset).exists():
        return
    drawn = drawn_flips(draw)
    places, shift = places_of(drawn), stored_set(draw.run)
    # Files are named by their content and the dataset's name: they may be there before it is.
    to_be = Dataset(name=draw.dataset)
    digests: dict[int, str] = {}
    for start in range(0, len(places), TOGETHER):
        some = places[start : start + TOGETHER]
        for place, pixels in zip(some, shift.pictures(torch.tensor(some)).numpy(), strict=True):
            content = png(pixels)
            digests[place] = hashlib.sha256(content).hexdigest()
            put_file(stored_name(to_be, digests[place]), content)
    register_drawn(draw=draw, drawn=drawn, digests=digests)
