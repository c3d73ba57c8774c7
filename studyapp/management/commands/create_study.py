"""`create_study PROTOCOL.toml`: a draft study with its questions and pictures."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Count

from studyapp.management.research_command import ResearchCommand
from studyapp.models import Question, QuestionUse, Study
from studyapp.protocol.canonical import protocol_sha256
from studyapp.protocol.problems import ProtocolError
from studyapp.protocol.reading import read_protocol
from studyapp.protocol.schema import Protocol
from studyapp.protocol.target import with_target
from studyapp.services.jobs import FOREGROUND
from studyapp.services.refusals import Refused
from studyapp.services.studies.life import create_study, start_build
from studyapp.tasks.chunks import work_here


class Command(ResearchCommand):
    """Create a study from a protocol file; interrupted or repeated, it goes on where it stood."""

    help = (
        "Create a draft study from a protocol file: its questions at once, its pictures with a progress bar."
    )
    queueable = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """PROTOCOL and what may be said differently here."""
        super().add_arguments(parser)
        parser.add_argument("protocol", type=Path, metavar="PROTOCOL.toml")
        parser.add_argument("--dataset", metavar="NAME", help="instead of the protocol's dataset")
        parser.add_argument(
            "--classifier",
            action="append",
            metavar="NAME",
            help="instead of the protocol's classifiers; repeat it for several",
        )
        parser.add_argument("--name", help="name of the study, instead of the protocol's")
        parser.add_argument("--title", help="title of the study, instead of the protocol's")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the rows, then render the pictures here or hand them to the workers."""
        path: Path = options["protocol"]
        protocol = self._protocol(path, options)
        study = self._unbuilt(protocol)
        if study is None:
            text = path.read_text(encoding="utf-8-sig")
            study = create_study(protocol=protocol, text=text, owner=None, folder=path.parent)
        if study.built_at is None:
            job = start_build(study=study, queue=options["queue"])
            if options["queue"] != FOREGROUND:
                self.say_queued(options, job)
                return
            work_here(job, progress=not options["json"])
            study.refresh_from_db()
        self._say_summary(options, study)

    def _protocol(self, path: Path, options: dict[str, Any]) -> Protocol:
        try:
            return with_target(
                read_protocol(path),
                dataset=options["dataset"],
                classifiers=options["classifier"],
                name=options["name"],
                title=options["title"],
            )
        except ProtocolError as problem:
            raise CommandError(str(problem)) from problem

    def _unbuilt(self, protocol: Protocol) -> Study | None:
        """The draft of this very protocol, so that the command is safe to repeat."""
        found = Study.objects.filter(name=protocol.name).first()
        if found is None:
            return None
        if found.state != Study.State.DRAFT or found.protocol_sha256 != protocol_sha256(protocol):
            raise Refused(
                f"Study {found.name} exists ({found.state}) and is no draft of this protocol; "
                "give another name (--name NAME)."
            )
        return found

    def _say_summary(self, options: dict[str, Any], study: Study) -> None:
        questions = Question.objects.filter(study=study)
        counts = {
            str(QuestionUse.Role(role).label): count
            for role, count in QuestionUse.objects.filter(question__study=study)
            .values_list("role")
            .annotate(count=Count("question", distinct=True))
            .order_by("role")
        }
        asked = questions.filter(origin=Question.Origin.STUDY).count()
        lines = [
            f"{study.name}: draft with {asked:,} questions in {study.arms.count()} arm(s), "
            f"{study.stimuli.count():,} pictures; protocol {study.protocol_sha256[:12]}",
            *(f"  {count:,} {role}" for role, count in counts.items()),
            *(f"  note: {note}" for note in study.notes),
        ]
        self.say(
            options,
            "\n".join(lines),
            {
                "study": study.name,
                "state": study.state,
                "protocol_sha256": study.protocol_sha256,
                "questions": asked,
                "practice_questions": questions.filter(origin=Question.Origin.PRACTICE).count(),
                "stimuli": study.stimuli.count(),
                "uses": counts,
                "notes": study.notes,
            },
        )
