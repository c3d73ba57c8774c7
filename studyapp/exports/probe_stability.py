"""What people say of a probe's flips, gathered from every study of kind `stability` that asks about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from studyapp.exports.cells import ARM, CLASSIFIER, STATE, STUDY
from studyapp.exports.kept_report import study_report
from studyapp.exports.stability_tables import (
    HELD,
    JUDGED,
    RECTIFIED,
    rectified_stability_table,
)
from studyapp.exports.tabular import Cell, Table
from studyapp.models import Mode, ProbeRun, Study
from studyapp.services.probes.asking import answered, studies_of_probe

NAME = "probe_stability"
_COLUMNS = rectified_stability_table(None).columns


def probe_stability_table(run: ProbeRun) -> Table:
    """The mean over the settings asked about: a row for each study with real answers and each classifier.

    A study of one setting gives that one. What studies of other kinds ask is no stability and not in it.
    """
    asking = answered(studies_of_probe(run)).filter(kind="stability", built_at__isnull=False)
    rows = tuple(row for study in asking for row in _mean_rows(study))
    # How much is decided stands on the page, too: it is of studies that may be under way.
    own = (replace(each, wide=False) if each.name == "coverage" else each for each in _COLUMNS)
    note = (
        "The mean over the settings that the study asks about; its results have every setting. A study that "
        f"is not closed gives its answers so far. Intervals are of 95 %: {HELD}."
    )
    return Table(NAME, JUDGED, (STUDY, STATE, *own), rows, note=note if rows else "")


def _mean_rows(study: Study) -> Iterator[tuple[Cell, ...]]:
    """The last row of every classifier (in every arm): the mean, or the one setting there is."""
    table = study_report(study=study, mode=Mode.REAL).tables[RECTIFIED]
    arm, classifier = table.column_index(ARM.name), table.column_index(CLASSIFIER.name)
    last = {(row[arm], row[classifier]): row for row in table.rows}
    return ((study.name, study.state, *row) for row in last.values())
