"""Datasets whose pictures a probe predicted to their edges: people are shown all of them, too."""

from __future__ import annotations

from django.db.models import Q

from studyapp.models import Image, PredictionRun
from studyapp.services.probes.shift_drawing import SHIFT
from studyapp.services.probes.texture_flips import PROBE

# People are shown a picture of at least this side, enlarged by whole pixels.
_LEAST_SHOWN = 224


def shown_side(dataset: str) -> int | None:
    """The side in pixels at which people see the whole of every picture of a probe's own dataset.

    That is one drawn from a shift run, or one whose predictions are a texture run's choices. None for any
    other dataset, and where the pictures are not squares of one size.
    """
    of_a_probe = PredictionRun.objects.filter(
        Q(parameters__has_key=SHIFT) | Q(parameters__has_key=PROBE), dataset__name=dataset
    )
    if not of_a_probe.exists():
        return None
    pictures = Image.objects.filter(dataset__name=dataset).order_by()
    sizes = set(pictures.values_list("width", "height").distinct())
    if len(sizes) != 1:
        return None
    width, height = sizes.pop()
    if width is None or width != height:
        return None
    return int(width) * max(1, _LEAST_SHOWN // int(width))
