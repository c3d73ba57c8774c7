"""The counts are those of the rows, whatever participants and researchers do, in whatever order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from studyapp.models import (
    Answer,
    Mode,
    Participant,
    Presentation,
    QuestionSlots,
    RecruitmentLink,
    Sitting,
    Stimulus,
    Study,
)
from studyapp.recruitment.link import create_link
from studyapp.services.participation.answers import AnswerRefused, record_answer, undo_answer
from studyapp.services.participation.arrival import Screen, Visitor, consent
from studyapp.services.participation.barriers import Refused
from studyapp.services.participation.sittings import begin, finish, go_on, stop_here, withdraw
from studyapp.services.participation.slots import still_wanted
from studyapp.services.plans import protocol_of
from studyapp.services.studies.reviews import review_stimulus
from tests.studyapp_tests.factories import make_protocol, make_study, with_answers, with_participants
from tests.studyapp_tests.participant.people import answer, arrive, let_lease_end, shown_to

MOST = 2
STANDING = (Answer.Status.COUNTED, Answer.Status.SURPLUS)
STATES = {"open": Study.State.OPEN, "pause": Study.State.PAUSED, "close": Study.State.CLOSED}
EVENTS = st.tuples(
    st.integers(0, 3),
    st.sampled_from(
        [
            "next",
            "next",
            "yes",
            "yes",
            "no",
            "no",
            "undo",
            "late",
            "withdraw",
            "stop",
            "finish",
            "arrive",
            "hold back",
            "approve",
            *STATES,
        ]
    ),
    st.integers(0, 5),
)


@pytest.mark.django_db
def test_a_late_answer_does_not_take_a_person_beyond_max_questions() -> None:
    rules = {"questions_per_sitting": 1, "max_questions": 1}
    protocol = with_participants(with_answers(make_protocol(), required=1, agreement=1), **rules)
    study = make_study(questions=2, protocol=protocol)
    sitting = arrive(study, "late")
    late = shown_to(sitting)
    let_lease_end(late)
    other = shown_to(arrive(study, "other"))
    while other.question != late.question:
        other = shown_to(arrive(study, "yet another"))
    assert answer(shown_to(sitting)).status == Answer.Status.COUNTED
    stop_here(sitting=other.sitting)
    late.refresh_from_db()
    assert answer(late).status == Answer.Status.SURPLUS


class CountsAreThoseOfTheRows(TestCase):
    """Several visits a person, two modes, early decisions, reviews, pauses, late answers to anything."""

    @settings(max_examples=15, deadline=None)
    @given(st.lists(EVENTS, max_size=50), st.booleans(), st.booleans())
    def test_in_any_course_of_events(
        self, events: list[tuple[int, str, int]], early: bool, one_look: bool
    ) -> None:
        protocol = with_answers(make_protocol(), required=3, agreement=2, stop_when_decided=early)
        rules = {"one_look": one_look, "questions_per_sitting": MOST, "max_questions": MOST}
        modes = (Mode.REAL, Mode.PILOT)
        study = make_study(
            questions=4, labels_per_image=2, protocol=with_participants(protocol, **rules), modes=modes
        )
        links = [create_link(study=study, mode=mode) for mode in modes]
        for number, event, which in events:
            try:
                _happen(links[number == 3], f"p{number}", event, which)
            except (Refused, AnswerRefused):
                continue
        _slots_say_what_the_rows_say(study)
        _every_person_keeps_the_rules(study)


def _happen(link: RecruitmentLink, person: str, event: str, which: int) -> None:
    """One event; whatever is about an answer may be about any question the person was ever given."""
    link.refresh_from_db()
    sitting = Sitting.objects.filter(panel_sitting=person).order_by("-pk").first()
    if event in STATES:
        Study.objects.filter(pk=link.study_id).update(state=STATES[event])
    elif event in ("hold back", "approve"):
        stimulus = Stimulus.objects.order_by("pk")[which % 2]
        review_stimulus(stimulus=stimulus, actor="alice", approve=event == "approve", reason="blurred")
    elif sitting is None or event == "arrive":
        begin(sitting=consent(link=link, visitor=Visitor("link", person, person), screen=Screen()))
    elif event == "next":
        go_on(sitting=sitting)
    elif event == "stop":
        stop_here(sitting=sitting)
    elif event == "finish":
        finish(sitting=sitting, comment="")
    elif event == "withdraw" and which == 0:
        withdraw(sitting=sitting)
    elif given := list(Presentation.objects.filter(participant=sitting.participant).order_by("pk")):
        _happen_to(given[which % len(given)], event, attempt=which - 1)


def _happen_to(shown: Presentation, event: str, *, attempt: int) -> None:
    if event in ("yes", "no"):
        record_answer(presentation=shown, value=event, active_seconds=1.0, idle_seconds=0.0, attempt=attempt)
    elif event == "undo":
        undo_answer(presentation=shown)
    elif event == "late" and not shown.answered:
        ended = timezone.now() - timedelta(seconds=1)
        Presentation.objects.filter(pk=shown.pk).update(lease_until=ended)


def _slots_say_what_the_rows_say(study: Study) -> None:
    rule = protocol_of(study).answers
    for slots in QuestionSlots.objects.select_related("question__stimulus"):
        rows = Answer.objects.filter(question=slots.question, mode=slots.mode, status=Answer.Status.COUNTED)
        held = Presentation.objects.filter(question=slots.question, mode=slots.mode, holds_slot=True)
        assert slots.counted == rows.count() <= slots.required
        assert slots.positive == rows.filter(value="yes").count()
        assert slots.taken == held.count() <= slots.required
        held_back = slots.question.stimulus.review == Stimulus.Review.HELD_BACK
        assert slots.open == (not held_back and still_wanted(slots, rule))


def _every_person_keeps_the_rules(study: Study) -> None:
    ended = (Sitting.State.FINISHED, Sitting.State.WITHDRAWN, Sitting.State.SCREENED_OUT)
    for person in Participant.objects.all():
        for mode in (Mode.REAL, Mode.PILOT):
            counted = Answer.objects.filter(participant=person, mode=mode, status=Answer.Status.COUNTED)
            assert counted.count() <= MOST
            sittings = Sitting.objects.filter(participant=person, mode=mode, study=study)
            assert sittings.exclude(state__in=ended).count() <= 1
    for shown in Presentation.objects.all():
        standing = shown.answers.filter(status__in=STANDING)
        withdrawn = shown.answers.filter(status=Answer.Status.WITHDRAWN).exists()
        assert standing.count() == (shown.answered and not withdrawn)
        assert shown.holds_slot or not standing.filter(status=Answer.Status.COUNTED).exists()
    left = Presentation.objects.filter(sitting__state__in=ended, holds_slot=True, answered=False)
    assert not left.exists()
