"""Recording what a participant chose: kept always, counted exactly N times (rule 1)."""

from __future__ import annotations

import math
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from studyapp.models import Answer, Presentation, QuestionSlots, Sitting, Stimulus, Study
from studyapp.protocol.schema import AnswersRule
from studyapp.services.participation.allocation import lease_of, lock_participant
from studyapp.services.participation.choosing import NotOfferedError, accepted_value
from studyapp.services.participation.exposures import Shown, keep_exposure
from studyapp.services.participation.slots import count_answer, give_back_slot, take_slot, uncount_answer
from studyapp.services.participation.wording import shown_question
from studyapp.services.plans import READ_WITH_PRESENTATION, READ_WITH_SITTING, protocol_of, setup_of
from studyapp.services.same_content.revealing import reveals

_LONGEST_SECONDS = 7 * 24 * 3600.0


class AnswerRefused(Exception):
    """An answer that cannot be recorded: a value that is not offered, or a sitting that was withdrawn."""


def record_answer(
    *,
    presentation: Presentation,
    value: str,
    active_seconds: float | None,
    idle_seconds: float | None,
    attempt: int | None = None,
    exposure: Shown | None = None,
) -> Answer:
    """Record one answer to one presentation, once; a repeat returns the answer that stands.

    `attempt` is how many answers the presentation had when its page was made: a retry that arrives
    after an undo belongs to the answer that was undone. Answers are kept always. One counts if its
    slot is still held or another is free; else it is surplus. Seconds are as measured in the page,
    None where it could not measure;
    `exposure` is for how long a picture was shown that is shown for a limited time. Raises AnswerRefused.
    """
    now = timezone.now()
    with transaction.atomic():
        shown = _locked(presentation)
        sitting, study = shown.sitting, shown.sitting.study
        setup = setup_of(protocol_of(study), shown.question.arm.name)
        try:
            value = accepted_value(setup, value)
        except NotOfferedError as problem:
            raise AnswerRefused(str(problem)) from problem
        if sitting.state == Sitting.State.WITHDRAWN:
            raise AnswerRefused("this sitting was withdrawn; it takes no answers")
        earlier = list(shown.answers.order_by("pk"))
        if earlier and attempt is not None and attempt < len(earlier):
            return earlier[max(attempt, 0)]
        if shown.answered:
            return earlier[-1]

        slots = _locked_slots(shown)
        counts = _holds_or_takes(shown, study)
        positive = value in setup.positive
        if counts:
            count_answer(slots=slots, positive=positive, rule=_rule(study, setup.positive))
        words = shown_question(question=shown.question, study=study, positive_first=sitting.positive_first)
        answer = Answer.objects.create(
            question=shown.question,
            participant_id=shown.participant_id,
            presentation=shown,
            mode=shown.mode,
            value=value,
            wording=words.sentence[:300],
            positive_first=sitting.positive_first,
            status=Answer.Status.COUNTED if counts else Answer.Status.SURPLUS,
            answered_at=now,
            order=slots.counted,
            active_seconds=_measured(active_seconds),
            idle_seconds=_measured(idle_seconds),
            server_seconds=(now - shown.served_at).total_seconds() if shown.served_at else None,
        )
        if exposure is not None:
            keep_exposure(answer=answer, shown=exposure)
        shown.answered, shown.holds_slot = True, counts
        shown.save(update_fields=["answered", "holds_slot"])
        return answer


def undo_answer(*, presentation: Presentation) -> bool:
    """Supersede the last answer of a sitting that is not finished; its slot stays held for a new lease.

    False when there is nothing to undo: another answer came after it, it is undone already, the sitting
    or the study has ended, or the person was told what the classifiers say.
    """
    now = timezone.now()
    with transaction.atomic():
        shown = _locked(presentation)
        sitting, study = shown.sitting, shown.sitting.study
        unfinished = sitting.state in (Sitting.State.QUESTIONS, Sitting.State.COMMENT)
        if not unfinished or study.state == Study.State.CLOSED or reveals(study):
            return False
        standing = _standing(shown)
        if standing is None or last_answer_key(sitting) != shown.key:
            return False
        _take_out(standing, shown, Answer.Status.SUPERSEDED)
        shown.answered = False
        shown.lease_until = now + lease_of(protocol_of(study))
        shown.save(update_fields=["answered", "lease_until"])
        if sitting.state == Sitting.State.COMMENT:
            Sitting.objects.filter(pk=sitting.pk).update(state=Sitting.State.QUESTIONS)
        return True


