"""Probes of every kind: the list, and the way to each one's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from studyapp.models import ProbeRun, ShiftRun
from studyapp.views.paging import csv_response, page_of, searched, wants_csv
from studyapp.views.probe_pages import probe_address, settings_in_words
from studyapp.views.research_jobs import line_of
from studyapp.views.research_shift import NEWEST, shift_runs
from studyapp.views.researcher import researcher


@dataclass(frozen=True, slots=True)
class ProbeLine:
    """A run as the list shows it; `progress` is its job's, empty once it is finished."""

    run: ProbeRun
    address: str
    classifiers: tuple[str, ...]
    settings: str
    progress: str


@require_safe
@researcher
def probes(request: HttpRequest) -> HttpResponseBase:
    """Every probe, the newest first."""
    rows = _runs().order_by("-created_at", "-pk")
    kind = request.GET.get("kind", "")
    if kind in ProbeRun.Kind.values:
        rows = rows.filter(kind=kind)
    if query := searched(request):
        by_classifier = ProbeRun.objects.filter(probe_classifiers__classifier__name__icontains=query)
        rows = rows.filter(Q(dataset__name__icontains=query) | Q(pk__in=by_classifier))
    if wants_csv(request):
        return csv_response(
            "probes",
            ("probe", "kind", "dataset", "classifiers", "settings", "images", "unreadable", "finished"),
            (
                [
                    *(line.run.key, line.run.kind, line.run.dataset.name, "; ".join(line.classifiers)),
                    *(line.settings, line.run.images, line.run.unreadable, line.run.finished_at),
                ]
                for line in _lines(list(rows))
            ),
        )
    page = page_of(request, rows, size=25)
    context = {
        "nav": "probes",
        "page": page,
        "lines": _lines(page.rows),
        "kind": kind,
        "kinds": ProbeRun.Kind.choices,
        "shifts": shift_runs()[:NEWEST],
    }
    return render(request, "research/probes.html", context)


@require_safe
@researcher
def probe(request: HttpRequest, key: str) -> HttpResponseBase:
    """On to the page of the run's kind."""
    if ShiftRun.objects.filter(key=key).exists():
        return redirect("shift", key=key)
    address = probe_address(get_object_or_404(ProbeRun, key=key))
    if not address:
        raise Http404("no page shows probes of this kind")
    return redirect(address)


def _runs() -> QuerySet[ProbeRun]:
    return ProbeRun.objects.select_related("dataset", "job").prefetch_related("probe_classifiers__classifier")


def _lines(runs: Sequence[ProbeRun]) -> list[ProbeLine]:
    return [
        ProbeLine(
            run=run,
            address=probe_address(run),
            classifiers=tuple(each.classifier.name for each in run.probe_classifiers.all()),
            settings=settings_in_words(run),
            progress=line_of(run.job).words if run.job and run.finished_at is None else "",
        )
        for run in runs
    ]
