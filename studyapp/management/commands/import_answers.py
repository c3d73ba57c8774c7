"""`import_answers STUDY CSV`: answers collected elsewhere."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from studyapp.management.research_command import ResearchCommand
from studyapp.services.answer_import.importing import ImportSummary, import_answers, import_expert_answers
from studyapp.services.audit import COMMAND_LINE
from studyapp.services.studies.life import study_named


class Command(ResearchCommand):
    """Import a CSV of answers; a malformed one imports nothing, a repeated one changes nothing."""

    help = (
        "Import answers collected elsewhere: image, label (class_index, wnid or name), participant, "
        "answer[, seconds]; or a Mechanical Turk batch-result CSV. Of assignment studies and audits: "
        "question (its key in questions.csv), participant, answer[, seconds]."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """STUDY CSV and how to read it."""
        super().add_arguments(parser)
        parser.add_argument("study", metavar="STUDY")
        parser.add_argument("path", metavar="CSV", type=Path)
        parser.add_argument(
            "--positive",
            default="",
            metavar="A,B",
            help="the answers that speak for the class, where the protocol does not say so",
        )
        parser.add_argument("--arm", default="", metavar="NAME", help="the arm that was asked")
        parser.add_argument("--wording", default="", help="the sentence people were asked")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--gold", action="store_true", help="these are experts' answers: the golden items")
        which.add_argument(
            "--gold-answers",
            action="store_true",
            help="these are participants' answers to the golden items: they calibrate, and are no votes",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, then print what came of it."""
        begun = time.monotonic()
        study, path = study_named(options["study"]), options["path"]
        if options["gold"]:
            summary = import_expert_answers(study=study, path=path, actor=COMMAND_LINE, arm=options["arm"])
        else:
            summary = import_answers(
                study=study,
                path=path,
                actor=COMMAND_LINE,
                positive=tuple(each.strip() for each in options["positive"].split(",") if each.strip()),
                arm=options["arm"],
                wording=options["wording"],
                golden=options["gold_answers"],
            )
        self.say(
            options,
            _in_words(study.name, summary, golden=options["gold"] or options["gold_answers"]),
            {"study": study.name, **asdict(summary), "seconds": round(time.monotonic() - begun, 3)},
        )


def _in_words(study: str, summary: ImportSummary, *, golden: bool) -> str:
    left = f", {summary.rejected:,} rejected assignments left out" if summary.rejected else ""
    lines = [
        f"{study}: {summary.imported:,} answers imported, {summary.repeated:,} were there already{left}; "
        f"{summary.participants:,} people",
    ]
    if golden:
        lines.append(f"  {summary.pairs_outside:,} golden items")
    else:
        lines += [
            f"  {summary.questions:,} questions of the study answered",
            f"  {summary.pairs_outside:,} pairs that are no question of it kept as imported questions "
            f"({summary.new_questions:,} new)",
            f"  {summary.counted:,} answers count, {summary.surplus:,} are surplus",
        ]
    return "\n".join(lines)
