"""What people say of a texture run's choices, gathered from every study that asks about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from studyapp.exports.cells import ARM, CLASSIFIER, STATE, STUDY
from studyapp.exports.choice_review_tables import COLUMNS, NOTE, RECTIFIED_CHOICES, TITLE
from studyapp.exports.kept_report import study_report
from studyapp.exports.tabular import Cell, Table
from studyapp.models import Mode, ProbeRun, Study
from studyapp.services.probes.asking import answered, studies_of_probe
from studyapp.services.probes.texture_flips import choice_runs

_SO_FAR = "A study that is not closed gives its answers so far."


def probe_choices_table(run: ProbeRun) -> Table:
    """What people say of a finished texture run: a row for each study with real answers and each network.

    A study that is open still gives what its results page gives: its answers so far.
    """
    names = set(choice_runs(run).values_list("classifier__name", flat=True))
    asking = answered(studies_of_probe(run)).filter(built_at__isnull=False)
    rows = tuple(row for study in asking for row in _study_rows(study, names))
    columns = (
        STUDY,
        STATE,
        ARM,
        # The same for all, and on the page in the table above.
        *(replace(each, wide=True) if each.name == "pictures" else each for each in COLUMNS),
    )
    return Table(RECTIFIED_CHOICES, TITLE, columns, rows, note=f"{NOTE} {_SO_FAR}" if rows else "")


def _study_rows(study: Study, networks: Collection[str]) -> Iterable[tuple[Cell, ...]]:
    table = study_report(study=study, mode=Mode.REAL).tables[RECTIFIED_CHOICES]
    place = table.column_index(CLASSIFIER.name)
    return ((study.name, study.state, *row) for row in table.rows if row[place] in networks)
