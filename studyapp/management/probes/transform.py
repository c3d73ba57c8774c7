"""`probe transform DATASET CLASSIFIER …`: one pixel along the diagonal, one pixel of size, random crops."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from studyapp.management.named import named_classifier, named_dataset
from studyapp.management.research_command import ResearchCommand
from studyapp.models import ProbeRun
from studyapp.tasks.transform_probe import TransformRequest, probe_transform

HELP = (
    "Move every image by one pixel and scale it by one, at several sizes, cut pairs of random crops, and "
    "print how often the prediction changes (Azulay & Weiss 2019) and how often it stays (Zhang 2019)."
)
DEFAULT = TransformRequest()
SIZES = ",".join(f"{size:g}" for size in DEFAULT.sizes)


def add_arguments(parser: ArgumentParser) -> None:
    """DATASET CLASSIFIER…, and what is changed."""
    parser.add_argument("dataset", metavar="DATASET")
    parser.add_argument("classifiers", metavar="CLASSIFIER", nargs="+")
    parser.add_argument(
        "--protocol",
        choices=("embed", "crop"),
        default=DEFAULT.protocol,
        help="the picture shrunk before a background, or cut (default %(default)s)",
    )
    parser.add_argument(
        "--sizes",
        default=SIZES,
        metavar="SHARES",
        help=f"shares of the frame's side (embed) or of the picture's (crop), or none (default {SIZES})",
    )
    parser.add_argument(
        "--background",
        choices=("black", "mean", "inpainted"),
        default=DEFAULT.background,
        help="zero before normalisation, zero after it, or the picture carried on (default %(default)s)",
    )
    parser.add_argument(
        "--pairs", type=int, default=DEFAULT.pairs, help="one-pixel steps at each size (default %(default)s)"
    )
    parser.add_argument(
        "--passes", type=int, default=DEFAULT.passes, help="pairs of random crops (default %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=DEFAULT.seed, help="of the crops' places (default %(default)s)"
    )


def handle(command: ResearchCommand, options: Mapping[str, Any]) -> None:
    """Probe, then print the tables."""
    run, job = probe_transform(
        named_dataset(options["dataset"]),
        [named_classifier(name) for name in options["classifiers"]],
        TransformRequest(
            protocol=options["protocol"],
            sizes=_sizes(options["sizes"]),
            background=options["background"],
            pairs=options["pairs"],
            passes=options["passes"],
            seed=options["seed"],
        ),
        queue=options["queue"],
    )
    if job is not None:
        command.say_queued(options, job)
        return
    rows = {each.classifier.name: each.summary for each in run.probe_classifiers.select_related("classifier")}
    command.say(
        options,
        _in_words(run, rows),
        {
            "probe": run.pk,
            "key": run.key,
            "images": run.images,
            "unreadable": run.unreadable,
            "parameters": run.parameters,
            "classifiers": rows,
        },
    )


def _sizes(text: str) -> tuple[float, ...]:
    if text == "none":
        return ()
    try:
        return tuple(sorted(float(part) for part in text.split(",")))
    except ValueError as problem:
        raise CommandError(f"--sizes {text}: give numbers with commas between, or none.") from problem


def _in_words(run: ProbeRun, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Metrics down, classifiers across."""
    width = max(20, *(len(name) for name in rows))
    head = "".join(name.rjust(width + 2) for name in rows)
    lines = [
        f"Probe {run.key}: {run.images:,} images; /probes/transform/{run.key}/",
        " " * 44 + head,
    ]

    def line(title: str, cells: list[list[float | None]]) -> None:
        lines.append(title.ljust(44) + "".join(_cell(cell).rjust(width + 2) for cell in cells))

    line("top-1, original", [row["top1_original"] for row in rows.values()])
    if run.parameters["passes"]:
        line("consistency", [row["consistency"] for row in rows.values()])
    first = next(iter(rows.values()))
    for place, at in enumerate(first["sizes"]):
        where = f"{at['axis']}, size {at['size']:g}"
        for metric, title in (("change", "P(change)"), ("absolute", "mean absolute change")):
            line(f"{title}, {where}", [row["sizes"][place][metric] for row in rows.values()])
    return "\n".join(lines)


def _cell(estimate: list[float | None]) -> str:
    value, low, high = estimate
    if value is None:
        return "none"
    return f"{value:.4f}" + (f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else "")
