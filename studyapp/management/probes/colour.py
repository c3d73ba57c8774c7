"""`probe colour DATASET CLASSIFIER …`: how predictions change along hue rotations and saturation gains."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from studyapp.exports.colour_tables import ColourFacts, colour_facts, metric_rows, op_in_words
from studyapp.management.named import named_classifier, named_dataset
from studyapp.management.research_command import ResearchCommand
from studyapp.services.probes.runs import MOST_SETTINGS
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
        help=f"degrees, or a list such as 30,-30, or none; 0 and 360 are left out (default {HUES})",
    )
    parser.add_argument(
        "--gains",
        default=GAINS,
        metavar="FIRST:LAST:STEP",
        help=f"saturation gains, or a list, or none; 1 is left out (default {GAINS})",
    )
    parser.add_argument(
        "--op-base", type=int, choices=(0, 1), default=1, help="what O.P. counts the top rank as (default 1)"
    )
    parser.add_argument(
        "--op-over",
        choices=("changed", "all"),
        default="changed",
        help="whether O.P. runs over changed predictions or over all (default changed)",
    )


def handle(command: ResearchCommand, options: Mapping[str, Any]) -> None:
    """Probe, then print the table."""
    grid = [("hue", amount) for amount in _amounts("hues", options["hues"]) if abs(amount) not in (0, 360)]
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
    facts = colour_facts(run, op_base=options["op_base"], op_over=options["op_over"])
    summaries = {each.classifier.name: each.summary for each in facts.classifiers}
    command.say(
        options,
        _in_words(facts),
        {
            "probe": run.pk,
            "key": run.key,
            "images": run.images,
            "unreadable": run.unreadable,
            "classifiers": summaries,
        },
    )


def _amounts(name: str, text: str) -> list[float]:
    """Numbers of FIRST:LAST:STEP (both ends in) or of a list; none for "none"."""
    if text == "none":
        return []
    try:
        if ":" not in text:
            return [float(part) for part in text.split(",")]
        first, last, step = (float(part) for part in text.split(":"))
        if not (step > 0 and last >= first):
            raise ValueError
    except ValueError as problem:
        raise CommandError(
            f"--{name} {text}: give FIRST:LAST:STEP with a positive step, numbers with commas between, "
            "or none."
        ) from problem
    steps = (last - first) / step + 1e-9
    if not steps < MOST_SETTINGS:
        raise CommandError(
            f"--{name} {text} has more than the {MOST_SETTINGS:,} changes of every image that a probe takes; "
            "take a larger step."
        )
    # Rounded, so that 0.1 three times is 0.3.
    return [round(first + number * step, 6) for number in range(int(steps) + 1)]


def _in_words(facts: ColourFacts) -> str:
    """The rows of the page's table: metrics down, classifiers across, as in the poster."""
    run, names = facts.run, facts.names
    width = max(15, *(len(name) for name in names))
    lines = [
        f"Probe {run.key}: {run.images:,} images, {len(run.parameters['grid'])} settings; "
        f"/probes/colour/{run.key}/",
        " " * 34 + "  ".join(name.rjust(width) for name in names),
    ]
    for row in metric_rows(facts):
        cells = (f"{mean} ±{deviation}" if deviation else mean for mean, deviation in row.texts())
        lines.append(f"{row.metric}, {row.over}".ljust(34) + "  ".join(cell.rjust(width) for cell in cells))
    return "\n".join((*lines, op_in_words(facts)))
