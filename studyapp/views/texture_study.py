"""From a texture run to a study of its choices: choose networks, write what they chose as predictions."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from studyapp.exports.choice_review_tables import RECTIFIED_CHOICES
from studyapp.exports.probe_choices import probe_choices_table
from studyapp.models import Classifier, ProbeRun
from studyapp.services.probes.asking import studies_of_probe
from studyapp.services.probes.texture_flips import (
    choice_counts,
    usual_ending,
    write_choices_as_predictions,
)
from studyapp.services.refusals import Refused
from studyapp.views.figure_files import table_response
from studyapp.views.probe_people import PeopleShown, people_shown
from studyapp.views.researcher import researcher

PROTOCOL = "misclassification.toml"


@require_http_methods(["GET", "HEAD", "POST"])
@researcher
def texture_study(request: HttpRequest, key: str) -> HttpResponseBase:
    """How every network of a run chose; POST makes predictions of it and leads to the new-study page."""
    run = _run(key)
    refusal = ""
    asked = request.POST.getlist("classifier")
    if request.method == "POST":
        try:
            written = write_choices_as_predictions(
                run=run, networks=asked, ending=request.POST.get("ending", "")
            )
        except Refused as refused:
            refusal = str(refused)
        else:
            names = ", ".join(each.name for each in written)
            messages.success(request, f"The choices are predictions of {run.dataset.name} now: {names}.")
            return redirect(_new_study(run, written))
    context = {
        "nav": "probes",
        "run": run,
        "refusal": refusal,
        "ending": request.POST.get("ending") or usual_ending(run),
        **_choices(run, asked),
    }
    return render(request, "research/texture_study.html", context, status=422 if refusal else 200)


@require_safe
@researcher
def table_file(request: HttpRequest, key: str, table: str, kind: str) -> HttpResponse:
    """What people said of a run's choices as CSV, JSON or LaTeX."""
    run = _run(key)
    if run.finished_at is None:
        raise Http404("this probe is not finished")
    found = probe_choices_table(run)
    return table_response(found if found.name == table else None, kind, f"texture-{run.key}-{table}")


def choices_shown(run: ProbeRun) -> PeopleShown:
    """What people said of a finished run's choices, for its page."""
    file = reverse("probe-texture-table", kwargs={"key": run.key, "table": RECTIFIED_CHOICES, "kind": "csv"})
    return people_shown(probe_choices_table(run), studies_of_probe(run), file)


def _run(key: str) -> ProbeRun:
    runs = ProbeRun.objects.filter(kind=ProbeRun.Kind.TEXTURE).select_related("dataset")
    return get_object_or_404(runs, key=key)


def _choices(run: ProbeRun, asked: list[str]) -> dict[str, object]:
    """Every network with its counts and whether it is chosen; or why none can be asked about."""
    try:
        counts = choice_counts(run)
    except Refused as refused:
        return {"unfit": str(refused)}
    return {"choices": [(each, not asked or each.network in asked) for each in counts]}


def _new_study(run: ProbeRun, written: tuple[Classifier, ...]) -> str:
    query = {
        "protocol": PROTOCOL,
        "probe": run.key,
        "dataset": run.dataset.name,
        "classifier": [each.name for each in written],
    }
    return f"{reverse('study-new')}?{urlencode(query, doseq=True)}"