def withdraw_answers(*, sitting: Sitting) -> int:
    """Mark every standing answer of a sitting as withdrawn and free its slots; returns how many."""
    with transaction.atomic():
        lock_participant(sitting.participant_id)
        held = sitting.presentations.select_for_update(no_key=True, of=("self",)).select_related(
            "sitting__study", "question__arm", "question__stimulus"
        )
        withdrawn = 0
        # In the order of the questions, as every holder of several slots.
        for shown in held.order_by("question_id"):
            standing = _standing(shown)
            if standing is not None:
                _take_out(standing, shown, Answer.Status.WITHDRAWN)
                withdrawn += 1
            if shown.holds_slot:
                give_back_slot(question_id=shown.question_id, mode=shown.mode)
                shown.holds_slot = False
                shown.save(update_fields=["holds_slot"])
        return withdrawn


def release_unanswered(*, sitting: Sitting) -> None:
    """Give back the slots of questions that an ending sitting leaves unanswered."""
    with transaction.atomic():
        left = sitting.presentations.select_for_update(no_key=True, of=("self",)).filter(
            answered=False, holds_slot=True
        )
        for shown in left.order_by("question_id"):
            give_back_slot(question_id=shown.question_id, mode=shown.mode)
            shown.holds_slot = False
            shown.save(update_fields=["holds_slot"])


def last_answer_key(sitting: Sitting) -> str | None:
    """Key of the presentation whose answer is the newest of the sitting that stands."""
    standing = Answer.objects.filter(
        presentation__sitting=sitting, status__in=(Answer.Status.COUNTED, Answer.Status.SURPLUS)
    )
    return standing.order_by("-pk").values_list("presentation__key", flat=True).first()


def mark_served(*, presentation: Presentation, now: datetime) -> None:
    """The page says that it shows the picture: the first time is kept."""
    Presentation.objects.filter(pk=presentation.pk, served_at=None).update(served_at=now)


def _locked(presentation: Presentation) -> Presentation:
    """The presentation as it is now, locked after its participant: everybody locks in this order."""
    lock_participant(presentation.participant_id)
    return (
        Presentation.objects.select_for_update(no_key=True, of=("self",))
        .select_related("sitting__study", "question__arm", "question__label", "question__stimulus")
        .only(*READ_WITH_PRESENTATION, *(f"sitting__{name}" for name in READ_WITH_SITTING))
        .get(pk=presentation.pk)
    )


def _locked_slots(shown: Presentation) -> QuestionSlots:
    return QuestionSlots.objects.select_for_update(no_key=True).get(
        question_id=shown.question_id, mode=shown.mode
    )


def _holds_or_takes(shown: Presentation, study: Study) -> bool:
    """Whether the answer counts: the slot is still held, or the lease has ended and one is free."""
    if study.state == Study.State.CLOSED:
        if shown.holds_slot:
            give_back_slot(question_id=shown.question_id, mode=shown.mode)
        return False
    if shown.holds_slot:
        return True
    return not _has_answered_all(shown) and take_slot(question_id=shown.question_id, mode=shown.mode)


def _has_answered_all(shown: Presentation) -> bool:
    """Whether the person has answered as many other questions of the study as one person may."""
    most = protocol_of(shown.sitting.study).participants.max_questions
    if most is None:
        return False
    answered = Presentation.objects.filter(
        participant_id=shown.participant_id,
        sitting__study_id=shown.sitting.study_id,
        mode=shown.mode,
        answered=True,
    )
    return answered.count() >= most


def _take_out(answer: Answer, shown: Presentation, status: str) -> None:
    """Mark a standing answer and take it out of the counts; a slot it holds stays taken."""
    study = shown.sitting.study
    setup = setup_of(protocol_of(study), shown.question.arm.name)
    if answer.status == Answer.Status.COUNTED:
        uncount_answer(
            slots=_locked_slots(shown),
            positive=answer.value in setup.positive,
            rule=_rule(study, setup.positive),
            held_back=shown.question.stimulus.review == Stimulus.Review.HELD_BACK,
        )
    answer.status = status
    answer.save(update_fields=["status"])


def _standing(shown: Presentation) -> Answer | None:
    return shown.answers.filter(status__in=(Answer.Status.COUNTED, Answer.Status.SURPLUS)).first()


def _rule(study: Study, positive: tuple[str, ...]) -> AnswersRule:
    """The study's rule with the positive values of the arm."""
    rule = protocol_of(study).answers
    return AnswersRule(
        required=rule.required,
        agreement=rule.agreement,
        values=rule.values,
        positive=positive,
        stop_when_decided=rule.stop_when_decided,
    )


def _measured(seconds: float | None) -> float | None:
    """A time from a page, which may send anything: None unless it is a possible one."""
    if seconds is None or not math.isfinite(seconds) or not 0 <= seconds <= _LONGEST_SECONDS:
        return None
    return seconds
