"""Django's admin for every model: read-only where rows are facts."""

from studyapp.admin import accounts, catalogue, jobs, participation, runs, stimuli, studies

__all__ = ["accounts", "catalogue", "jobs", "participation", "runs", "stimuli", "studies"]
