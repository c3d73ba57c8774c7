"""`export_shift_maps KEY FOLDER`: the maps of a run as CSV of y,x,val."""

from __future__ import annotations

import csv
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from studyapp.exports.shift_csv import HEADER, map_rows
from studyapp.management.research_command import ResearchCommand
from studyapp.models import ShiftRun
from studyapp.services.probes.shift_maps import read_maps
from studyapp.services.refusals import Refused


class Command(ResearchCommand):
    """Write every map of a run in the published form, as import_shift_maps reads it."""

    help = "Write every map of a run of shift maps as CLASSIFIER-MAP.csv (y,x,val) into a folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """KEY FOLDER"""
        super().add_arguments(parser)
        parser.add_argument("key", metavar="KEY", help="of the run, as its page and `probe shift` name it")
        parser.add_argument("folder", type=Path, metavar="FOLDER")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the files, then list them."""
        run = ShiftRun.objects.filter(key=options["key"]).first()
        if run is None:
            raise Refused(f"There are no shift maps {options['key']}; their pages under /probes/ name them.")
        if run.finished_at is None:
            raise Refused(f"The shift maps {run.key} are not finished: give their command again first.")
        folder: Path = options["folder"]
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for each in run.maps.select_related("classifier").order_by("position"):
            found = read_maps(each.file)
            if found is None:
                raise Refused(f"The maps of {each.classifier.name} are gone from storage ({each.file}).")
            for name, values in found.maps.items():
                path = folder / f"{each.classifier.name}-{name}.csv"
                with path.open("w", newline="", encoding="utf-8") as file:
                    writer = csv.writer(file, lineterminator="\n")
                    writer.writerow(HEADER)
                    writer.writerows(map_rows(values, run.stride))
                written.append(path.name)
        self.say(options, f"{folder}: {', '.join(written)}", {"folder": str(folder), "files": written})
