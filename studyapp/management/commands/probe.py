"""`probe colour|… …`: how predictions change along a series of changed pictures."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from studyapp.management.probes import colour, shift, texture, transform
from studyapp.management.research_command import ResearchCommand

#: Each module: HELP, `add_arguments(parser)` and `handle(command, options)`.
KINDS = {"colour": colour, "shift": shift, "texture": texture, "transform": transform}


class Command(ResearchCommand):
    """A stability study of one kind; each kind is a module of `studyapp.management.probes`."""

    help = (
        "See how predictions change along a series of changed pictures. "
        "Interrupted or repeated, it goes on where it stood."
    )
    queueable = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """KIND, and then what the kind takes."""
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="|".join(KINDS))
        for name, kind in KINDS.items():
            of_kind = kinds.add_parser(name, help=kind.HELP, description=kind.HELP)
            super().add_arguments(of_kind)
            kind.add_arguments(of_kind)

    def handle(self, *args: Any, **options: Any) -> None:
        """Hand over to the kind."""
        KINDS[options["kind"]].handle(self, options)
