"""What every researcher's command does with Ctrl-C."""

from __future__ import annotations

import pytest
from django.core.management.base import CommandError
from django.db.utils import OperationalError

from studyapp.management.research_command import ResearchCommand


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
