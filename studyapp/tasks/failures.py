"""What a researcher reads when a job fails: the reason, and what to do about it."""

from __future__ import annotations

import errno

from studyapp.services.jobs import JobFailure

RETRY = "Then retry: what is done stays done."


def explained(problem: Exception) -> JobFailure:
    """Any exception as a reason and a remedy; a JobFailure already is both."""
    if isinstance(problem, JobFailure):
        return problem
    name = type(problem).__name__
    said = str(problem).strip() or "no further message"
    return JobFailure(f"{name}: {said}", f"{_remedy(problem, name)} {RETRY}")


def _remedy(problem: Exception, name: str) -> str:
    if isinstance(problem, MemoryError) or name == "OutOfMemoryError":
        return "Memory ran out: end what else uses it, or give the worker more."
    if isinstance(problem, FileNotFoundError):
        return "Put the file back where it was."
    if isinstance(problem, PermissionError):
        return "Let the worker's user read and write there."
    if isinstance(problem, OSError) and problem.errno == errno.ENOSPC:
        return "Make room on the disk."
    if isinstance(problem, ConnectionError):
        return "See that the service it talks to is up."
    return "The worker's log has the full traceback."
