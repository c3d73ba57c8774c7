"""A sitting's pages: one address shows the step that comes now, POSTs move on (rule 9)."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from studyapp.models import Presentation, Question, Sitting
from studyapp.protocol.schema import ForcedChoiceQuestions
from studyapp.services.participation.allocation import (
    answered_in,
    expected_next,
    held_presentation,
    takes_answers,
)
from studyapp.services.participation.answers import (
    AnswerRefused,
    last_answer_key,
    mark_served,
    record_answer,
    undo_answer,
)
from studyapp.services.participation.choosing import BETWEEN
from studyapp.services.participation.exposures import Shown
from studyapp.services.participation.sittings import (
    answer_practice,
    begin,
    finish,
    go_on,
    leave_practice,
    may_wait,
    practice_feedback,
    practice_questions,
    stop_here,
    withdraw,
)
from studyapp.services.participation.wording import SIDES, ShownQuestion, example_wording, value_of
from studyapp.services.plans import protocol_of
from studyapp.services.same_content.revealing import Told, reveals, told_after
from studyapp.services.same_content.vision import ask_now, tell_colour_vision
from studyapp.views.participant_frame import (
    SeeOther,
    for_posts,
    for_sitting,
    notice_page,
    number_in,
    participant_page,
    sitting_token,
    sitting_url,
    text_in,
)
from studyapp.views.participant_notices import NOT_UNDERSTOOD, WITHDRAWN
from studyapp.views.question_pages import ahead, page_of, question_context, shows_criticisms

# The presentation whose answer is stored and of which the page now tells, in the address.
_TOLD = "told"


@dataclass(frozen=True, slots=True)
class Undoable:
    """The answer that undo would take back: its presentation."""

    presentation_key: str


@require_safe
@for_sitting
def sitting(request: HttpRequest, found: Sitting) -> HttpResponse:
    """The step that comes now. Reading it changes nothing."""
    state = Sitting.State
    told = told_after(sitting=found, presentation_key=request.GET.get(_TOLD, ""))
    if told is not None:
        return _told(request, found, told)
    if found.state == state.INSTRUCTIONS:
        return _instructions(request, found)
    if found.state == state.PRACTICE:
        return _practice(request, found)
    if found.state == state.QUESTIONS:
        return _question(request, found)
    if found.state == state.COMMENT:
        context = {"token": sitting_token(found), "undoable": _undoable(found)}
        return participant_page(request, "comment.html", context, study=found.study)
    if found.state == state.WITHDRAWN:
        return notice_page(request, WITHDRAWN, study=found.study)
    return _done(request, found)


@for_posts
def begin_questions(request: HttpRequest, found: Sitting) -> HttpResponse:
    """The instructions are read; where colour vision is asked about, perhaps something is said of it."""
    tell_colour_vision(sitting=found, value=text_in(request, "colour_vision"))
    begin(sitting=found)
    return SeeOther(sitting_url(found))


@require_http_methods(["GET", "HEAD", "POST"])
@for_sitting
def practice_step(request: HttpRequest, found: Sitting, number: int) -> HttpResponse:
    """GET: what was expected at practice question `number` (from 1). POST: the answer to it."""
    if request.method == "POST":
        try:
            value = BETWEEN.join(request.POST.getlist("value"))
            answer_practice(sitting=found, number=number - 1, value=value)
        except AnswerRefused:
            return notice_page(request, NOT_UNDERSTOOD, study=found.study)
        return SeeOther(f"{sitting_url(found)}practice/{number}/")
    feedback = practice_feedback(sitting=found, number=number - 1)
    if feedback is None or found.state != Sitting.State.PRACTICE:
        return SeeOther(sitting_url(found))
    context = _question_context(found, feedback.question)
    shown = context["shown"]
    assert isinstance(shown, ShownQuestion)
    texts = {choice.value: choice.text for choice in shown.choices}
    return participant_page(
        request,
        page_of(found.study).feedback,
        context
        | {
            "feedback": feedback,
            "given": texts.get(feedback.value, feedback.value),
            "expected": texts.get(feedback.question.expected, feedback.question.expected),
            "explanation": feedback.question.parameters.get("feedback", ""),
            "last": number >= len(practice_questions(found)),
        },
        study=found.study,
    )


@for_posts
def end_practice(request: HttpRequest, found: Sitting) -> HttpResponse:
    """The practice is over: on to the questions, or out."""
    leave_practice(sitting=found)
    return SeeOther(sitting_url(found))


@for_posts
def served(request: HttpRequest, found: Sitting) -> HttpResponse:
    """The page says that its picture is on the screen."""
    presentation = _presentation(request, found)
    if presentation is not None:
        mark_served(presentation=presentation, now=timezone.now())
    return HttpResponse(status=204)


@for_posts
def answer(request: HttpRequest, found: Sitting) -> HttpResponse:
    """Record the answer, then allocate the next question: two transactions, so that no answer is lost."""
    presentation = _presentation(request, found)
    attempt = number_in(request, "attempt")
    if presentation is None:
        return notice_page(request, NOT_UNDERSTOOD, study=found.study)
    try:
        record_answer(
            presentation=presentation,
            value=_value(request, found, presentation),
            active_seconds=number_in(request, "active_seconds"),
            idle_seconds=number_in(request, "idle_seconds"),
            attempt=None if attempt is None else int(attempt),
            exposure=_exposure(request, found),
        )
    except AnswerRefused:
        return notice_page(request, NOT_UNDERSTOOD, study=found.study)
    go_on(sitting=found, expected=text_in(request, "expected"))
    told = f"?{_TOLD}={presentation.key}" if reveals(found.study) else ""
    return SeeOther(f"{sitting_url(found)}{told}")


@for_posts
def undo(request: HttpRequest, found: Sitting) -> HttpResponse:
    """Take back the last answer; its question is shown again."""
    presentation = _presentation(request, found)
    if presentation is not None:
        undo_answer(presentation=presentation)
    return SeeOther(sitting_url(found))


@for_posts
def carry_on(request: HttpRequest, found: Sitting) -> HttpResponse:
    """Come back after a lease has ended, or look again whether there is a question."""
    go_on(sitting=found)
    return SeeOther(sitting_url(found))


@for_posts
def stop(request: HttpRequest, found: Sitting) -> HttpResponse:
    """Finish with what is answered so far."""
    stop_here(sitting=found)
    return SeeOther(sitting_url(found))


@for_posts
def finish_sitting(request: HttpRequest, found: Sitting) -> HttpResponse:
    """The comment, or none; then the completion code."""
    finish(sitting=found, comment=text_in(request, "comment"))
    return SeeOther(sitting_url(found))


@require_http_methods(["GET", "HEAD", "POST"])
@for_sitting
def withdraw_sitting(request: HttpRequest, found: Sitting) -> HttpResponse:
    """GET asks once more; POST withdraws every answer of the sitting."""
    if request.method == "POST":
        withdraw(sitting=found)
        return SeeOther(sitting_url(found))
    context = {"token": sitting_token(found), "answered": answered_in(found)}
    return participant_page(request, "withdraw.html", context, study=found.study)


def _instructions(request: HttpRequest, found: Sitting) -> HttpResponse:
    protocol = protocol_of(found.study)
    arm = found.arm.name if found.arm else protocol.arm_setups()[0].name
    before, _, after = example_wording(found.study, arm).partition("{label}")
    context = {
        "token": sitting_token(found),
        "instructions": protocol.questions.instructions,
        "planned": found.questions_planned,
        "plan": protocol.recruitment,
        "before": before,
        "after": after,
        "page": page_of(found.study),
        "shown_criticisms": shows_criticisms(found),
        "questions": protocol.questions,
        "practice": len(practice_questions(found)),
        "vision": Sitting.ColourVision.choices if ask_now(found) else (),
        "final": reveals(found.study),
    }
    return participant_page(request, "instructions.html", context, study=found.study)


def _practice(request: HttpRequest, found: Sitting) -> HttpResponse:
    questions = practice_questions(found)
    if found.practice_done >= len(questions):
        context = {"token": sitting_token(found), "right": found.practice_right, "total": len(questions)}
        return participant_page(request, "practised.html", context, study=found.study)
    number = found.practice_done + 1
    context = _question_context(found, questions[number - 1])
    context |= {"practice": True, "number": number, "answered": number - 1, "planned": len(questions)}
    return participant_page(request, page_of(found.study).question, context, study=found.study)


def _question(request: HttpRequest, found: Sitting) -> HttpResponse:
    presentation = held_presentation(sitting=found, now=timezone.now())
    answered = answered_in(found)
    undoable = _undoable(found) if answered else None
    if presentation is None:
        waits = answered < found.questions_planned and may_wait(sitting=found)
        context = {
            "token": sitting_token(found),
            "waits": waits,
            "paused": not takes_answers(found.study, found.mode),
            "answered": answered,
            "undoable": undoable,
        }
        return participant_page(request, "carry_on.html", context, study=found.study)
    context = _question_context(found, presentation.question)
    expected = expected_next(sitting=found) if answered + 1 < found.questions_planned else None
    context |= {
        "presentation": presentation,
        "attempt": presentation.answers.count(),
        "number": answered + 1,
        "answered": answered,
        "planned": found.questions_planned,
        "undoable": undoable,
        "expected": expected,
        "ahead": ahead(expected, found.study),
    }
    return participant_page(request, page_of(found.study).question, context, study=found.study)


def _question_context(found: Sitting, question: Question) -> dict[str, object]:
    first = found.positive_first
    return question_context(question=question, study=found.study, positive_first=first) | {
        "token": sitting_token(found),
        "mode": found.mode,
    }


def _done(request: HttpRequest, found: Sitting) -> HttpResponse:
    url = protocol_of(found.study).recruitment.completion_url
    context = {
        "sitting": found,
        "answered": answered_in(found),
        "screened_out": found.state == Sitting.State.SCREENED_OUT,
        "return_url": url.replace("{code}", found.completion_code) if url else "",
    }
    return participant_page(request, "done.html", context, study=found.study)


def _presentation(request: HttpRequest, found: Sitting) -> Presentation | None:
    """The presentation that the form names, if it belongs to this participant."""
    key = text_in(request, "presentation")
    own = Presentation.objects.filter(key=key, participant_id=found.participant_id)
    here = own.filter(sitting__study_id=found.study_id).order_by()
    return here.only("key", "participant").first()


def _exposure(request: HttpRequest, found: Sitting) -> Shown | None:
    """For how long the picture was shown, where the study limits it."""
    questions = protocol_of(found.study).questions
    if not isinstance(questions, ForcedChoiceQuestions) or not questions.limited:
        return None
    return Shown(
        milliseconds=number_in(request, "shown_ms"),
        frames=number_in(request, "frames"),
        refresh_ms=number_in(request, "refresh_ms"),
        hidden=text_in(request, "hidden") == "1",
        again=text_in(request, "again") == "1",
    )


def _value(request: HttpRequest, found: Sitting, shown: Presentation) -> str:
    """The answer of the form, with the sides as the page of this sitting had them; several are joined."""
    sent = BETWEEN.join(request.POST.getlist("value"))
    if sent not in SIDES:
        return sent
    arm = shown.question.arm.name
    return value_of(sent=sent, study=found.study, arm=arm, positive_first=found.positive_first)


def _told(request: HttpRequest, found: Sitting, told: Told) -> HttpResponse:
    """What the classifiers say of the question that was answered last."""
    context = _question_context(found, told.presentation.question) | {"told": told}
    return participant_page(request, "same_content_told.html", context, study=found.study)


def _undoable(found: Sitting) -> Undoable | None:
    if reveals(found.study):
        return None
    key = last_answer_key(found)
    return Undoable(key) if key else None
