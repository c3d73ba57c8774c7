"""`create_link STUDY`: an open link, or single-use invitations as CSV on standard output."""

from __future__ import annotations

import csv
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyapp.models import AuditEntry, Mode, RecruitmentLink, Study
from studyapp.recruitment.link import LinkRefused, create_invitations, create_link, link_url
from studyapp.services.slots import ensure_slots


class Command(BaseCommand):
    """Prints the address of a new link; with --invitations, a CSV of addresses."""

    help = "Make a way into a study: an open link, or single-use invitations (CSV on standard output)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="Name of the study.")
        parser.add_argument("--mode", choices=Mode.values, default=Mode.REAL, help="Default: real.")
        parser.add_argument("--invitations", type=int, metavar="N", help="Make N single-use invitations.")
        parser.add_argument("--note", default="", help="Whom the link is for; only researchers see it.")
        parser.add_argument("--json", action="store_true", help="Print JSON instead.")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(name=options["study"]).first()
        if study is None:
            known = ", ".join(Study.objects.order_by("name").values_list("name", flat=True)) or "none yet"
            raise CommandError(f"Study {options['study']!r} does not exist. There are: {known}.")
        mode, note, count = options["mode"], options["note"], options["invitations"]
        try:
            if count is None:
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
        self._print(links, as_csv=count is not None, as_json=options["json"])

    def _print(self, links: list[RecruitmentLink], *, as_csv: bool, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"links": [link_url(link) for link in links]}))
        elif as_csv:
            writer = csv.writer(self.stdout)
            writer.writerow(["number", "url", "mode"])
            writer.writerows((number, link_url(link), link.mode) for number, link in enumerate(links, 1))
        else:
            self.stdout.write(link_url(links[0]))
