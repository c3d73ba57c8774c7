"""The audit trail: who decided what."""

from __future__ import annotations

from collections.abc import Mapping

from studyapp.models import AuditEntry, Study

COMMAND_LINE = "command line"


def write_audit(
    *, study: Study, actor: str, verb: str, subject: str = "", detail: Mapping[str, object] | None = None
) -> AuditEntry:
    """Add one line; `actor` is a user's name or COMMAND_LINE."""
    return AuditEntry.objects.create(
        study=study, actor=actor[:150], verb=verb, subject=subject[:200], detail=dict(detail or {})
    )
