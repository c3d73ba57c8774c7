"""The course of a sitting: instructions, practice, questions, comment, finished."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from studyapp.models import Answer, Presentation, Question, Sitting, Stimulus
from studyapp.services.participation.allocation import (
    answered_in,
    held_presentation,
    lock_participant,
    next_question,
    takes_answers,
)
from studyapp.services.participation.answers import AnswerRefused, release_unanswered, withdraw_answers
from studyapp.services.participation.arms import arms_open_to, work_remains, work_with_others
from studyapp.services.participation.choosing import NotOfferedError, accepted_value
from studyapp.services.participation.wording import shown_question, value_of
from studyapp.services.plans import protocol_of, setup_of

# Without letters and digits that read alike.
_CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_CODE_LENGTH = 8
_LONGEST_COMMENT = 5_000


@dataclass(frozen=True, slots=True)
class PracticeFeedback:
    """What somebody said to a practice question and what was expected."""

    question: Question
    value: str
    right: bool


def practice_questions(sitting: Sitting) -> list[Question]:
    """The practice questions of the sitting, in their fixed order; those of its arm where there are any."""
    wanted = protocol_of(sitting.study).participants.practice_questions
    if not wanted:
        return []
    every = (
        Question.objects.filter(study=sitting.study, origin=Question.Origin.PRACTICE)
        .exclude(expected="")
        .exclude(stimulus__review=Stimulus.Review.HELD_BACK)
        .select_related("stimulus", "label", "arm")
        .order_by("pk")
    )
    own = list(every.filter(arm=sitting.arm)[:wanted])
    return own or list(every[:wanted])


def begin(*, sitting: Sitting) -> None:
    """Leave the instructions: to the practice, or straight to the questions where there is none to do."""
    if practice_questions(sitting) and not _practised_before(sitting):
        _move(sitting, Sitting.State.INSTRUCTIONS, Sitting.State.PRACTICE)
    elif _move(sitting, Sitting.State.INSTRUCTIONS, Sitting.State.QUESTIONS):
        go_on(sitting=sitting)


def answer_practice(*, sitting: Sitting, number: int, value: str) -> None:
    """Record the answer to practice question `number` (from 0), as sent; a repeat changes nothing."""
    questions = practice_questions(sitting)
    if not 0 <= number < len(questions):
        raise AnswerRefused(f"practice question {number + 1} of {len(questions)} does not exist")
    question = questions[number]
    arm, first = question.arm.name, sitting.positive_first
    value = value_of(sent=value, study=sitting.study, arm=arm, positive_first=first)
    try:
        value = accepted_value(setup_of(protocol_of(sitting.study), arm), value)
    except NotOfferedError as problem:
        raise AnswerRefused(str(problem)) from problem
    with transaction.atomic():
        right = value == question.expected
        due = Sitting.objects.filter(pk=sitting.pk, state=Sitting.State.PRACTICE, practice_done=number)
        fresh = Sitting.objects.select_for_update(no_key=True).get(pk=sitting.pk)
        if not due.update(practice_done=number + 1, practice_right=fresh.practice_right + right):
            return
        words = shown_question(question=question, study=sitting.study, positive_first=first)
        Answer.objects.create(
            question=question,
            participant_id=sitting.participant_id,
            mode=sitting.mode,
            value=value,
            wording=words.sentence[:300],
            positive_first=sitting.positive_first,
            status=Answer.Status.PRACTICE,
            answered_at=timezone.now(),
            order=number,
        )


def practice_feedback(*, sitting: Sitting, number: int) -> PracticeFeedback | None:
    """What was answered to practice question `number`; None while it is not answered."""
    questions = practice_questions(sitting)
    if not 0 <= number < min(sitting.practice_done, len(questions)):
        return None
    question = questions[number]
    answer = (
        Answer.objects.filter(
            question=question, participant_id=sitting.participant_id, status=Answer.Status.PRACTICE
        )
        .order_by("-pk")
        .first()
    )
    if answer is None:
        return None
    return PracticeFeedback(question, answer.value, answer.value == question.expected)


def leave_practice(*, sitting: Sitting) -> None:
    """Go on to the questions after the last practice question, or be screened out by the pass mark."""
    asked = len(practice_questions(sitting))
    if sitting.state != Sitting.State.PRACTICE or sitting.practice_done < asked:
        return
    # Where so many practice pictures are held back that nobody could pass, all that are left must be right.
    if sitting.practice_right < min(protocol_of(sitting.study).participants.practice_pass, asked):
        with transaction.atomic():
            if _move(sitting, Sitting.State.PRACTICE, Sitting.State.SCREENED_OUT):
                _end(sitting)
        return
    if _move(sitting, Sitting.State.PRACTICE, Sitting.State.QUESTIONS):
        go_on(sitting=sitting)


def go_on(*, sitting: Sitting, expected: str = "") -> Presentation | None:
    """Allocate the next question, or move on to the comment when there is nothing left to ask.

    None while the sitting waits: the study is paused, or other people hold every question left.
    """
    presentation = next_question(sitting=sitting, expected=expected)
    if presentation is not None:
        return presentation
    with transaction.atomic():
        lock_participant(sitting.participant_id)
        # The study may have been paused, and an answer undone in another tab, since the request began.
        sitting.refresh_from_db(fields=["state", "study"])
        if sitting.state != Sitting.State.QUESTIONS:
            return None
        undone = held_presentation(sitting=sitting, now=timezone.now())
        if undone is not None:
            return undone
        complete = answered_in(sitting) >= sitting.questions_planned
        if complete or not (may_wait(sitting=sitting) or _came_back(sitting)):
            _to_comment(sitting)
    return None


def may_wait(*, sitting: Sitting) -> bool:
    """Whether more questions may come later: the study is paused, or others hold what is left."""
    if not takes_answers(sitting.study, sitting.mode):
        return sitting.study.state == sitting.study.State.PAUSED
    return work_with_others(
        study=sitting.study,
        mode=sitting.mode,
        arm_ids=arms_open_to(sitting),
        participant_id=sitting.participant_id,
    )


def _came_back(sitting: Sitting) -> bool:
    """Whether a question that was with somebody else a moment ago is free now."""
    return takes_answers(sitting.study, sitting.mode) and work_remains(
        study=sitting.study,
        mode=sitting.mode,
        arm_ids=arms_open_to(sitting),
        participant_id=sitting.participant_id,
    )


def stop_here(*, sitting: Sitting) -> None:
    """End the questions early because the participant does not want to wait."""
    with transaction.atomic():
        lock_participant(sitting.participant_id)
        release_unanswered(sitting=sitting)
        _to_comment(sitting)


def finish(*, sitting: Sitting, comment: str) -> None:
    """Finish with an optional comment; the completion code is drawn once."""
    with transaction.atomic():
        lock_participant(sitting.participant_id)
        if _move(sitting, Sitting.State.COMMENT, Sitting.State.FINISHED):
            sitting.comment = comment.strip()[:_LONGEST_COMMENT]
            sitting.save(update_fields=["comment"])
            _end(sitting)


def withdraw(*, sitting: Sitting) -> int:
    """Withdraw the sitting: its answers no longer count, their slots are free again; returns how many."""
    with transaction.atomic():
        lock_participant(sitting.participant_id)
        withdrawn = withdraw_answers(sitting=sitting)
        Sitting.objects.filter(pk=sitting.pk).update(
            state=Sitting.State.WITHDRAWN, finished_at=timezone.now(), comment="", colour_vision=""
        )
    sitting.refresh_from_db()
    return withdrawn


def _to_comment(sitting: Sitting) -> None:
    _move(sitting, Sitting.State.QUESTIONS, Sitting.State.COMMENT)
    if not protocol_of(sitting.study).recruitment.ask_comment:
        finish(sitting=sitting, comment="")


def _end(sitting: Sitting) -> None:
    """Draw the completion code and give back what the sitting still holds."""
    release_unanswered(sitting=sitting)
    sitting.finished_at = timezone.now()
    sitting.completion_code = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
    sitting.save(update_fields=["finished_at", "completion_code"])


def _move(sitting: Sitting, old: str, new: str) -> bool:
    """Change the state by one conditional update; False when the sitting was elsewhere already."""
    moved = Sitting.objects.filter(pk=sitting.pk, state=old).update(state=new) == 1
    sitting.refresh_from_db(fields=["state"])
    return moved


def _practised_before(sitting: Sitting) -> bool:
    """Whether the person did the practice of this study in an earlier sitting."""
    earlier = Sitting.objects.filter(
        participant_id=sitting.participant_id, study_id=sitting.study_id, mode=sitting.mode
    ).exclude(pk=sitting.pk)
    return earlier.filter(practice_done__gt=0, state=Sitting.State.FINISHED).exists()
