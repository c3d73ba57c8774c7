"""`import_shift_maps --map CLASSIFIER MAP FILE …`: shift maps that were made elsewhere."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from studyapp.management.named import named_classifier
from studyapp.management.research_command import ResearchCommand
from studyapp.management.shift_options import add_shift_options, source_of
from studyapp.management.shift_report import shift_in_words, shift_result
from studyapp.tasks.shift_import import MapFile, import_maps


class Command(ResearchCommand):
    """Read maps as CSV of y,x,val, with the pictures that they belong to."""

    help = (
        "Import shift maps (CSV of y,x,val, also .gz: one line a place, pixels of its top left corner) with "
        "the pictures that they were made from, so that the viewer shows both."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The files, and what was shifted."""
        super().add_arguments(parser)
        parser.add_argument(
            "--map",
            action="append",
            nargs=3,
            required=True,
            dest="maps",
            metavar=("CLASSIFIER", "MAP", "FILE"),
            help="MAP: probability, or the anchor of a cosine: top-left, top-right, centre, bottom-left, "
            "bottom-right; repeat it for every file",
        )
        add_shift_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, then print the summaries."""
        files = [MapFile(named_classifier(who), name, Path(path)) for who, name, path in options["maps"]]
        run, new = import_maps(source_of(options), files, target=options["target"])
        self.say(
            options,
            shift_in_words(run) + ("" if new else "\nImported already."),
            {**shift_result(run), "new": new},
        )
