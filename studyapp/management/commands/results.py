"""`results STUDY`: the study's tables, in words for a person or as JSON for a program."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from studyapp.exports.kept_report import study_report
from studyapp.exports.plain_text import table_text
from studyapp.exports.results_json import results_json
from studyapp.management.research_command import ResearchCommand
from studyapp.models import Mode
from studyapp.services.studies.bootstrap import ensure_bootstrap_draw
from studyapp.services.studies.life import study_named

# One row per person, category or gold question: for files, not for a terminal.
LONG = (
    *("participants", "gold", "reliability_detail", "turned_verdicts"),
    *("assignment_people", "assignment_categories"),
)


class Command(ResearchCommand):
    """Prints every table of a study from the answers of one mode."""

    help = (
        "Print a study's tables: rectified errors with intervals, bounds and coverage, and what they rest "
        "on. In JSON errors are fractions of 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """STUDY and whose answers."""
        super().add_arguments(parser)
        parser.add_argument("study", metavar="STUDY", help="Name of the study.")
        parser.add_argument(
            "--mode", choices=Mode.values, default=Mode.REAL, help="Whose answers. Default: real."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print every table that is not one row per person, category or gold question."""
        study = study_named(options["study"])
        ensure_bootstrap_draw(study=study)
        report = study_report(study=study, mode=options["mode"])
        if options["json"]:
            self.stdout.write(results_json(report), ending="")
            return
        if report.mode != Mode.REAL:
            self.stdout.write(f"{report.mode.upper()} ANSWERS, not real ones.\n")
        for table in report.tables.values():
            if table.rows and table.name not in LONG:
                self.stdout.write(table_text(table))
        self.stdout.write(report.caption)
