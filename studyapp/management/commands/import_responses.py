"""`import_responses FILE…`: published trials of people and networks before cue-conflict pictures."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from studyapp.analysis.sixteen import SIXTEEN
from studyapp.management.research_command import ResearchCommand
from studyapp.models import Observer
from studyapp.services.observers.response_import import PEOPLE, ImportedResponses, import_responses
from studyapp.services.planning.category_files import read_categories


class Command(ResearchCommand):
    """Import trial files of subj, session, trial, rt, object_response, category, condition, imagename."""

    help = (
        "Import published responses to cue-conflict pictures, of people and networks alike. All files or "
        "nothing; repeating it changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE… and what tells observers of one name apart."""
        super().add_arguments(parser)
        parser.add_argument("files", metavar="FILE", nargs="+", type=Path)
        parser.add_argument(
            "--collection", metavar="NAME", help="where the responses come from (default: each file's folder)"
        )
        parser.add_argument(
            "--people",
            default=PEOPLE,
            metavar="PATTERN",
            help=f"names of people (default {PEOPLE}); the rest are networks",
        )
        parser.add_argument(
            "--categories",
            type=Path,
            metavar="FILE",
            help="JSON of category and class indices, where they are not the paper's sixteen",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, then say who is there."""
        names = read_categories(options["categories"]) if options["categories"] else SIXTEEN
        done = import_responses(
            paths=options["files"],
            names=tuple(names),
            collection=options["collection"],
            people=options["people"],
        )
        self.say(
            options,
            _in_words(done),
            {
                "observers": [
                    {"name": each.name, "collection": each.collection, "kind": each.kind, "key": each.key}
                    for each in done.observers
                ],
                "trials": done.trials,
                "written": done.written,
            },
        )


def _in_words(done: ImportedResponses) -> str:
    people = sum(each.kind == Observer.Kind.PERSON for each in done.observers)
    what = (
        f"{done.written:,} trials imported" if done.written else f"{done.trials:,} trials are there already"
    )
    return (
        f"{what}: {people} people and {len(done.observers) - people} networks, published and not re-run. "
        "Their page is /probes/texture/"
    )
