"""What is kept of a rehearsal: its outcome in the audit trail, with the protocol it rehearsed."""

from __future__ import annotations

from collections.abc import Sequence

from studyapp.models import AuditEntry, Study

VERB = "rehearse"
PASSED = "passed"
FAILED = "failed"


def record_rehearsal(*, study: Study, passed: bool, answers: int, failed_checks: Sequence[str]) -> AuditEntry:
    """Keep the outcome of a rehearsal of the study's protocol as it stands."""
    return AuditEntry.objects.create(
        study=study,
        actor="command line",
        verb=VERB,
        subject=PASSED if passed else FAILED,
        detail={
            "passed": passed,
            "protocol_sha256": study.protocol_sha256,
            "answers": answers,
            "failed": list(failed_checks),
        },
    )


def is_rehearsed(study: Study) -> bool:
    """Whether the latest rehearsal of this very protocol passed."""
    latest = (
        AuditEntry.objects.filter(
            study=study, verb=VERB, detail__protocol_sha256=study.protocol_sha256, actor="command line"
        )
        .order_by("-at", "-pk")
        .first()
    )
    return latest is not None and latest.subject == PASSED
