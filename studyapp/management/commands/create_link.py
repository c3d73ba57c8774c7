"""`create_link STUDY`: an open link, or single-use invitations as CSV on standard output."""

from __future__ import annotations

import csv
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from studyapp.management.research_command import ResearchCommand
from studyapp.models import Mode, RecruitmentLink, Study
from studyapp.recruitment.link import (
    LinkRefused,
    create_invitations,
    create_link,
    link_url,
    read_people,
)
from studyapp.services.audit import COMMAND_LINE, write_audit
from studyapp.services.participation.slots import ensure_slots
from studyapp.services.studies.life import study_named


class Command(ResearchCommand):
    """Prints the address of a new link; with --invitations, a CSV of addresses."""

    help = "Make a way into a study: an open link, or single-use invitations (CSV on standard output)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """STUDY, how many links, and for whom."""
        super().add_arguments(parser)
        parser.add_argument("study", metavar="STUDY", help="Name of the study.")
        parser.add_argument("--mode", choices=Mode.values, default=Mode.REAL, help="Default: real.")
        many = parser.add_mutually_exclusive_group()
        many.add_argument("--invitations", type=int, metavar="N", help="Make N single-use invitations.")
        many.add_argument(
            "--people",
            type=Path,
            metavar="FILE",
            help="Invite the people of a file, an id a line; the same id is the same person in every study.",
        )
        parser.add_argument("--note", default="", help="Whom the link is for; only researchers see it.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the links, all or none, and print their addresses."""
        study = study_named(options["study"])
        mode, count = options["mode"], options["invitations"]
        people: list[str] = []
        try:
            if options["people"] is not None:
                people = read_people(_text_of(options["people"]))
                count = len(people)
            links = _made(study, mode, count, options["note"])
        except LinkRefused as error:
            raise CommandError(str(error)) from error
        ids = people or [""] * len(links)
        urls = [link_url(link, person=person) for link, person in zip(links, ids, strict=True)]
        if options["json"] or count is None:
            self.say(options, urls[0], {"links": urls})
        elif people:
            self._print_csv(("participant", "url", "mode"), zip(people, urls, strict=True), mode)
        else:
            self._print_csv(("number", "url", "mode"), enumerate(urls, 1), mode)

    def _print_csv(self, header: Sequence[str], rows: Iterable[tuple[object, str]], mode: str) -> None:
        writer = csv.writer(self.stdout)
        writer.writerow(header)
        writer.writerows((first, url, mode) for first, url in rows)


@transaction.atomic
def _made(study: Study, mode: str, count: int | None, note: str) -> list[RecruitmentLink]:
    """An open link, or `count` invitations, with a line of the audit trail."""
    if count is None:
        links = [create_link(study=study, mode=mode, note=note)]
    else:
        links = create_invitations(study=study, mode=mode, count=count, note=note)
    if mode != Mode.PREVIEW:
        ensure_slots(study=study, mode=mode)
    write_audit(study=study, actor=COMMAND_LINE, verb="invite", detail={"mode": mode, "links": len(links)})
    return links


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise CommandError(f"--people {path}: {problem}; give a text file in UTF-8.") from problem
