"""Studies: the list, the page of one, who answered it, what was decided about it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from studyapp.models import AuditEntry, Mode, Stimulus, Study
from studyapp.services.plans import protocol_of
from studyapp.services.studies.arm_standings import arm_standings
from studyapp.services.studies.quality import ORDERS, gold_rate, median_seconds, participants_of, qualities
from studyapp.services.studies.watching import questions_by_role, standings, timeline
from studyapp.views.bars import timeline_chart
from studyapp.views.paging import csv_response, page_of, searched, wants_csv
from studyapp.views.protocol_facts import protocol_facts
from studyapp.views.researcher import researcher
from studyapp.views.study_frame import frame, studies_of, study_or_404

PEOPLE_SHOWN = 10
AUDIT_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ReviewCounts:
    """How many stimuli wait, are approved, are held back."""

    pending: int
    approved: int
    held_back: int

    @property
    def total(self) -> int:
        """All stimuli."""
        return self.pending + self.approved + self.held_back


@require_safe
@researcher
def studies(request: HttpRequest) -> HttpResponseBase:
    """Every study with its progress."""
    rows = studies_of(request).order_by("-created_at")
    if query := searched(request):
        rows = rows.filter(Q(name__icontains=query) | Q(title__icontains=query))
    state = request.GET.get("state", "")
    if state in Study.State.values:
        rows = rows.filter(state=state)
    if wants_csv(request):
        return csv_response(
            "studies",
            ["name", "title", "state", "dataset", "questions", "decided", "undecided", "answers", "wanted"],
            (
                [
                    *(each.study.name, each.study.title, each.study.state, each.study.dataset.name),
                    *(each.progress.questions, each.progress.decided, each.progress.undecided),
                    *(each.progress.answers, each.progress.wanted),
                ]
                for each in standings(rows, mode=Mode.REAL)
            ),
        )
    page = page_of(request, rows, size=25)
    context = {
        "nav": "studies",
        "page": page,
        "standings": standings(page.rows, mode=Mode.REAL),
        "state": state,
        "states": Study.State.choices,
    }
    return render(request, "research/studies.html", context)


@require_safe
@researcher
def study(request: HttpRequest, name: str) -> HttpResponse:
    """One study: where it stands, its plan, how people answer."""
    row = study_or_404(request, name)
    context = frame(request, row, "overview")
    mode = context["mode"]
    [standing] = standings([row], mode=mode)
    context |= {"standing": standing, "progress": standing.progress, "live": row.state == Study.State.OPEN}
    if request.headers.get("HX-Request"):
        return render(request, "research/_study_progress.html", context)
    protocol = protocol_of(row)
    people = participants_of(row, mode=mode)
    context |= {
        "protocol": protocol,
        "facts": protocol_facts(protocol),
        "roles": questions_by_role(row),
        "arms": arm_standings(row, mode=mode),
        "review": review_counts(row),
        "chart": timeline_chart(timeline(row, mode=mode)),
        "seconds": median_seconds(row, mode=mode),
        "gold": gold_rate(row, mode=mode),
        "people": qualities(row, mode=mode, rows=people[:PEOPLE_SHOWN]),
        "classifiers": row.study_classifiers.select_related("classifier", "run", "attack_run"),
        "amendments": row.amendments.select_related("made_by").order_by("-made_at"),
        "audit": row.audit_entries.order_by("-at", "-pk")[:AUDIT_SHOWN],
    }
    return render(request, "research/study.html", context)


@require_safe
@researcher
def protocol_file(request: HttpRequest, name: str) -> HttpResponse:
    """The protocol as it was given."""
    row = study_or_404(request, name)
    if not row.protocol_text:
        raise Http404
    response = HttpResponse(row.protocol_text, content_type="application/toml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{row.name}.toml"'
    return response


@require_safe
@researcher
def participants(request: HttpRequest, name: str) -> HttpResponseBase:
    """How every participant answered."""
    row = study_or_404(request, name)
    context = frame(request, row, "participants")
    order = request.GET.get("order", "answers")
    order = order if order in ORDERS else "answers"
    people = participants_of(row, mode=context["mode"], order=order, pseudonym=searched(request))
    if wants_csv(request):
        header = [
            *("participant", "answers", "surplus", "positive_share", "agreement_with_others"),
            *("gold_right", "gold_total", "median_active_seconds"),
        ]
        everybody = qualities(row, mode=context["mode"], rows=people)
        return csv_response(
            f"{row.name}-participants",
            header,
            (
                [
                    *(each.pseudonym, each.answers, each.surplus, each.positive, each.alike),
                    *(each.gold_right, each.gold_total, each.seconds),
                ]
                for each in everybody
            ),
        )
    page = page_of(request, people)
    context |= {
        "page": page,
        "order": order,
        "people": qualities(row, mode=context["mode"], rows=page.rows),
    }
    return render(request, "research/participants.html", context)


@require_safe
@researcher
def audit(request: HttpRequest, name: str) -> HttpResponseBase:
    """Who decided what about the study, newest first."""
    row = study_or_404(request, name)
    entries = AuditEntry.objects.filter(study=row).order_by("-at", "-pk")
    if query := searched(request):
        entries = entries.filter(
            Q(actor__icontains=query) | Q(verb__icontains=query) | Q(subject__icontains=query)
        )
    if wants_csv(request):
        return csv_response(
            f"{row.name}-audit",
            ["at", "actor", "verb", "subject", "detail"],
            (
                [each.at.isoformat(), each.actor, each.verb, each.subject, each.detail]
                for each in entries.iterator()
            ),
        )
    context = frame(request, row, "audit") | {
        "page": page_of(request, entries),
        "amendments": row.amendments.select_related("made_by").order_by("-made_at"),
    }
    return render(request, "research/audit.html", context)


def review_counts(study: Study) -> ReviewCounts:
    """How far the review of the study's stimuli is."""
    counts = dict(study.stimuli.order_by().values_list("review").annotate(Count("pk")))
    return ReviewCounts(
        pending=counts.get(Stimulus.Review.PENDING, 0),
        approved=counts.get(Stimulus.Review.APPROVED, 0),
        held_back=counts.get(Stimulus.Review.HELD_BACK, 0),
    )
