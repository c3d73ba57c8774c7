"""The results page, and its tables and figures as files."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from studyapp.exports.kept_report import study_report
from studyapp.exports.kind_tables import OWN_TABLES
from studyapp.exports.report import Report
from studyapp.exports.results_json import results_json
from studyapp.exports.tabular import Table
from studyapp.models import Mode, QuestionSlots, Study
from studyapp.views.figure_files import figure_response, table_response, text_file
from studyapp.views.researcher import researcher
from studyapp.views.results_links import links_of
from studyapp.views.shown_tables import shown_table
from studyapp.views.study_frame import frame, mode_of, study_or_404

# The facts of the study stand at the top of the page, not among the tables.
NOT_AS_TABLE = ("study", "reliability_detail")

# Kinds whose questions no number of answers agrees on.
NOT_BY_RULE = ("prototype_assignment", "forced_choice")

_UNITS = {"adversarial": "image", "stability": "flip"}


@require_safe
@researcher
def results(request: HttpRequest, name: str) -> HttpResponse:
    """Pictures first, then every table."""
    study = study_or_404(request, name)
    context = frame(request, study, "results")
    if study.built_at is None:
        return render(request, "results/unbuilt.html", context)
    report = study_report(study=study, mode=context["mode"])
    attacked = study.kind == "adversarial"
    own = OWN_TABLES.get(study.kind)
    link = links_of(study.name, report.mode, attacked=attacked)
    context |= {
        "facts": _facts(report),
        "warning": report.tables["study"].note,
        "attacked": attacked,
        "verdicts": own is None or own.verdicts,
        "ruled": study.kind not in NOT_BY_RULE,
        "unit": _UNITS.get(study.kind, "mistake"),
        "draws_of": "over the images" if own is None else own.draws,
        "figures": report.figures(),
        "tables": [
            shown_table(table, link)
            for table in report.tables.values()
            if table.rows and table.name not in NOT_AS_TABLE
        ],
        "tail": "" if report.mode == Mode.REAL else f"?mode={report.mode}",
        "other_modes": _answered_modes(study, report.mode),
        "mode_name": Mode(report.mode).label,
        "caption": report.caption,
    }
    return render(request, "results/results.html", context)


@require_safe
@researcher
def document(request: HttpRequest, name: str) -> HttpResponse:
    """Every table as JSON, as `results --json` prints it."""
    report = _report(request, name)
    return text_file(results_json(report), "application/json", f"{report.study}-{report.mode}.json")


@require_safe
@researcher
def table_file(request: HttpRequest, name: str, table: str, kind: str) -> HttpResponse:
    """One table as CSV, JSON or LaTeX."""
    report = _report(request, name)
    return table_response(report.tables.get(table), kind, f"{report.study}-{report.mode}-{table}")


@require_safe
@researcher
def figure_file(request: HttpRequest, name: str, figure: str, kind: str) -> HttpResponse:
    """One figure as SVG or PNG, or its numbers as CSV."""
    report = _report(request, name)
    found = next((each for each in report.figures() if each.name == figure), None)
    return figure_response(request, found, kind, f"{report.study}-{report.mode}-{figure}")


def _report(request: HttpRequest, name: str) -> Report:
    study = study_or_404(request, name)
    if study.built_at is None:
        raise Http404(f"study {name} is not built yet")
    return study_report(study=study, mode=mode_of(request))


def _facts(report: Report) -> dict[str, Any]:
    """The one row of the study's facts, by name."""
    table: Table = report.tables["study"]
    return dict(zip((column.name for column in table.columns), table.rows[0], strict=True))


def _answered_modes(study: Study, mode: str) -> list[tuple[str, str]]:
    """The other modes that have answers."""
    there = (
        QuestionSlots.objects.filter(study=study, counted__gt=0)
        .exclude(mode=mode)
        .order_by()
        .values_list("mode", flat=True)
        .distinct()
    )
    return [(each.value, each.label) for each in Mode if each.value in set(there) and each != Mode.PREVIEW]
