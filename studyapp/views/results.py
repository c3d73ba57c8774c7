"""The results page, and its tables and figures as files."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from studyapp.exports.figures import Figure
from studyapp.exports.kept_report import study_report
from studyapp.exports.report import Report
from studyapp.exports.results_json import results_json
from studyapp.exports.tabular import Table
from studyapp.exports.writing import table_csv, table_json, table_latex
from studyapp.models import Mode, QuestionSlots, Study
from studyapp.views.researcher import researcher
from studyapp.views.results_links import links_of
from studyapp.views.shown_tables import shown_table
from studyapp.views.study_frame import frame, mode_of, study_or_404

TABLE_TYPES = {
    "csv": ("text/csv; charset=utf-8", table_csv),
    "json": ("application/json", table_json),
    "tex": ("application/x-tex; charset=utf-8", table_latex),
}
FIGURE_TYPES = {"svg": "image/svg+xml", "png": "image/png"}
# The facts of the study stand at the top of the page, not among the tables.
NOT_AS_TABLE = ("study", "reliability_detail")


@require_safe
@researcher
def results(request: HttpRequest, name: str) -> HttpResponse:
    """Pictures first, then every table."""
    study = study_or_404(request, name)
    context = frame(request, study, "results")
    if study.built_at is None:
        return render(request, "results/unbuilt.html", context)
    report = study_report(study=study, mode=context["mode"])
    link = links_of(study.name, report.mode)
    context |= {
        "facts": _facts(report),
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
    return _file(results_json(report), "application/json", f"{report.study}-{report.mode}.json")


@require_safe
@researcher
def table_file(request: HttpRequest, name: str, table: str, kind: str) -> HttpResponse:
    """One table as CSV, JSON or LaTeX."""
    report = _report(request, name)
    if table not in report.tables or kind not in TABLE_TYPES:
        raise Http404(f"no table {table}.{kind}")
    content_type, written = TABLE_TYPES[kind]
    return _file(written(report.tables[table]), content_type, f"{report.study}-{report.mode}-{table}.{kind}")


@require_safe
@researcher
def figure_file(request: HttpRequest, name: str, figure: str, kind: str) -> HttpResponse:
    """One figure as SVG or PNG, or its numbers as CSV."""
    report = _report(request, name)
    found = next((each for each in report.figures() if each.name == figure), None)
    if found is None or kind not in (*FIGURE_TYPES, "csv"):
        raise Http404(f"no figure {figure}.{kind}")
    if kind == "csv":
        return _file(
            table_csv(found.data()), "text/csv; charset=utf-8", f"{report.study}-{report.mode}-{figure}.csv"
        )
    return _picture(request, found, kind)


def _picture(request: HttpRequest, figure: Figure, kind: str) -> HttpResponse:
    # matplotlib takes most of a second to import, and most pages draw nothing.
    from studyapp.exports.drawing import drawn

    content = drawn(figure, "svg" if kind == "svg" else "png")
    response = HttpResponse(content, content_type=FIGURE_TYPES[kind])
    if "download" in request.GET:
        response["Content-Disposition"] = f'attachment; filename="{figure.name}.{kind}"'
    return response


def _report(request: HttpRequest, name: str) -> Report:
    study = study_or_404(request, name)
    if study.built_at is None:
        raise Http404(f"study {name} is not built yet")
    return study_report(study=study, mode=mode_of(request))


def _file(content: str, content_type: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


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
