"""Stored trials as the statistics take them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import IntArray
from studyapp.analysis.shape_texture import NO_RESPONSE, Choices
from studyapp.models import ChoiceTrial, Observer


@dataclass(frozen=True, slots=True, eq=False)
class StimulusChoices:
    """Choices with the stimulus of each, and who of several people pooled made it ([n] any numbers)."""

    choices: Choices
    stimuli: tuple[str, ...]
    person: IntArray

    def only(self, wanted: Collection[str]) -> StimulusChoices:
        """The part that these stimuli make."""
        kept = np.array([stimulus in wanted for stimulus in self.stimuli], dtype=bool)
        whole = self.choices
        return StimulusChoices(
            Choices(
                whole.observer, whole.categories, whole.shape[kept], whole.texture[kept], whole.response[kept]
            ),
            tuple(stimulus for stimulus, keep in zip(self.stimuli, kept.tolist(), strict=True) if keep),
            self.person[kept],
        )


def stored_choices(observers: Sequence[Observer], *, name: str) -> StimulusChoices:
    """The trials of these observers of one set, pooled under one name."""
    rows = list(
        ChoiceTrial.objects.filter(observer__in=observers)
        .order_by("observer", "session", "trial")
        .values_list("observer_id", "shape", "texture", "response", "stimulus")
    )
    columns = np.array(
        [
            (person, shape, texture, NO_RESPONSE if response is None else response)
            for person, shape, texture, response, _ in rows
        ],
        dtype=np.int64,
    ).reshape(-1, 4)
    return StimulusChoices(
        Choices(
            observer=name,
            categories=tuple(observers[0].choice_set.names),
            shape=columns[:, 1],
            texture=columns[:, 2],
            response=columns[:, 3],
        ),
        tuple(stimulus for *_, stimulus in rows),
        columns[:, 0],
    )
