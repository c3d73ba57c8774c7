"""`probe shift CLASSIFIER …`: what classifiers say at every place of a patch, or of a window."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any

from studyapp.management.named import named_classifier
from studyapp.management.research_command import ResearchCommand
from studyapp.management.shift_options import add_shift_options, source_of
from studyapp.management.shift_report import shift_in_words, shift_result
from studyapp.services.refusals import Refused
from studyapp.tasks.shift_probe import NO_LAYER, probe_shift

HELP = (
    "Map the probability of a class, and the likeness of a layer's activations to five anchors, over every "
    "place of a patch before a background or of a window in a larger picture."
)
LAYER = "penultimate"


def add_arguments(parser: ArgumentParser) -> None:
    """CLASSIFIER…, what is shifted, the class and the layer."""
    parser.add_argument("classifiers", metavar="CLASSIFIER", nargs="+")
    add_shift_options(parser)
    parser.add_argument(
        "--layer",
        action="append",
        default=[],
        metavar="NAME|CLASSIFIER=NAME",
        help=f"where activations are compared (default {LAYER}; {NO_LAYER}: probabilities alone, which is "
        "faster); repeat it with CLASSIFIER=NAME where networks name their layers differently",
    )


def handle(command: ResearchCommand, options: Mapping[str, Any]) -> None:
    """Probe, then print the summaries."""
    classifiers = [named_classifier(name) for name in options["classifiers"]]
    run, job = probe_shift(
        source_of(options),
        classifiers,
        target=options["target"],
        layers=_layers(options["layer"], [classifier.name for classifier in classifiers]),
        queue=options["queue"],
    )
    if job is not None:
        command.say_queued(options, job)
        return
    command.say(options, shift_in_words(run), shift_result(run))


def _layers(said: Sequence[str], names: Sequence[str]) -> list[str]:
    """One layer for each classifier: its own, else the one for all."""
    common = [text for text in said if "=" not in text]
    own = dict(text.split("=", 1) for text in said if "=" in text)
    if len(common) > 1:
        raise Refused(f"--layer {' and '.join(common)}: give one for all, others as CLASSIFIER=NAME.")
    unknown = [name for name in own if name not in names]
    if unknown:
        raise Refused(f"--layer {unknown[0]}=…: {unknown[0]} is none of {', '.join(names)}.")
    return [own.get(name, common[0] if common else LAYER) for name in names]
