"""`results STUDY`: the study's tables, in words for a person or as JSON for a program."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyapp.exports.kept_report import study_report
from studyapp.exports.plain_text import table_text
from studyapp.exports.results_json import results_json
from studyapp.models import Mode, Study
from studyapp.services.studies.bootstrap import ensure_bootstrap_draw

# One row per person, category or gold question: for files, not for a terminal.
LONG = (
    *("participants", "gold", "reliability_detail", "turned_verdicts"),
    *("assignment_people", "assignment_categories"),
)


class Command(BaseCommand):
    """Prints every table of a study from the answers of one mode."""

    help = (
        "Print a study's tables: rectified errors with intervals, bounds and coverage, and what they rest on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="Name of the study.")
        parser.add_argument(
            "--mode", choices=Mode.values, default=Mode.REAL, help="Whose answers. Default: real."
        )
        parser.add_argument("--json", action="store_true", help="Print JSON; errors are fractions of 1.")

    def handle(self, *args: Any, **options: Any) -> None:
        study = find_study(options["study"])
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


def find_study(name: str) -> Study:
    """The study of that name; an error that lists the names there are."""
    study = Study.objects.select_related("dataset").filter(name=name).first()
    if study is None:
        known = ", ".join(Study.objects.order_by("name").values_list("name", flat=True)) or "none yet"
        raise CommandError(f"Study {name!r} does not exist. There are: {known}.")
    return study
