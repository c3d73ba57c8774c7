"""Which page shows which kind of probe: one line a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.urls import reverse

from studyapp.models import ProbeRun


@dataclass(frozen=True, slots=True)
class ProbePage:
    """A kind's page: the name of its address, which takes the run's `key`, and what its runs did in words."""

    url_name: str
    settings: Callable[[ProbeRun], str]


def _colour_settings(run: ProbeRun) -> str:
    axes = [axis for axis, _ in run.parameters["grid"]]
    hues = axes.count("hue")
    counts = (("hue rotation", hues), ("saturation gain", len(axes) - hues))
    return " + ".join(f"{count} {what}{'s' if count > 1 else ''}" for what, count in counts if count)


def _texture_settings(run: ProbeRun) -> str:
    return f"{len(run.parameters['categories'])} categories, {run.parameters['aggregation']} over classes"


def _transform_settings(run: ProbeRun) -> str:
    sizes, passes = len(run.parameters["sizes"]), run.parameters["passes"]
    moves = f"one pixel of place and of size, {run.parameters['protocol']} at {sizes} size{'s' * (sizes > 1)}"
    crops = f"{passes} pass{'es' * (passes > 1)} of random crops"
    return " + ".join(words for words, there in ((moves, sizes), (crops, passes)) if there)


#: Kind of probe -> its page.
PROBE_PAGES: Mapping[str, ProbePage] = {
    ProbeRun.Kind.COLOUR: ProbePage("probe-colour", _colour_settings),
    ProbeRun.Kind.TEXTURE: ProbePage("probe-texture", _texture_settings),
    ProbeRun.Kind.TRANSFORM: ProbePage("probe-transform", _transform_settings),
}


def probe_address(run: ProbeRun) -> str:
    """Where a run is shown; "" for a kind without a page."""
    page = PROBE_PAGES.get(run.kind)
    return reverse(page.url_name, kwargs={"key": run.key}) if page else ""


def settings_in_words(run: ProbeRun) -> str:
    """What was changed, such as "35 hue rotations"."""
    page = PROBE_PAGES.get(run.kind)
    return page.settings(run) if page else ""
