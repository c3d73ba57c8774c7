"""`close_study NAME [--pause | --resume]`: end or interrupt the collection of answers."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from studyapp.management.research_command import ResearchCommand
from studyapp.services.audit import COMMAND_LINE
from studyapp.services.studies.life import close_study, pause_study, resume_study, study_named


class Command(ResearchCommand):
    """Close a study for good, or pause and resume it."""

    help = "Close a study; with --pause or --resume only interrupt it or go on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """NAME, and which of the three."""
        super().add_arguments(parser)
        parser.add_argument("study", metavar="NAME")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--pause", action="store_true", help="give out no questions until --resume")
        which.add_argument("--resume", action="store_true", help="go on after a pause")
        parser.add_argument("--reason", default="", help="for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Move the study to its next state."""
        move = pause_study if options["pause"] else resume_study if options["resume"] else close_study
        study = move(study=study_named(options["study"]), actor=COMMAND_LINE, reason=options["reason"])
        self.say(
            options,
            f"{study.name} is {study.state}.",
            {"study": study.name, "state": study.state},
        )
