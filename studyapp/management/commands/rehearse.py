"""`rehearse STUDY`: simulated participants over real HTTP, with planted truth."""

from __future__ import annotations

import secrets
import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import CommandError

from studyapp.management.rehearsal import rehearse
from studyapp.management.rehearsal.shares import read_shares
from studyapp.management.research_command import ResearchCommand
from studyapp.models import Study


class Command(ResearchCommand):
    """Fills a study with rehearsal answers at a running server and checks every one; exit 1 on failure."""

    help = (
        "Let simulated participants answer a study at a running server by a planted truth, and check that "
        "nothing is lost, doubled or beyond N, and that the tables recover what was planted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the study, the server, the crowd and what is planted."""
        super().add_arguments(parser)
        parser.add_argument("study", help="name of the study")
        parser.add_argument("--server", default=settings.BASE_URL, help=f"default: {settings.BASE_URL}")
        parser.add_argument(
            "--participants", type=_people, default=None, metavar="N|auto", help="default: auto, until full"
        )
        parser.add_argument(
            "--error-rate", type=float, default=0.05, metavar="SHARE", help="default: 0.05 of the answers"
        )
        parser.add_argument(
            "--planted-acceptance",
            default="",
            metavar="FILE|NAME=SHARE,…",
            help=(
                "share of each classifier's mistakes that is relevant (default: spread from 0.45 to 0.15); "
                "of an assignment study, success by arm; of an audit, rates of 'group: attribute'"
            ),
        )
        parser.add_argument("--seed", type=int, default=None, help="default: drawn; what is drawn is stored")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rehearse, print the report, and end with status 1 where it failed."""
        study = Study.objects.filter(name=options["study"]).first()
        if study is None:
            known = ", ".join(Study.objects.order_by("name").values_list("name", flat=True)) or "none yet"
            raise CommandError(f"Study {options['study']!r} does not exist. There are: {known}.")
        given: str = options["planted_acceptance"]
        path = Path(given)
        is_file = bool(given) and "=" not in given
        if is_file and not path.is_file():
            raise CommandError(f"--planted-acceptance {given}: no such file, and no NAME=SHARE")
        seed = secrets.randbits(62) if options["seed"] is None else options["seed"]
        report = rehearse(
            study=study,
            server=options["server"],
            participants=options["participants"],
            error_rate=options["error_rate"],
            planted=read_shares(path.read_text() if is_file else given, source=given if is_file else ""),
            rng=np.random.default_rng(seed),
            progress=not options["json"] and sys.stderr.isatty(),
        )
        self.say(options, str(report), report.as_json())
        if not report.passed:
            raise CommandError(f"The rehearsal of {study.name} failed; its findings are above.")


def _people(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r}: give a number of participants from 1 on, or auto")
    return int(text)
