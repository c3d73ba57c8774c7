"""What the researcher's commands share: `--json`, `--queue`, refusals as plain messages."""

from __future__ import annotations

import json
import signal
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyapp.models import Job
from studyapp.services.jobs import FOREGROUND, JobFailure
from studyapp.services.refusals import Refused

# Exit status of argparse for a command line that it can not read.
UNREADABLE = 2
# Exit status where the work was done but files were left out; 1 is a refusal or a failure.
SOME_SKIPPED = 3


class TypedCommand(BaseCommand):
    """A command that answers a command line that it can not read in one line."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Run what was typed; what can not be read is refused in one line, without the usage."""
        try:
            # Not yet known to be called from the command line, Django's parser raises instead of printing.
            self.create_parser(argv[0], argv[1]).parse_args(argv[2:])
        except CommandError as problem:
            said = str(problem).removeprefix("Error: ").rstrip(".")
            self.stderr.write(f"{argv[1]}: {said}. Give {argv[1]} --help for what it takes.")
            sys.exit(UNREADABLE)
        super().run_from_argv(argv)


class ResearchCommand(TypedCommand):
    """A command that prints a summary for people, or with `--json` one object on stdout.

    Exit status 0: all done; 1: refused or failed, with reason and remedy; 2: the command line can not be
    read; 3: done, but files were skipped.
    """

    queueable = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--json`, and `--queue` where workers can do it."""
        parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
        if self.queueable:
            parser.add_argument(
                "--queue",
                nargs="?",
                const="default",
                default=FOREGROUND,
                metavar="NAME",
                help="hand the work to the workers (of the queue NAME, such as gpu) and print the job's id",
            )

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command; what a service refuses or a job fails at becomes the command's error.

        SIGTERM ends it as Ctrl-C does: what it has claimed of a job is given back.
        """
        try:
            with _sigterm_as_ctrl_c():
                return super().execute(*args, **options)
        except (Refused, JobFailure) as problem:
            raise CommandError(str(problem)) from problem
        except BaseException as problem:
            if not _was_interrupted(problem):
                raise
            raise CommandError(
                "Interrupted: run the same command again to go on where it stood.", returncode=130
            ) from None

    def say(self, options: Mapping[str, Any], text: str, result: Mapping[str, object]) -> None:
        """Print the result as JSON where that was asked for, else the text for people."""
        self.stdout.write(json.dumps(result, indent=2) if options["json"] else text)

    def say_queued(self, options: Mapping[str, Any], job: Job) -> None:
        """Say which job the workers have been given."""
        self.say(
            options,
            f"Job {job.pk} ({job.title}) is with the workers of the queue {job.queue}.",
            {"job": job.pk, "state": job.state, "queue": job.queue},
        )


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    # Python lets only the main thread set what a signal does.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _was_interrupted(problem: BaseException | None) -> bool:
    """Whether Ctrl-C is what ended it, even where something else failed on the way out.

    Ctrl-C in the middle of a query is followed by a rollback on a connection that is still busy, and by that
    rollback's own error.
    """
    while problem is not None:
        if isinstance(problem, KeyboardInterrupt):
            return True
        problem = problem.__context__
    return False
