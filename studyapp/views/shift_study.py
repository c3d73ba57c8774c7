"""From a shift run to a study of its flips: choose classifiers, have pictures drawn, then the new study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from studyapp.exports.shift_stability import NAME, shift_stability_table
from studyapp.models import Dataset, Job, PredictionRun, ShiftRun
from studyapp.services.probes.shift_drawing import (
    KIND,
    LARGEST_SEED,
    MOST,
    SAMPLE,
    FlipDraw,
    drawn_runs,
    flip_draw,
    start_drawing,
)
from studyapp.services.probes.shift_flips import ClassifierFlips, LabelFlips, shift_flips
from studyapp.services.refusals import Refused
from studyapp.views.figure_files import table_response
from studyapp.views.paging import csv_response, wants_csv
from studyapp.views.research_jobs import line_of
from studyapp.views.researcher import person, researcher

PROTOCOL = "misclassification.toml"
LABELS_SHOWN = 6


@dataclass(frozen=True, slots=True)
class _Choice:
    """A classifier with its flips, whether it is chosen, and the labels that the page has no room for."""

    flips: ClassifierFlips
    chosen: bool

    @property
    def in_question(self) -> int:
        return len(self.flips.in_question)

    @property
    def shown(self) -> Sequence[LabelFlips]:
        return self.flips.labels[:LABELS_SHOWN]

    @property
    def more(self) -> int:
        return len(self.flips.labels[LABELS_SHOWN:])


@require_http_methods(["GET", "HEAD", "POST"])
@researcher
def shift_study(request: HttpRequest, key: str) -> HttpResponseBase:
    """Every classifier's flips and the labels they are to; POST has pictures drawn and written."""
    run = get_object_or_404(ShiftRun, key=key)
    refusal = ""
    found: tuple[ClassifierFlips, ...] = ()
    try:
        found = shift_flips(run)
        if request.method == "POST":
            draw = _posted(request, run)
            start_drawing(draw=draw, created_by=person(request))
            return redirect("shift-drawn", key=run.key, name=draw.dataset)
    except Refused as refused:
        refusal = str(refused)
    if wants_csv(request):
        return _labels_csv(found)
    asked = request.POST.getlist("classifier")
    choices = [
        _Choice(each, bool(len(each.in_question)) and (not asked or each.classifier.name in asked))
        for each in found
    ]
    context = {
        "nav": "probes",
        "run": run,
        "refusal": refusal,
        "choices": choices,
        "anything": any(choice.in_question for choice in choices),
        "sample": request.POST.get("sample", str(SAMPLE)),
        "seed": request.POST.get("seed", "0"),
        "most": MOST,
        "largest_seed": LARGEST_SEED,
    }
    return render(
        request, "research/shift_study.html", context, status=422 if request.method == "POST" else 200
    )


@require_safe
@researcher
def drawn(request: HttpRequest, key: str, name: str) -> HttpResponseBase:
    """How far the drawn pictures are; once they are a dataset, the new-study page about it."""
    run = get_object_or_404(ShiftRun, key=key)
    dataset = Dataset.objects.filter(name=name, prediction_runs__in=drawn_runs(run)).first()
    if dataset is not None and not request.headers.get("HX-Request"):
        return redirect(_new_study(dataset))
    jobs = Job.objects.filter(kind=KIND, parameters__run=run.pk, parameters__dataset=name)
    job = get_object_or_404(jobs.order_by("-pk")[:1])
    context = {"nav": "probes", "run": run, "dataset": dataset, "job": job, "line": line_of(job)}
    return render(request, "research/shift_drawn.html", context)


@require_safe
@researcher
def table_file(request: HttpRequest, key: str, kind: str) -> HttpResponse:
    """What people said of the flips as CSV, JSON or LaTeX."""
    run = get_object_or_404(ShiftRun, key=key)
    return table_response(shift_stability_table(run), kind, NAME.replace("_", "-"))


def _posted(request: HttpRequest, run: ShiftRun) -> FlipDraw:
    return flip_draw(
        run=run,
        classifiers=request.POST.getlist("classifier"),
        sample=_number(request.POST.get("sample", ""), "flips of each classifier"),
        seed=_number(request.POST.get("seed", ""), "seed"),
    )


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.strip().isdecimal() and len(text) < 12):
        raise Refused(f"{text!r} is no number of {what}: give a whole number.")
    return int(text)


def _new_study(dataset: Dataset) -> str:
    runs = PredictionRun.objects.filter(dataset=dataset).order_by("pk")
    names = runs.values_list("classifier__name", flat=True)
    query = {"protocol": PROTOCOL, "dataset": dataset.name, "classifier": list(dict.fromkeys(names))}
    return f"{reverse('study-new')}?{urlencode(query, doseq=True)}"


def _labels_csv(found: Sequence[ClassifierFlips]) -> HttpResponseBase:
    return csv_response(
        "shift-flips",
        ("classifier", "places", "at_centre", "flipped_to", "class_index", "places_flipped"),
        (
            [each.classifier.name, each.places, each.centre_name, label.name, label.index, label.places]
            for each in found
            for label in each.labels
        ),
    )
