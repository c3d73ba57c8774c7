"""`import_pairs NAME DATASET CSV`: pairs of pictures that are alike but for one thing."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from studyapp.management.named import named_dataset
from studyapp.management.research_command import ResearchCommand
from studyapp.services.catalogue.image_pairs import import_pairs


class Command(ResearchCommand):
    """Import a CSV of first, second[, note]; a malformed one imports nothing."""

    help = "Import pairs of a dataset's images to compare predictions of: a CSV of first, second[, note]."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """NAME DATASET CSV."""
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help="of the set of pairs")
        parser.add_argument("dataset", metavar="DATASET")
        parser.add_argument("path", metavar="CSV", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, then say where the board is."""
        done = import_pairs(
            name=options["name"], dataset=named_dataset(options["dataset"]), path=options["path"]
        )
        what = (
            f"{done.written:,} pairs imported" if done.written else f"{done.pairs:,} pairs are there already"
        )
        self.say(
            options,
            f"{what}; their board is /pairs/{done.name}/",
            {"name": done.name, "pairs": done.pairs, "written": done.written},
        )
