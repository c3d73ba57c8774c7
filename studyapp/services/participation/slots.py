"""Slots: how many answers a question still takes, counted apart for each mode (rule 1)."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from studyapp.analysis.verdicts import could_still_change
from studyapp.analysis.votes import AgreementRule, Votes
from studyapp.models import Presentation, Question, QuestionSlots, QuestionUse, Stimulus, Study
from studyapp.protocol.schema import AnswersRule
from studyapp.services.participation.looks import originals
from studyapp.services.plans import protocol_of

# Gold questions judge participants, so there is no number of answers at which they are complete.
GOLD_REQUIRED = 32_767
_ROWS_AT_ONCE = 2_000
_LEASES_AT_ONCE = 200


def ensure_slots(*, study: Study, mode: str) -> int:
    """Give every question of the study its slots for `mode`; returns how many rows were new.

    The random order among equally served questions is drawn here, once, and stored. Safe to repeat:
    rows that exist stay as they are.
    """
    required = protocol_of(study).answers.required
    only_gold = Exists(
        QuestionUse.objects.filter(question=OuterRef("pk"), role=QuestionUse.Role.GOLD)
    ) & ~Exists(QuestionUse.objects.filter(question=OuterRef("pk")).exclude(role=QuestionUse.Role.GOLD))
    questions = Question.objects.filter(study=study, origin=Question.Origin.STUDY).annotate(gold=only_gold)
    without = questions.exclude(Exists(QuestionSlots.objects.filter(question=OuterRef("pk"), mode=mode)))
    rng = np.random.default_rng()
    new, last = 0, 0
    while part := list(
        without.filter(pk__gt=last)
        .order_by("pk")
        .values_list("pk", "arm_id", "image_id", "image__source_id", "stimulus__review", "gold")[
            :_ROWS_AT_ONCE
        ]
    ):
        sources = originals({source for *_, source, _, _ in part if source is not None})
        shuffle = rng.integers(0, 2**31 - 1, size=len(part))
        QuestionSlots.objects.bulk_create(
            (
                QuestionSlots(
                    question_id=question,
                    study=study,
                    arm_id=arm,
                    image_id=image if source is None else sources[source],
                    mode=mode,
                    gold=gold,
                    required=GOLD_REQUIRED if gold else required,
                    open=review != Stimulus.Review.HELD_BACK,
                    shuffle=int(draw),
                )
                for (question, arm, image, source, review, gold), draw in zip(part, shuffle, strict=True)
            ),
            ignore_conflicts=True,
        )
        new += len(part)
        last = part[-1][0]
    return new


def slots_missing(*, study: Study, mode: str) -> bool:
    """Whether the study has questions but, for `mode`, no slots yet: they are made when first needed."""
    questions = Question.objects.filter(study=study, origin=Question.Origin.STUDY)
    return not QuestionSlots.objects.filter(study=study, mode=mode).exists() and questions.exists()


def take_slot(*, question_id: int, mode: str) -> bool:
    """Take one free slot of a question by a single conditional update; False when none is free."""
    free = QuestionSlots.objects.filter(
        question_id=question_id, mode=mode, open=True, taken__lt=F("required")
    )
    return free.update(taken=F("taken") + 1) == 1


def give_back_slot(*, question_id: int, mode: str) -> None:
    """Give back a slot that a lease or a withdrawn answer held."""
    QuestionSlots.objects.filter(question_id=question_id, mode=mode, taken__gt=0).update(taken=F("taken") - 1)


def ended_leases(*, now: datetime) -> QuerySet[Presentation]:
    """Presentations that hold a slot although their lease has ended unanswered."""
    return Presentation.objects.filter(holds_slot=True, answered=False, lease_until__lt=now)


def give_back_ended_leases(*, now: datetime) -> int:
    """Give back the slots of presentations whose lease has ended unanswered; returns how many.

    Leases are judged when somebody asks for a question, so no clock process is needed. Rows that
    somebody else is answering at this moment are skipped, never waited for.
    """
    ended = ended_leases(now=now)
    if not ended.exists():
        return 0
    with transaction.atomic():
        # In the order of the questions, so that two processes that meet here cannot wait in a circle.
        rows = list(
            ended.select_for_update(skip_locked=True, no_key=True, of=("self",))
            .order_by("question_id", "pk")
            .values_list("pk", "question_id", "mode")[:_LEASES_AT_ONCE]
        )
        Presentation.objects.filter(pk__in=[pk for pk, _, _ in rows]).update(holds_slot=False)
        for _, question_id, mode in rows:
            give_back_slot(question_id=question_id, mode=mode)
    return len(rows)


def count_answer(*, slots: QuestionSlots, positive: bool, rule: AnswersRule) -> None:
    """Count one answer whose slot is taken; `slots` is locked. Closes what is complete or decided."""
    slots.counted += 1
    slots.positive += positive
    slots.open = slots.open and still_wanted(slots, rule)
    slots.save(update_fields=["counted", "positive", "open"])


def uncount_answer(*, slots: QuestionSlots, positive: bool, rule: AnswersRule, held_back: bool) -> None:
    """Take one counted answer out of the counts, its slot stays taken; `slots` is locked."""
    slots.counted -= 1
    slots.positive -= positive
    slots.open = not held_back and still_wanted(slots, rule)
    slots.save(update_fields=["counted", "positive", "open"])


def still_wanted(slots: QuestionSlots, rule: AnswersRule) -> bool:
    """Whether the question takes further answers: incomplete and, if asked for, undecided (rule 3)."""
    if slots.counted >= slots.required:
        return False
    if slots.gold or not rule.stop_when_decided:
        return True
    votes = Votes(positive=np.array([slots.positive]), received=np.array([slots.counted]))
    agreement = AgreementRule(required=slots.required, agreement=rule.agreement, positive=rule.positive)
    return bool(could_still_change(votes, agreement)[0])
