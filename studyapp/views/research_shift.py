"""Shift maps: the list, the viewer's page, and the arrays and files behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from studyapp.exports.shift_csv import HEADER, map_rows
from studyapp.exports.shift_stability import shift_stability_table
from studyapp.models import ShiftMaps, ShiftRun
from studyapp.services.probes.asking import studies_of_shift
from studyapp.services.probes.shift_maps import MAPS, read_maps
from studyapp.services.probes.shift_viewing import (
    map_bytes,
    map_lines,
    other_crop_side,
    picture_bytes,
    viewer_facts,
)
from studyapp.views.paging import csv_response, page_of, searched, wants_csv
from studyapp.views.probe_people import PeopleShown, people_shown
from studyapp.views.research_jobs import line_of
from studyapp.views.researcher import researcher, researchers_file

KEPT = "private, max-age=86400"
NEWEST = 10


@require_safe
@researcher
def shifts(request: HttpRequest) -> HttpResponseBase:
    """Every run of shift maps, the newest first."""
    rows = shift_runs()
    if query := searched(request):
        by_classifier = ShiftRun.objects.filter(maps__classifier__name__icontains=query)
        rows = rows.filter(Q(title__icontains=query) | Q(pk__in=by_classifier))
    if wants_csv(request):
        return csv_response(
            "shift-maps",
            ("shift", "title", "classifiers", "class", "class_name", "rows", "columns", "stride", "finished"),
            (
                [
                    *(run.key, run.title, "; ".join(str(each.classifier) for each in run.maps.all())),
                    *(run.target, run.target_name, run.rows, run.columns, run.stride, run.finished_at),
                ]
                for run in rows
            ),
        )
    page = page_of(request, rows, size=25)
    return render(request, "research/shifts.html", {"nav": "probes", "page": page, "shifts": page.rows})


@require_safe
@researcher
def shift(request: HttpRequest, key: str) -> HttpResponseBase:
    """One run: its maps side by side with the picture under the cursor, and what sums them up."""
    run = get_object_or_404(ShiftRun.objects.select_related("job"), key=key)
    rows = list(run.maps.select_related("classifier__class_list", "run").order_by("position"))
    job = run.job if run.finished_at is None else None
    context = {
        "nav": "probes",
        "run": run,
        "rows": rows,
        "classifiers": [(row, other_crop_side(row)) for row in rows],
        "lines": map_lines(rows) if run.finished_at else [],
        "facts": json.dumps(_facts(run, rows)) if run.finished_at else "",
        "shown_maps": _shown_maps(rows),
        "sides": ("left", "right")[: len(rows)],
        "job": job,
        "line": line_of(job) if job else None,
        "people": _people(run) if run.finished_at else None,
    }
    return render(request, "research/shift.html", context)


@require_safe
@researchers_file
def maps_file(request: HttpRequest, key: str, position: int) -> HttpResponse:
    """Every map of one classifier as an array of float32."""
    return _array(map_bytes(_maps(key, position)), "maps")


@require_safe
@researchers_file
def pictures_file(request: HttpRequest, key: str) -> HttpResponse:
    """The pixels that the pictures are composed of."""
    return _array(picture_bytes(get_object_or_404(ShiftRun, key=key)), "pictures")


@require_safe
@researcher
def map_csv(request: HttpRequest, key: str, position: int, name: str) -> HttpResponseBase:
    """One map as y,x,val, as import_shift_maps reads it."""
    row = _maps(key, position)
    found = read_maps(row.file)
    if found is None or name not in found.maps:
        raise Http404("this map is not stored")
    return csv_response(f"{row.classifier.name}-{name}", HEADER, map_rows(found.maps[name], row.run.stride))


def shift_runs() -> QuerySet[ShiftRun]:
    """Runs for a list, the newest first."""
    rows = ShiftRun.objects.select_related("job").prefetch_related("maps__classifier")
    return rows.order_by("-created_at", "-pk")


def _people(run: ShiftRun) -> PeopleShown:
    file = reverse("shift-people", kwargs={"key": run.key, "kind": "csv"})
    return people_shown(shift_stability_table(run), studies_of_shift(run), file)


def _shown_maps(rows: Sequence[ShiftMaps]) -> dict[str, str]:
    """The maps that at least one classifier has, with their titles."""
    there = {name for row in rows for name in row.summary.get("maps", {})}
    return {name: title for name, title in MAPS.items() if name in there}


def _facts(run: ShiftRun, rows: Sequence[ShiftMaps]) -> dict[str, object]:
    return {
        **viewer_facts(run, rows),
        "pictures": reverse("shift-pictures", kwargs={"key": run.key}),
        "arrays": [reverse("shift-array", kwargs={"key": run.key, "position": row.position}) for row in rows],
    }


def _maps(key: str, position: int) -> ShiftMaps:
    rows = ShiftMaps.objects.select_related("run", "classifier")
    return get_object_or_404(rows, run__key=key, position=position)


def _array(content: bytes | None, what: str) -> HttpResponse:
    if content is None:
        raise Http404(f"these {what} are not stored")
    response = HttpResponse(content, content_type="application/octet-stream")
    response["Cache-Control"] = KEPT
    return response
