"""What a kind of probe adds to the machinery of probe runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studyapp.models import Image, ProbeRun
from studyapp.services.probes.runs import StoredColumns

if TYPE_CHECKING:
    from inference.crops import Crop
    from inference.prepared import PreparedClassifier
    from inference.probing import PictureSeries
    from studyapp.analysis.arrays import IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What classifiers that look alike are shown: the series, and what is read for it (None: their crop)."""

    series: PictureSeries
    crop: Crop | None = None


#: Numbers drawn for each image of a part, a row each, by name.
Draws = Mapping[str, "IntArray"]


def no_draws(run: ProbeRun, images: Sequence[Image]) -> Draws:
    """For kinds that draw nothing."""
    return {}


@dataclass(frozen=True, slots=True)
class ProbeKind:
    """One kind of probe.

    `pictures(run, prepared, images, draws)`: the series for a classifier and others with the same `look`.
    `look(run, prepared)`: a text that differs whenever the pictures may. `settings(run)`: how many changes.
    `summaries(run, columns)`: each classifier's metrics as JSON values. `draws(run, images)`: what is drawn
    for each image, and kept beside the responses.
    """

    pictures: Callable[[ProbeRun, PreparedClassifier, Sequence[Image], Draws], Pictures]
    settings: Callable[[ProbeRun], int]
    summaries: Callable[[ProbeRun, StoredColumns], Sequence[Mapping[str, object]]]
    look: Callable[[ProbeRun, PreparedClassifier], str]
    draws: Callable[[ProbeRun, Sequence[Image]], Draws] = no_draws


PROBE_KINDS: dict[str, ProbeKind] = {}


def same_crop(run: ProbeRun, prepared: PreparedClassifier) -> str:
    """The `look` of kinds whose pictures depend on the classifier's crop alone."""
    return prepared.classifier.preprocessing.crop.key
