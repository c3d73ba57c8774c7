"""The probe of small transformations: its progress, tables and figure, on the page and as files."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studyapp.exports.transform_figures import transform_figures
from studyapp.exports.transform_tables import transform_facts, transform_tables
from studyapp.models import ProbeRun
from studyapp.services.probes.runs import images_since
from studyapp.views.figure_files import figure_response, table_response
from studyapp.views.probe_pages import settings_in_words
from studyapp.views.probe_people import flips_shown
from studyapp.views.research_jobs import line_of
from studyapp.views.researcher import researcher
from studyapp.views.shown_tables import shown_table


@require_safe
@researcher
def transform(request: HttpRequest, key: str) -> HttpResponseBase:
    """One probe of small transformations: how far it is, or its figure and tables."""
    run = _run(key)
    context = {"nav": "probes", "run": run, "settings": settings_in_words(run)}
    if run.finished_at is None:
        context |= {"job": run.job, "line": line_of(run.job) if run.job else None}
    else:
        facts = transform_facts(run)
        context |= {
            "facts": facts,
            "since": images_since(run),
            "people": flips_shown(run),
            "figures": transform_figures(facts),
            "tables": [shown_table(table, lambda *_: "") for table in transform_tables(facts).values()],
        }
    return render(request, "research/probe_transform.html", context)


@require_safe
@researcher
def table_file(request: HttpRequest, key: str, table: str, kind: str) -> HttpResponse:
    """One table as CSV, JSON or LaTeX."""
    facts = transform_facts(_finished(key))
    return table_response(transform_tables(facts).get(table), kind, f"transform-{key}-{table}")


@require_safe
@researcher
def figure_file(request: HttpRequest, key: str, figure: str, kind: str) -> HttpResponse:
    """One figure as SVG, PNG or PDF, or its numbers as CSV."""
    found = {each.name: each for each in transform_figures(transform_facts(_finished(key)))}
    return figure_response(request, found.get(figure), kind, f"transform-{key}-{figure}")


def _run(key: str) -> ProbeRun:
    runs = ProbeRun.objects.filter(kind=ProbeRun.Kind.TRANSFORM).select_related("dataset", "job")
    return get_object_or_404(runs, key=key)


def _finished(key: str) -> ProbeRun:
    run = _run(key)
    if run.finished_at is None:
        raise Http404("this probe is not finished")
    return run
