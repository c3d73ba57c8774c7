"""`probe colour DATASET CLASSIFIER …`: how predictions change along hue rotations and saturation gains."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from studyapp.management.named import named_classifier, named_dataset
from studyapp.management.research_command import ResearchCommand
from studyapp.models import ProbeRun
from studyapp.tasks.colour_probe import probe_colour

HELP = (
    "Predict every image of a dataset under a grid of hue rotations and saturation gains and print how often "
    "the prediction stays."
)
HUES = "10:350:10"
GAINS = "0:2:0.1"


def add_arguments(parser: ArgumentParser) -> None:
    """DATASET CLASSIFIER…, and the grid."""
    parser.add_argument("dataset", metavar="DATASET")
    parser.add_argument("classifiers", metavar="CLASSIFIER", nargs="+")
    parser.add_argument(
        "--hues",
        default=HUES,
        metavar="FIRST:LAST:STEP",
        help=f"degrees, or a list such as 30,-30, or none (default {HUES})",
    )
    parser.add_argument(
        "--gains",
        default=GAINS,
        metavar="FIRST:LAST:STEP",
        help=f"saturation gains, or a list, or none; 1 is left out (default {GAINS})",
    )


def handle(command: ResearchCommand, options: Mapping[str, Any]) -> None:
    """Probe, then print the table."""
    grid = [("hue", amount) for amount in _amounts("hues", options["hues"]) if amount % 360]
    grid += [("saturation", amount) for amount in _amounts("gains", options["gains"]) if amount != 1]
    run, job = probe_colour(
        named_dataset(options["dataset"]),
        [named_classifier(name) for name in options["classifiers"]],
        grid=grid,
        queue=options["queue"],
    )
    if job is not None:
        command.say_queued(options, job)
        return
    rows = {each.classifier.name: each.summary for each in run.probe_classifiers.select_related("classifier")}
    command.say(
        options,
        _in_words(run, rows),
        {"probe": run.pk, "images": run.images, "unreadable": run.unreadable, "classifiers": rows},
    )


def _amounts(name: str, text: str) -> list[float]:
    """Numbers of FIRST:LAST:STEP (both ends in) or of a list; none for "none"."""
    if text == "none":
        return []
    try:
        if ":" not in text:
            return [float(part) for part in text.split(",")]
        first, last, step = (float(part) for part in text.split(":"))
        if step <= 0 or last < first:
            raise ValueError
        # Rounded, so that 0.1 three times is 0.3.
        return [round(first + number * step, 6) for number in range(int((last - first) / step + 1e-9) + 1)]
    except ValueError as problem:
        raise CommandError(
            f"--{name} {text}: give FIRST:LAST:STEP with a positive step, numbers with commas between, "
            "or none."
        ) from problem


def _in_words(run: ProbeRun, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Metrics down, classifiers across, as in the poster."""
    names = list(rows)
    width = max(12, *(len(name) for name in names))
    lines = [f"Probe {run.pk}: {run.images:,} images, {len(run.parameters['grid'])} settings."]
    lines.append(" " * 22 + "  ".join(name.rjust(width) for name in names))
    lines.append(
        "top-1, original".ljust(22) + _cells([_share(rows[name]["top1_original"]) for name in names], width)
    )
    for place, first in enumerate(rows[names[0]]["sets"]):
        for metric, title in (
            ("equal", "Equal"),
            ("top1", "top-1"),
            ("equal_right", "OL+"),
            ("equal_wrong", "OL-"),
            ("original_position", "O.P."),
        ):
            found = [rows[name]["sets"][place][metric] for name in names]
            shown = [_spread(each, ranks=metric == "original_position") for each in found]
            lines.append(f"{title}, {first['name']}".ljust(22) + _cells(shown, width))
    return "\n".join(lines)


def _cells(texts: list[str], width: int) -> str:
    return "  ".join(text.rjust(width) for text in texts)


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _spread(spread: Mapping[str, Any], *, ranks: bool) -> str:
    if spread["mean"] is None:
        return "none"
    digits = 1 if ranks else 3
    return f"{spread['mean']:.{digits}f} ±{spread['deviation']:.{digits}f}"
