"""The colour probe: hue rotations and saturation gains as a kind of probe run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from studyapp.models import Classifier, Dataset, Image, Job, ProbeRun
from studyapp.services.jobs import FOREGROUND
from studyapp.services.probes.colour import colour_responses, colour_summary
from studyapp.services.probes.runs import StoredColumns, refuse_many
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
    range or too large, and what `run_probe` raises.
    """
    refuse_many(len(grid), "Take larger steps in --hues or --gains.")
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


def _summaries(run: ProbeRun, columns: StoredColumns) -> list[dict[str, object]]:
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
    earlier: dict[tuple[str, float], ColourSetting] = {}
    for setting in settings:
        if setting.is_identity:
            raise Refused(
                f"The grid holds the original itself ({setting.axis} {setting.amount:g}), which is always "
                "predicted; take it out."
            )
        # Hues stand on a circle: -10 degrees are 350.
        amount = round(setting.amount % 360, 6) if setting.axis == "hue" else setting.amount
        same = earlier.setdefault((setting.axis, amount), setting)
        if same is not setting:
            option, between = ("hues", " (360 degrees apart)") if setting.axis == "hue" else ("gains", "")
            raise Refused(
                f"The grid holds one change twice: {setting.axis} {same.amount:g} and {setting.amount:g}"
                f"{between if same != setting else ''}; take one out of --{option}."
            )
    return settings
