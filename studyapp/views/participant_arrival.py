"""The door of a study: information, consent, and a preview that stores nothing."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from studyapp.models import Mode, Question, RecruitmentLink, Sitting, Stimulus
from studyapp.recruitment.link import fresh_visit, panel_ids
from studyapp.services.participation.arrival import (
    ANONYMOUS,
    INVITATION,
    Visitor,
    consent,
    door_barrier,
    pseudonym_of,
    study_barrier,
)
from studyapp.services.participation.barriers import Barrier, Refused
from studyapp.services.plans import protocol_of
from studyapp.services.same_content.vision import asks_colour_vision
from studyapp.views.participant_frame import (
    UNKNOWN,
    SeeOther,
    notice_page,
    participant_page,
    screen_of,
    signed_visitor,
    sitting_url,
    visitor_of,
)
from studyapp.views.participant_notices import notice_for
from studyapp.views.question_pages import page_of, question_context


@csrf_exempt  # no cookie, so no token in one: the signed visitor of the form is what protects it
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Information and consent; the POST starts the sitting, or finds the unfinished one again."""
    link = RecruitmentLink.objects.select_related("study__dataset").filter(token=token).first()
    if link is None:
        return notice_page(request, UNKNOWN)
    if request.method == "POST" and link.mode != Mode.PREVIEW:
        return _consent(request, link)
    visitor = _visitor(request, link)
    refused = (
        door_barrier(link=link, visitor=visitor) if link.mode != Mode.PREVIEW else _preview_barrier(link)
    )
    if refused is not None:
        return notice_page(request, notice_for(refused), study=link.study)
    protocol = protocol_of(link.study)
    return participant_page(
        request,
        "consent.html",
        {
            "link": link,
            "plan": protocol.recruitment,
            "rules": protocol.participants,
            "visitor": signed_visitor(visitor),
            "returning": _is_returning(link, visitor),
            "vision": asks_colour_vision(link.study),
        },
        study=link.study,
    )


@require_safe
def preview(request: HttpRequest, token: str) -> HttpResponse:
    """The first question as participants will see it; nothing can be submitted and nothing is stored."""
    link = RecruitmentLink.objects.select_related("study__dataset").filter(token=token).first()
    if link is None or link.mode != Mode.PREVIEW:
        return notice_page(request, UNKNOWN)
    question = (
        Question.objects.filter(study=link.study, origin=Question.Origin.STUDY)
        .exclude(stimulus__review=Stimulus.Review.HELD_BACK)
        .select_related("stimulus", "label", "arm")
        .order_by("pk")
        .first()
    )
    refused = _preview_barrier(link) or (None if question else Refused(Barrier.NOT_OPEN))
    if refused is not None or question is None:
        return notice_page(request, notice_for(refused or Refused(Barrier.NOT_OPEN)), study=link.study)
    protocol = protocol_of(link.study)
    return participant_page(
        request,
        page_of(link.study).question,
        question_context(question=question, study=link.study, positive_first=True)
        | {
            "number": 1,
            "answered": 0,
            "planned": protocol.participants.questions_per_sitting,
            "preview": True,
        },
        study=link.study,
    )


def _consent(request: HttpRequest, link: RecruitmentLink) -> HttpResponse:
    visitor = visitor_of(request.POST.get("visitor", ""))
    if visitor is None:
        return notice_page(request, UNKNOWN, study=link.study)
    try:
        sitting = consent(link=link, visitor=visitor, screen=screen_of(request))
    except Refused as refused:
        return notice_page(request, notice_for(refused), study=link.study)
    return SeeOther(sitting_url(sitting))


def _visitor(request: HttpRequest, link: RecruitmentLink) -> Visitor:
    """Who is at the door: a panel's id in the address, the invitation, or somebody new."""
    ids = panel_ids(request.GET.dict())
    if ids is not None:
        return Visitor(ids.panel, ids.person, ids.sitting)
    if link.single_use:
        return Visitor(INVITATION, link.token)
    return Visitor(ANONYMOUS, fresh_visit())


def _is_returning(link: RecruitmentLink, visitor: Visitor) -> bool:
    if visitor.panel == ANONYMOUS:
        return False
    ended = (Sitting.State.FINISHED, Sitting.State.SCREENED_OUT, Sitting.State.WITHDRAWN)
    own = Sitting.objects.filter(
        study=link.study,
        mode=link.mode,
        participant__pseudonym=pseudonym_of(panel=visitor.panel, person=visitor.person),
    )
    return own.exclude(state__in=ended).exists()


def _preview_barrier(link: RecruitmentLink) -> Refused | None:
    barrier = study_barrier(study=link.study, mode=link.mode)
    return Refused(barrier) if barrier is not None else None
