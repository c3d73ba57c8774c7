"""`open_study NAME`: freeze a study's plan and let participants in."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from studyapp.management.research_command import ResearchCommand
from studyapp.recruitment.link import link_url
from studyapp.services.audit import COMMAND_LINE
from studyapp.services.studies.life import approve_pending, open_study, study_named


class Command(ResearchCommand):
    """Open a draft study and print the participants' address."""

    help = "Open a draft study: its protocol is frozen, and the address for participants is printed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """NAME, and what is done without."""
        super().add_arguments(parser)
        parser.add_argument("study", metavar="NAME")
        parser.add_argument(
            "--unrehearsed", default="", metavar="REASON", help="open without a passed rehearsal; audited"
        )
        parser.add_argument(
            "--approve-pending",
            default="",
            metavar="REASON",
            help="first approve every stimulus nobody has decided about; audited",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Open it, or say everything that is in the way."""
        study = study_named(options["study"])
        if options["approve_pending"]:
            approve_pending(study=study, actor=COMMAND_LINE, reason=options["approve_pending"])
        opened = open_study(study=study, actor=COMMAND_LINE, unrehearsed=options["unrehearsed"])
        address = link_url(opened.link) if opened.link else None
        invite = f"create_link {study.name} --invitations N"
        self.say(
            options,
            f"{study.name} is open; protocol {opened.study.protocol_sha256}\n"
            + (
                f"participants: {address}" if address else f"by invitation only: {invite} makes the addresses"
            ),
            {
                "study": study.name,
                "state": opened.study.state,
                "protocol_sha256": opened.study.protocol_sha256,
                "link": address,
            },
        )
