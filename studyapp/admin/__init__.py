"""Django's admin for every model: read-only where rows are facts."""

from studyapp.admin import (
    accounts,
    attacks,
    catalogue,
    examples,
    jobs,
    observers,
    participation,
    probes,
    runs,
    shifts,
    stimuli,
    studies,
    stylised,
)

__all__ = [
    "accounts",
    "attacks",
    "catalogue",
    "examples",
    "jobs",
    "observers",
    "participation",
    "probes",
    "runs",
    "shifts",
    "stimuli",
    "studies",
    "stylised",
]
