"""Stored trials as the statistics take them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from studyapp.analysis.shape_texture import NO_RESPONSE, Choices
from studyapp.models import ChoiceTrial, Observer


def choices_of(observers: Sequence[Observer], *, name: str, only: Collection[str] | None = None) -> Choices:
    """The trials of these observers of one set, pooled under one name; `only`: of these stimuli."""
    rows = ChoiceTrial.objects.filter(observer__in=observers).order_by("observer", "session", "trial")
    found = [
        (shape, texture, NO_RESPONSE if response is None else response)
        for shape, texture, response, stimulus in rows.values_list("shape", "texture", "response", "stimulus")
        if only is None or stimulus in only
    ]
    columns = np.array(found, dtype=np.int64).reshape(-1, 3)
    return Choices(
        observer=name,
        categories=tuple(observers[0].choice_set.names),
        shape=columns[:, 0],
        texture=columns[:, 1],
        response=columns[:, 2],
    )


def stimuli_of(observers: Sequence[Observer]) -> frozenset[str]:
    """Every stimulus that any of these observers was shown."""
    rows = ChoiceTrial.objects.filter(observer__in=observers).order_by().values_list("stimulus", flat=True)
    return frozenset(rows.distinct())
