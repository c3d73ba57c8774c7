"""Ways into a study: its open links, invitations, and the researchers' own preview."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from studyapp.models import Mode, RecruitmentLink
from studyapp.recruitment.link import LinkRefused, link_url
from studyapp.services.plans import protocol_of
from studyapp.services.studies.recruiting import OWN_PREVIEW, TooMany, add_open_link, invite, own_preview
from studyapp.views.paging import csv_response, page_of, searched, wants_csv
from studyapp.views.researcher import person, researcher
from studyapp.views.study_frame import frame, study_or_404

# Preview links are the researchers' own, and rehearsal links belong to the simulated participants.
OFFERED = (Mode.REAL, Mode.PILOT)


@require_safe
@researcher
def links(request: HttpRequest, name: str) -> HttpResponseBase:
    """Every way into the study; as CSV, the invitations that nobody has spent yet."""
    study = study_or_404(request, name)
    rows = RecruitmentLink.objects.filter(study=study).select_related("study")
    if query := searched(request):
        rows = rows.filter(note__icontains=query)
    if wants_csv(request):
        unspent = rows.filter(single_use=True, spent_at=None).order_by("pk")
        return csv_response(
            f"{study.name}-invitations",
            ["url", "mode", "note", "created_at"],
            (
                [link_url(link), link.mode, link.note, link.created_at.isoformat()]
                for link in unspent.iterator()
            ),
        )
    shared = rows.filter(single_use=False).exclude(note=OWN_PREVIEW).order_by("pk")
    open_links = [(link, link_url(link)) for link in shared[:100]]
    page = page_of(request, rows.filter(single_use=True).order_by("-pk"))
    context = frame(request, study, "links") | {
        "open_links": open_links,
        "page": page,
        "invitations": [(link, link_url(link)) for link in page.rows],
        "unspent": rows.filter(single_use=True, spent_at=None).count(),
        "allow_open_link": protocol_of(study).recruitment.allow_open_link,
        "offered": [(mode.value, mode.label) for mode in OFFERED],
    }
    return render(request, "research/links.html", context)


@require_POST
@researcher
def add_link(request: HttpRequest, name: str) -> HttpResponse:
    """Make an open link."""
    study = study_or_404(request, name)
    try:
        add_open_link(
            study=study,
            actor=person(request).get_username(),
            mode=_mode(request),
            note=request.POST.get("note", "").strip()[:200],
        )
    except LinkRefused as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, "The link is made: copy it from the table.")
    return redirect("study-links", name=name)


@require_POST
@researcher
def add_invitations(request: HttpRequest, name: str) -> HttpResponse:
    """Make single-use invitations."""
    study = study_or_404(request, name)
    asked = request.POST.get("count", "").strip()
    if not asked.isdecimal():
        messages.warning(request, f"{asked!r} is not a number of invitations; give one from 1 on.")
        return redirect("study-links", name=name)
    try:
        made = invite(
            study=study,
            actor=person(request).get_username(),
            mode=_mode(request),
            count=int(asked),
            note=request.POST.get("note", "").strip()[:200],
        )
    except (LinkRefused, TooMany) as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(
            request, f"{len(made):,} invitations are made; the CSV lists all that are not spent."
        )
    return redirect("study-links", name=name)


@require_POST
@researcher
def preview(request: HttpRequest, name: str) -> HttpResponse:
    """Open the study exactly as participants see it, in preview mode: never counted."""
    link = own_preview(study=study_or_404(request, name))
    return redirect(reverse("participant:join", args=[link.token]))


def _mode(request: HttpRequest) -> str:
    asked = request.POST.get("mode", Mode.REAL)
    return asked if asked in OFFERED else Mode.REAL.value
