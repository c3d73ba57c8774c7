"""What every researcher's command does with Ctrl-C, and with a command line that can not be read."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from django.core.management.base import CommandError, OutputWrapper
from django.db.utils import OperationalError

from studyapp.management.commands import (
    attack,
    create_link,
    demo,
    explain,
    export_study,
    probe,
    results,
    serve_demo,
)
from studyapp.management.research_command import ResearchCommand, TypedCommand


class _Failing(ResearchCommand):
    requires_system_checks: list[str] = []
    interrupted: bool

    def handle(self, *args: object, **options: object) -> None:
        try:
            if self.interrupted:
                raise KeyboardInterrupt
        finally:
            raise OperationalError("sending query failed: another command is already in progress")


def test_ctrl_c_during_a_query_says_how_to_go_on_though_the_rollback_failed_too() -> None:
    command = _Failing()
    command.interrupted = True
    with pytest.raises(CommandError, match="run the same command again") as refused:
        command.execute(json=False, no_color=True, force_color=False, skip_checks=True)
    assert refused.value.returncode == 130


def test_a_database_that_fails_by_itself_is_not_called_an_interruption() -> None:
    command = _Failing()
    command.interrupted = False
    with pytest.raises(OperationalError):
        command.execute(json=False, no_color=True, force_color=False, skip_checks=True)


@pytest.mark.parametrize(
    ("command", "typed", "said"),
    [
        (
            attack.Command(),
            "attack greys grey --step 1/0",
            "attack: argument --step: '1/0' is no number; give one such as 0.001 or 1/255. Give attack "
            "--help for what it takes.",
        ),
        (
            attack.Command(),
            "attack greys grey --steps many",
            "attack: argument --steps: invalid int value: 'many'.",
        ),
        (explain.Command(), "explain", "explain: the following arguments are required: DATASET, CLASSIFIER."),
        (
            explain.Command(),
            "explain a b --rest red",
            "explain: argument --rest: invalid choice: 'red' (choose from",
        ),
        (probe.Command(), "probe hue a b", "invalid choice: 'hue' (choose from 'colour', 'shift', 'texture'"),
        (probe.Command(), "probe colour a b --op-base 3", "probe: argument --op-base: invalid choice: 3"),
        (results.Command(), "results", "results: the following arguments are required: STUDY."),
        (results.Command(), "results a --mode x", "results: argument --mode: invalid choice: 'x'"),
        (
            export_study.Command(),
            "export_study a",
            "export_study: the following arguments are required: FOLDER",
        ),
        (
            create_link.Command(),
            "create_link a --invitations many",
            "create_link: argument --invitations: invalid int value: 'many'.",
        ),
        (
            create_link.Command(),
            "create_link a --invitations 2 --people b.txt",
            "create_link: argument --people: not allowed with argument --invitations.",
        ),
        (
            serve_demo.Command(),
            "serve_demo --port http",
            "serve_demo: argument --port: invalid int value: 'http'. Give serve_demo --help for what",
        ),
        (demo.Command(), "demo birds", "demo: unrecognized arguments: birds."),
    ],
)
def test_a_command_line_that_can_not_be_read_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], command: TypedCommand, typed: str, said: str
) -> None:
    command.stderr = OutputWrapper(sys.stderr)
    with pytest.raises(SystemExit) as left:
        command.run_from_argv(["manage.py", *typed.split()])
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_help_is_as_long_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        attack.Command().run_from_argv(["manage.py", "attack", "--help"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("usage: manage.py attack")


class _Ending(ResearchCommand):
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_ends_a_command_as_ctrl_c_does_and_means_the_same_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(CommandError, match="run the same command again") as refused:
        _Ending().execute(json=False, no_color=True, force_color=False, skip_checks=True)
    assert refused.value.returncode == 130
    assert signal.getsignal(signal.SIGTERM) == before
