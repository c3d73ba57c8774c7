"""Rehearsals: simulated participants who answer a study over real HTTP, by a planted truth."""

from studyapp.management.rehearsal.report import Finding, Recovered, RehearsalReport
from studyapp.management.rehearsal.run import rehearse

__all__ = ["Finding", "Recovered", "RehearsalReport", "rehearse"]
