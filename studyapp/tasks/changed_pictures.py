"""One image under one change of a probe, as a classifier was shown it: what people are asked about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, cast

from studyapp.models import Classifier, Image, ProbeRun
from studyapp.services.jobs import JobFailure
from studyapp.services.probes.runs import open_columns
from studyapp.tasks.probe_kinds import PROBE_KINDS, Draws, ProbeKind, no_draws

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.crops import Crop, Pixels
    from inference.prepared import PreparedClassifier
    from inference.preprocessing import Preprocessing
    from studyapp.analysis.arrays import IntArray


@dataclass(frozen=True, slots=True)
class _Looks:
    preprocessing: Preprocessing


@dataclass(frozen=True, slots=True)
class _Unloaded:
    """Stands for a prepared classifier: a probe's pictures depend on how it looks, not on its weights."""

    classifier: _Looks


def changed_pixels(
    *,
    run: ProbeRun,
    classifier: Classifier,
    image: Image,
    column: int,
    crop_of: Callable[[Image, Crop], Pixels],
) -> Pixels:
    """8-bit RGB (side, side, 3); `column` 1 is the probe's first change, `crop_of` reads a file's crop.

    The same code that made the pictures of the probe makes them here. Raises JobFailure for a kind of probe
    that is not known.
    """
    import torch

    kind = PROBE_KINDS.get(run.kind)
    if kind is None:
        raise JobFailure(f"Probe {run.key} is of an unknown kind, {run.kind}.", "Update the workers.")
    from inference.preprocessing import Preprocessing

    looks = Preprocessing.from_dict(classifier.preprocessing)
    prepared = cast("PreparedClassifier", _Unloaded(_Looks(looks)))
    pictures = kind.pictures(run, prepared, [image], _drawn(run, kind, image))
    read = torch.from_numpy(crop_of(image, pictures.crop or looks.crop).copy()).unsqueeze(0)
    changed = next(islice(pictures.series.changed(read, [image.pk]), column - 1, None))
    pixels: Pixels = changed[0].numpy()
    return pixels


def _drawn(run: ProbeRun, kind: ProbeKind, image: Image) -> Draws:
    """What the probe drew for the image; nothing for kinds that draw nothing."""
    if kind.draws is no_draws:
        return {}
    images, drawn = _draws_of(run.pk, run.file)
    return {name: values[images == image.pk] for name, values in drawn.items()}


@lru_cache(maxsize=1)
def _draws_of(run_id: int, file: str) -> tuple[IntArray, Draws]:
    """The images of a finished run and what was drawn for each; that never changes."""
    with open_columns(ProbeRun.objects.get(pk=run_id)) as columns:
        return columns.image, columns.drawn()
