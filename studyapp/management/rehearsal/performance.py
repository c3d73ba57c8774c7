"""The rehearsal itself: a link, a crowd that comes by it, leases that end, latecomers."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from django.db.models import F, Sum
from django.urls import reverse
from django.utils import timezone

from studyapp.management.rehearsal.browser import Browser, ServerTrouble
from studyapp.management.rehearsal.checks import RealRows, real_rows, unfilled
from studyapp.management.rehearsal.crowd import THREADS, Crowd, progress_bar
from studyapp.management.rehearsal.diary import Diary
from studyapp.management.rehearsal.truth import Truth
from studyapp.models import Mode, Presentation, QuestionSlots, RecruitmentLink, Stimulus, Study
from studyapp.recruitment.link import create_link
from studyapp.services.participation.arms import keeps_apart
from studyapp.services.plans import protocol_of
from studyapp.services.refusals import Refused

NOTE = "simulated participants"
_ROUNDS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """What was done: the link, everybody's diary, the pictures that arrived, what was real before.

    `answers` that the server took, undone ones included, in `seconds`.
    """

    server: str
    plan: Truth
    link: RecruitmentLink
    diaries: tuple[Diary, ...]
    pictures: Mapping[str, int]
    before: RealRows
    answers: int
    seconds: float


def perform(
    *,
    study: Study,
    plan: Truth,
    server: str,
    participants: int | None,
    rng: np.random.Generator,
    progress: bool,
) -> Performance:
    """Let people come until every question is filled, or `participants` of them; raises Refused.

    Some leave in the middle of a question. Half of them answer it after the lease has ended and before
    anybody else was given it, the others when it has been filled; later rounds bring only steady people.
    """
    started = time.monotonic()
    _end_leases(study)
    before = real_rows(study)
    link = create_link(study=study, mode=Mode.REHEARSAL, note=NOTE)
    join = reverse("participant:join", args=[link.token])
    _expect_server(server, join)
    crowd = Crowd(server=server, join=join, plan=plan, rng=rng, come_again=keeps_apart(protocol_of(study)))
    with progress_bar(total=answers_wanted(study), shown=progress) as bar:
        for number in range(_ROUNDS):
            wanted = _people_needed(study) if unfilled(study) else 0
            coming = wanted if participants is None else min(wanted, participants - crowd.arrived)
            if coming < 1:
                break
            taken = crowd.answers
            crowd.fill(most=coming, steady=number > 0, bar=bar)
            _end_leases(study)
            if number == 0:
                crowd.come_back_late(every_other=True, bar=bar)
            elif crowd.answers == taken:
                break
        crowd.come_back_late(bar=bar)
    return Performance(
        server=server,
        plan=plan,
        link=link,
        diaries=tuple(crowd.diaries),
        pictures=crowd.around.pictures,
        before=before,
        answers=crowd.answers,
        seconds=time.monotonic() - started,
    )


def answers_wanted(study: Study) -> int:
    """Answers that the study's questions still take in rehearsal, gold ones apart."""
    slots = QuestionSlots.objects.filter(study=study, mode=Mode.REHEARSAL, gold=False, open=True)
    slots = slots.exclude(question__stimulus__review=Stimulus.Review.HELD_BACK)
    return int(slots.aggregate(left=Sum(F("required") - F("counted")))["left"] or 0)


def _people_needed(study: Study) -> int:
    """More people than the answers left can need: one look and abandoned visits take their share."""
    rules = protocol_of(study).participants
    sitting = min(rules.questions_per_sitting, rules.max_questions or rules.questions_per_sitting)
    return THREADS + 3 * math.ceil(answers_wanted(study) / sitting) + protocol_of(study).answers.required


def _end_leases(study: Study) -> None:
    """Let the leases of simulated people who left end now: a rehearsal does not wait their twenty minutes."""
    Presentation.objects.filter(
        sitting__study=study,
        sitting__link__note=NOTE,
        mode=Mode.REHEARSAL,
        holds_slot=True,
        answered=False,
    ).update(lease_until=timezone.now())


def _expect_server(server: str, join: str) -> None:
    """Raise Refused unless `server` answers and knows the link, that is, has the same database."""
    try:
        browser = Browser(server)
        status = browser.get(join).status
        browser.close()
    except (ServerTrouble, ValueError) as trouble:
        raise Refused(
            f"no server answers at {server} ({trouble}); start one, or say where it is with --server"
        ) from trouble
    if status != 200:
        raise Refused(
            f"the server at {server} answers {status} to the study's own link: it runs on another database, "
            "or under a host name that SECOND_LOOK_ALLOWED_HOSTS leaves out"
        )
