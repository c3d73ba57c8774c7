"""The colour probe: its progress, tables and figures, on the page and as files."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studyapp.exports.colour_figures import colour_figures
from studyapp.exports.colour_tables import (
    CLASSIFIERS,
    METRICS,
    POSTER,
    PUBLISHED,
    ColourFacts,
    colour_facts,
    colour_tables,
    metric_rows,
)
from studyapp.models import ProbeRun
from studyapp.services.probes.runs import images_since
from studyapp.views.figure_files import figure_response, table_response
from studyapp.views.paging import address
from studyapp.views.probe_pages import settings_in_words
from studyapp.views.probe_people import flips_shown
from studyapp.views.research_jobs import line_of
from studyapp.views.researcher import researcher
from studyapp.views.shown_tables import shown_table


@require_safe
@researcher
def colour(request: HttpRequest, key: str) -> HttpResponseBase:
    """One colour probe: how far it is, or its figures and tables."""
    run = colour_run(key)
    context = {"nav": "probes", "run": run, "settings": settings_in_words(run)}
    if run.finished_at is None:
        return render(
            request,
            "research/probe_colour.html",
            context | {"job": run.job, "line": line_of(run.job) if run.job else None},
        )
    facts = _facts(request, run)
    tables = colour_tables(facts)
    rows = metric_rows(facts)
    context |= {
        "facts": facts,
        "since": images_since(run),
        "people": flips_shown(run),
        "figures": colour_figures(facts),
        "poster": tables[POSTER],
        "numbers": METRICS,
        # The first row of each metric names it.
        "rows": [
            (row, row.texts(), not place or row.metric != rows[place - 1].metric)
            for place, row in enumerate(rows)
        ],
        "plain": _plain(facts),
        "tables": [shown_table(tables[name], lambda *_: "") for name in (CLASSIFIERS, PUBLISHED)],
        "query": address(request, page=None).removeprefix(request.path),
        "bases": (1, 0),
        "overs": ("changed", "all"),
    }
    return render(request, "research/probe_colour.html", context)


@require_safe
@researcher
def table_file(request: HttpRequest, key: str, table: str, kind: str) -> HttpResponse:
    """One table as CSV, JSON or LaTeX."""
    facts = _facts(request, _finished(key))
    return table_response(colour_tables(facts).get(table), kind, f"colour-{key}-{table}")


@require_safe
@researcher
def figure_file(request: HttpRequest, key: str, figure: str, kind: str) -> HttpResponse:
    """One figure as SVG, PNG or PDF, or its numbers as CSV."""
    found = {each.name: each for each in colour_figures(_facts(request, _finished(key)))}
    return figure_response(request, found.get(figure), kind, f"colour-{key}-{figure}")


def colour_run(key: str) -> ProbeRun:
    """The colour probe of this key, or Http404."""
    runs = ProbeRun.objects.filter(kind=ProbeRun.Kind.COLOUR).select_related("dataset", "job")
    return get_object_or_404(runs, key=key)


def _finished(key: str) -> ProbeRun:
    run = colour_run(key)
    if run.finished_at is None:
        raise Http404("this probe is not finished")
    return run


def _facts(request: HttpRequest, run: ProbeRun) -> ColourFacts:
    """The probe as the address wants O.P. stated (`?op_base=`, `?op_over=`)."""
    return colour_facts(
        run,
        op_base=0 if request.GET.get("op_base") == "0" else 1,
        op_over="all" if request.GET.get("op_over") == "all" else "changed",
    )


def _plain(facts: ColourFacts) -> str:
    """Tab-separated text of the poster's table, for copying."""
    poster = colour_tables(facts)[POSTER]
    lines = ["\t".join(column.name for column in poster.columns)]
    lines += ["\t".join(str(cell) for cell in row) for row in poster.rows]
    return "\n".join(lines)
