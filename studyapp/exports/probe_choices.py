"""What people say of a texture run's choices, gathered from every study that asks about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from studyapp.exports.cells import ARM, CLASSIFIER
from studyapp.exports.choice_review_tables import COLUMNS, NOTE, RECTIFIED_CHOICES, TITLE
from studyapp.exports.kept_report import study_report
from studyapp.exports.tabular import Cell, Column, Table
from studyapp.models import Answer, Mode, ProbeRun, Study
from studyapp.services.probes.texture_flips import choice_runs

STUDY = Column("study", "Name of the study.")
_SO_FAR = "A study that is not closed gives its answers so far."


def probe_choices_table(run: ProbeRun) -> Table:
    """What people say of a finished texture run: a row for each study with real answers and each network.

    A study that is open still gives what its results page gives: its answers so far.
    """
    runs = choice_runs(run)
    names = set(runs.values_list("classifier__name", flat=True))
    real = Answer.objects.filter(mode=Mode.REAL, status=Answer.Status.COUNTED)
    studies = Study.objects.filter(study_classifiers__run__in=runs, built_at__isnull=False)
    answered = studies.filter(pk__in=real.values("question__study")).distinct().order_by("name")
    rows = tuple(row for study in answered for row in _study_rows(study, names))
    columns = (
        STUDY,
        Column("state", "Of the study: draft, open, paused or closed.", wide=True),
        ARM,
        # The same for all, and on the page in the table above.
        *(replace(each, wide=True) if each.name == "pictures" else each for each in COLUMNS),
    )
    return Table(RECTIFIED_CHOICES, TITLE, columns, rows, note=f"{NOTE} {_SO_FAR}" if rows else "")


def _study_rows(study: Study, networks: Collection[str]) -> Iterable[tuple[Cell, ...]]:
    table = study_report(study=study, mode=Mode.REAL).tables[RECTIFIED_CHOICES]
    place = table.column_index(CLASSIFIER.name)
    return ((study.name, study.state, *row) for row in table.rows if row[place] in networks)
