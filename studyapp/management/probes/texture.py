"""`probe texture FOLDER|DATASET CLASSIFIER …`: shape or texture, on cue-conflict pictures."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studyapp.management.named import named_classifier, named_dataset
from studyapp.management.research_command import ResearchCommand
from studyapp.models import Dataset, ProbeRun
from studyapp.services.planning.category_files import find_categories, read_categories
from studyapp.tasks.texture_probe import catalogue_pictures, probe_texture

HELP = (
    "Let classifiers choose a category for pictures with the shape of one thing and the texture of another "
    "(cat7-elephant1.png), and print how often they decide for the shape."
)


def add_arguments(parser: ArgumentParser) -> None:
    """FOLDER|DATASET CLASSIFIER…, and how classes make categories."""
    parser.add_argument(
        "pictures",
        metavar="FOLDER|DATASET",
        help="a folder of pictures (imported as a dataset), or a dataset",
    )
    parser.add_argument("classifiers", metavar="CLASSIFIER", nargs="+")
    parser.add_argument(
        "--categories",
        type=Path,
        metavar="FILE",
        help="JSON of category and class indices (default: categories.json in the folder or beside it)",
    )
    parser.add_argument(
        "--aggregation",
        choices=("mean", "sum", "max"),
        default="mean",
        help="how the probabilities of a category's classes become its own (default mean)",
    )
    parser.add_argument("--name", default="", metavar="NAME", help="of the dataset made of a folder")


def handle(command: ResearchCommand, options: Mapping[str, Any]) -> None:
    """Probe, then print the fractions."""
    given = options["pictures"]
    classifiers = [named_classifier(name) for name in options["classifiers"]]
    if Path(given).is_dir() and not Dataset.objects.filter(name=given).exists():
        categories = read_categories(find_categories(options["categories"], Path(given)))
        dataset = catalogue_pictures(Path(given), classifiers, categories=categories, name=options["name"])
    else:
        dataset = named_dataset(given)
        root = Path(dataset.root) if dataset.root else None
        categories = read_categories(find_categories(options["categories"], root))
    run, job = probe_texture(
        dataset,
        classifiers,
        categories=categories,
        aggregation=options["aggregation"],
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
            "probe": run.key,
            "dataset": dataset.name,
            "images": run.images,
            "unreadable": run.unreadable,
            "classifiers": rows,
        },
    )


def _in_words(run: ProbeRun, rows: Mapping[str, Mapping[str, Any]]) -> str:
    width = max(10, *(len(name) for name in rows))
    lines = [
        f"{run.images:,} pictures; {run.parameters['aggregation']} over a category's classes; the page is "
        f"/probes/{run.key}/",
        f"{'':{width}}  shape fraction (95 % interval)     shape  texture  neither",
    ]
    for name, summary in rows.items():
        row = summary["pooled"]
        found = row["shape_fraction"]
        fraction = "none"
        if found["count"] + row["texture"]:
            low, high = found["interval"]["low"], found["interval"]["high"]
            fraction = f"{row['shape'] / (row['shape'] + row['texture']):.4f} ({low:.4f} to {high:.4f})"
        lines.append(
            f"{name:{width}}  {fraction:33}  {row['shape']:5,}  {row['texture']:7,}  {row['other']:7,}"
        )
    return "\n".join(lines)
