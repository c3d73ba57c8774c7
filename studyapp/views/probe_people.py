"""What people said of a run's flips, on the page of a run of any kind: the table, its files, the studies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from studyapp.exports.cells import STUDY
from studyapp.exports.probe_stability import NAME, probe_stability_table
from studyapp.exports.stability_tables import RECTIFIED
from studyapp.exports.tabular import Cell, Table
from studyapp.models import Mode, ProbeRun, Study
from studyapp.services.probes.asking import asking_studies, studies_of_probe
from studyapp.services.probes.flips import FLIP_KINDS
from studyapp.views.figure_files import TABLE_TYPES, table_response
from studyapp.views.researcher import researcher
from studyapp.views.shown_tables import ShownTable, shown_table

_FILE_WORDS = {"csv": "CSV", "json": "JSON", "tex": "LaTeX"}


@dataclass(frozen=True, slots=True)
class StudyLine:
    """A study of the run; `results` are (mode in words, address) of the answers that it has."""

    study: Study
    results: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PeopleShown:
    """The table of real answers, None before there are any; its files; every study, answered or not.

    `kind`: of the studies whose answers the table is made of.
    """

    table: ShownTable | None
    files: tuple[tuple[str, str], ...]
    studies: tuple[StudyLine, ...]
    kind: str


def people_shown(table: Table, studies: QuerySet[Study], file: str, kind: str = "relevance") -> PeopleShown:
    """For a run's page; `file` is the address of the table's CSV."""
    return PeopleShown(
        table=shown_table(table, _results_link) if table.rows else None,
        files=tuple((_FILE_WORDS[kind], f"{file.removesuffix('csv')}{kind}") for kind in TABLE_TYPES),
        studies=tuple(
            StudyLine(
                each.study,
                tuple((mode.label.lower(), _results(each.study.name, mode)) for mode in each.modes),
            )
            for each in asking_studies(studies)
        ),
        kind=kind,
    )


def flips_shown(run: ProbeRun) -> PeopleShown:
    """For the page of a finished probe of changed pictures."""
    file = reverse("probe-people", kwargs={"key": run.key, "kind": "csv"})
    return people_shown(probe_stability_table(run), studies_of_probe(run), file, "stability")


@require_safe
@researcher
def table_file(request: HttpRequest, key: str, kind: str) -> HttpResponse:
    """What people said of a probe's flips as CSV, JSON or LaTeX."""
    run = get_object_or_404(ProbeRun, key=key, kind__in=FLIP_KINDS)
    if run.finished_at is None:
        raise Http404("this probe is not finished")
    return table_response(probe_stability_table(run), kind, f"{run.kind}-{run.key}-{NAME.replace('_', '-')}")


def _results_link(table: str, column: str, cells: Mapping[str, Cell]) -> str:
    if column != STUDY.name:
        return ""
    address = _results(str(cells[column]), Mode.REAL)
    return f"{address}#{RECTIFIED}" if table == NAME else address


def _results(study: str, mode: Mode) -> str:
    address = reverse("study-results", kwargs={"name": study})
    return address if mode == Mode.REAL else f"{address}?mode={mode}"
