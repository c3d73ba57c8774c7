"""Review of stimuli before participants see them: approve, or hold back with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.db.models import Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from studyapp.models import Category, Question, Stimulus
from studyapp.services.adversarial.words import picture_words
from studyapp.services.criticism.boards import GROUP_PICTURE, SIBLING
from studyapp.services.refusals import Refused
from studyapp.services.studies.life import approve_pending, review_stimulus, shown_stimuli
from studyapp.views.paging import page_of, searched
from studyapp.views.research_studies import review_counts
from studyapp.views.researcher import person, researcher
from studyapp.views.study_frame import frame, study_or_404

SHOTS = 48
# Of a picture that is never asked about by itself.
GROUPED = "shown in groups"


@dataclass(frozen=True, slots=True)
class Shot:
    """A stimulus with what is asked about it, and what the dataset says (for reviewers alone).

    `shown`: what it is of an attacked image; empty where it is the image's own picture. `arms`: those that
    show it, where the study has several.
    """

    stimulus: Stimulus
    true: str
    asked: tuple[str, ...]
    shown: str = ""
    arms: tuple[str, ...] = ()


@require_safe
@researcher
def stimuli(request: HttpRequest, name: str) -> HttpResponse:
    """The grid, the undecided first."""
    study = study_or_404(request, name)
    state = request.GET.get("review", "")
    rows = shown_stimuli(study).select_related("image__category").order_by("pk")
    if state in Stimulus.Review.values:
        rows = rows.filter(review=state)
    arms = list(study.arms.order_by("position").values_list("name", flat=True))
    arm = request.GET.get("arm", "")
    if arm in arms:
        rows = rows.filter(questions__arm__name=arm).distinct()
    if query := searched(request):
        rows = rows.filter(Q(image__name__icontains=query) | Q(image__category__name__icontains=query))
    asked = Question.objects.filter(study=study).exclude(origin=Question.Origin.IMPORTED)
    rows = rows.prefetch_related(
        Prefetch("questions", queryset=asked.select_related("label", "arm").order_by("pk"))
    )
    page = page_of(request, rows, size=SHOTS)
    context = frame(request, study, "stimuli") | {
        "page": page,
        "shots": _shots(page.rows),
        "review": review_counts(study),
        "state": state,
        "states": Stimulus.Review.choices,
        "arm": arm,
        "arms": arms if len(arms) > 1 else [],
        "here": request.get_full_path(),
    }
    return render(request, "research/stimuli.html", context)


@require_POST
@researcher
def review(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """Decide about one stimulus."""
    study = study_or_404(request, name)
    stimulus = get_object_or_404(shown_stimuli(study).select_related("study"), key=key)
    decision = request.POST.get("decision", "")
    if decision not in ("approve", "hold_back"):
        messages.warning(request, "A decision is approve or hold back.")
        return redirect(_back(request, name))
    try:
        stimulus = review_stimulus(
            stimulus=stimulus,
            actor=person(request).get_username(),
            approve=decision == "approve",
            reason=request.POST.get("reason", "")[:300],
        )
    except Refused as refusal:
        if request.headers.get("HX-Request"):
            return HttpResponse(str(refusal), status=422, content_type="text/plain; charset=utf-8")
        messages.warning(request, str(refusal))
        return redirect(_back(request, name))
    if request.headers.get("HX-Request"):
        found = Stimulus.objects.select_related("image__category").prefetch_related(
            "questions__label", "questions__arm"
        )
        [shot] = _shots([found.get(pk=stimulus.pk)])
        context = {"shot": shot, "study": study, "focus": True, "review": review_counts(study)}
        context["arms"] = study.arms.count() > 1
        return render(request, "research/_shot.html", context)
    return redirect(_back(request, name))


@require_POST
@researcher
def approve_rest(request: HttpRequest, name: str) -> HttpResponse:
    """Approve everything that nobody has decided about."""
    study = study_or_404(request, name)
    many = approve_pending(study=study, actor=person(request).get_username())
    messages.success(request, f"{many:,} stimuli are approved." if many else "No stimulus was waiting.")
    return redirect("study-stimuli", name=name)


def _shots(rows: Sequence[Stimulus]) -> list[Shot]:
    """What to show of each; the names of listed classes come in one query."""
    listed = {pk for row in rows for question in row.questions.all() for pk in question.labels}
    names = dict(Category.objects.filter(pk__in=listed).values_list("pk", "name")) if listed else {}
    return [
        Shot(
            stimulus=row,
            true=row.image.category.name,
            asked=tuple(dict.fromkeys(_words(question, names) for question in row.questions.all()))
            or _only_beside(row),
            shown=picture_words(row.parameters),
            arms=tuple(dict.fromkeys(question.arm.name for question in row.questions.all())),
        )
        for row in rows
    ]


def _only_beside(row: Stimulus) -> tuple[str, ...]:
    if row.variant.startswith(SIBLING):
        return ("to the right of other changes",)
    return (GROUPED,) if row.variant == GROUP_PICTURE else ()


def _words(question: Question, names: dict[int, str]) -> str:
    if question.label:
        return question.label.name
    if "trial" in question.parameters:
        return f"target of {question.parameters['trial'].replace(':', ' ')}"
    if "siblings" in question.parameters:
        return "something different than its siblings?"
    return " / ".join(names.get(pk, "?") for pk in question.labels)


def _back(request: HttpRequest, name: str) -> str:
    """The page of the grid that the decision was taken on."""
    asked = request.POST.get("back", "")
    inside = url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()})
    return asked if inside and asked.startswith("/") else reverse("study-stimuli", args=[name])
