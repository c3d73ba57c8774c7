"""The colour probe: hue rotations and saturation gains as a kind of probe run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from studyapp.models import Classifier, Dataset, Image, Job, ProbeRun
from studyapp.services.colour_probe import colour_responses, colour_summary
from studyapp.services.jobs import FOREGROUND
from studyapp.services.probes import ProbeColumns
from studyapp.services.refusals import Refused
from studyapp.tasks.probe_kinds import PROBE_KINDS, Draws, Pictures, ProbeKind, same_crop
from studyapp.tasks.probes import run_probe

if TYPE_CHECKING:
    from inference.perturbations.colour import ColourSetting
    from inference.prepared import PreparedClassifier

Grid = Sequence[tuple[str, float]]


def probe_colour(
    dataset: Dataset,
    classifiers: Sequence[Classifier],
    *,
    grid: Grid,
    queue: str = FOREGROUND,
    progress: bool = True,
) -> tuple[ProbeRun, Job | None]:
    """Predict every image under every setting of colour; the run, and the job where workers do it.

    `grid`: ("hue", degrees) or ("saturation", gain), without the original. Raises Refused for a grid out of
    range, and what `run_probe` raises.
    """
    _settings(grid)
    return run_probe(
        ProbeRun.Kind.COLOUR,
        dataset,
        classifiers,
        parameters={"grid": [[axis, amount] for axis, amount in grid]},
        queue=queue,
        progress=progress,
    )


def _pictures(run: ProbeRun, prepared: PreparedClassifier, images: Sequence[Image], draws: Draws) -> Pictures:
    from inference.perturbations.colour import ColourSeries

    return Pictures(ColourSeries(_settings(run.parameters["grid"])))


def _summaries(run: ProbeRun, columns: ProbeColumns) -> list[dict[str, object]]:
    return [colour_summary(responses) for responses in colour_responses(run, columns)]


PROBE_KINDS[ProbeRun.Kind.COLOUR] = ProbeKind(
    pictures=_pictures,
    settings=lambda run: len(run.parameters["grid"]),
    summaries=_summaries,
    look=same_crop,
)


def _settings(grid: Grid) -> tuple[ColourSetting, ...]:
    """The grid as inference takes it; raises Refused for what is out of range, doubled or the original."""
    from inference.perturbations.colour import ColourSetting

    try:
        settings = tuple(
            ColourSetting("hue" if axis == "hue" else "saturation", amount) for axis, amount in grid
        )
    except ValueError as problem:
        raise Refused(f"{problem} Mend --hues or --gains.") from problem
    if not settings:
        raise Refused("The grid has no setting; give --hues, --gains, or both.")
    if any(setting.is_identity for setting in settings) or len(set(settings)) < len(settings):
        raise Refused(
            "The grid holds a setting twice, or the original itself (hue 0 or 360, gain 1), which is always "
            "predicted; take it out of --hues or --gains."
        )
    return settings
