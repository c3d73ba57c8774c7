"""`create_link STUDY`: an open link, or single-use invitations as CSV on standard output."""

from __future__ import annotations

import csv
import json
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyapp.models import AuditEntry, Mode, Study
from studyapp.recruitment.link import (
    LinkRefused,
    create_invitations,
    create_link,
    link_url,
    read_people,
)
from studyapp.services.participation.slots import ensure_slots


class Command(BaseCommand):
    """Prints the address of a new link; with --invitations, a CSV of addresses."""

    help = "Make a way into a study: an open link, or single-use invitations (CSV on standard output)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="Name of the study.")
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
        parser.add_argument("--json", action="store_true", help="Print JSON instead.")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(name=options["study"]).first()
        if study is None:
            known = ", ".join(Study.objects.order_by("name").values_list("name", flat=True)) or "none yet"
            raise CommandError(f"Study {options['study']!r} does not exist. There are: {known}.")
        mode, note, count = options["mode"], options["note"], options["invitations"]
        people: list[str] = []
        try:
            if options["people"] is not None:
                people = read_people(_text_of(options["people"]))
                links = create_invitations(study=study, mode=mode, count=len(people), note=note)
            elif count is None:
                links = [create_link(study=study, mode=mode, note=note)]
            else:
                links = create_invitations(study=study, mode=mode, count=count, note=note)
        except LinkRefused as error:
            raise CommandError(str(error)) from error
        if mode != Mode.PREVIEW:
            ensure_slots(study=study, mode=mode)
        AuditEntry.objects.create(
            study=study, actor="command line", verb="invite", detail={"mode": mode, "links": len(links)}
        )
        ids = people or [""] * len(links)
        urls = [link_url(link, person=person) for link, person in zip(links, ids, strict=True)]
        if options["json"]:
            self.stdout.write(json.dumps({"links": urls}))
        elif people:
            self._print_csv(("participant", "url", "mode"), zip(people, urls, strict=True), mode)
        elif count is not None:
            self._print_csv(("number", "url", "mode"), enumerate(urls, 1), mode)
        else:
            self.stdout.write(urls[0])

    def _print_csv(self, header: Sequence[str], rows: Iterable[tuple[object, str]], mode: str) -> None:
        writer = csv.writer(self.stdout)
        writer.writerow(header)
        writer.writerows((first, url, mode) for first, url in rows)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise CommandError(f"--people {path}: {problem}; give a text file in UTF-8.") from problem
