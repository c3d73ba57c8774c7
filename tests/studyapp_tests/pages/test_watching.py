"""How far a study is, against hand counts: progress, presence, answers over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from studyapp.models import (
    Answer,
    Mode,
    Participant,
    Presentation,
    Question,
    QuestionSlots,
    RecruitmentLink,
    Sitting,
    Study,
)
from studyapp.services.studies.watching import (
    Progress,
    active_people,
    last_answer,
    progress_of,
    remembered,
    timeline,
)
from tests.studyapp_tests.factories import make_protocol, make_study, with_answers

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def sitting_of(study: Study, mode: str = Mode.REAL) -> Sitting:
    """A new participant's sitting."""
    person = Participant.objects.create(pseudonym=f"{Participant.objects.count():064}")
    link = RecruitmentLink.objects.create(study=study, mode=mode)
    return Sitting.objects.create(
        study=study, participant=person, link=link, mode=mode, positive_first=True, questions_planned=8
    )


def show(sitting: Sitting, question: Question, at: datetime, *, answered: bool = False) -> Presentation:
    """One question shown at `at`, with a lease of twenty minutes."""
    return Presentation.objects.create(
        sitting=sitting,
        question=question,
        participant=sitting.participant,
        mode=sitting.mode,
        position=sitting.presentations.count(),
        allocated_at=at,
        lease_until=at + timedelta(minutes=20),
        answered=answered,
    )


def answer(study: Study, at: datetime, mode: str = Mode.REAL) -> None:
    """One more person answers the study's first question at `at`."""
    sitting = sitting_of(study, mode)
    question = study.questions.order_by("pk")[0]
    Answer.objects.create(
        question=question,
        participant=sitting.participant,
        presentation=show(sitting, question, at, answered=True),
        mode=mode,
        value="yes",
        answered_at=at,
    )


def fill(study: Study, *counts: tuple[int, int]) -> None:
    """Give the study's slots these numbers of counted and positive answers, in their order."""
    rows = QuestionSlots.objects.filter(study=study, gold=False).order_by("pk")
    for slots, (counted, positive) in zip(rows, counts, strict=True):
        slots.taken, slots.counted, slots.positive = counted, counted, positive
        slots.save()


def test_verdicts_so_far_are_those_of_the_rule() -> None:
    study = make_study(questions=6, gold=2)
    fill(study, (5, 4), (4, 4), (5, 3), (2, 0), (4, 3), (0, 0))
    # 4 of 5: two agreed; 3 of 5 has two against and is rejected, as is 0 of 2; 3 of 4 can go either way.
    found = progress_of([study], mode=Mode.REAL)[study.pk]
    assert (found.agreed, found.rejected, found.undecided, found.decided) == (2, 2, 2, 4)
    assert (found.questions, found.answers, found.wanted) == (6, 20, 30)
    # Pairs alike: 6 of 10, 6 of 6, 4 of 10, 1 of 1, 3 of 6.
    assert found.agreement == pytest.approx(20 / 33)


def test_questions_of_held_back_stimuli_are_outside_the_counts() -> None:
    study = make_study(questions=3)
    fill(study, (5, 5), (2, 1), (0, 0))
    QuestionSlots.objects.filter(study=study).exclude(counted=0).update(open=False)
    found = progress_of([study], mode=Mode.REAL)[study.pk]
    # The first is closed because it is complete, the second because it was held back.
    assert (found.questions, found.held_back, found.answers) == (2, 1, 5)


def test_a_question_decided_early_wants_no_more_answers() -> None:
    study = make_study(questions=2, protocol=with_answers(make_protocol(), stop_when_decided=True))
    fill(study, (2, 0), (1, 1))
    QuestionSlots.objects.filter(study=study, counted=2).update(open=False)
    found = progress_of([study], mode=Mode.REAL)[study.pk]
    assert (found.questions, found.held_back, found.rejected) == (2, 0, 1)
    assert found.wanted == 2 + 5


def test_a_study_without_slots_has_no_progress() -> None:
    study = make_study(modes=())
    assert progress_of([study], mode=Mode.REAL) == {study.pk: Progress()}


def test_people_are_here_while_they_hold_a_question_of_the_last_five_minutes() -> None:
    study = make_study(questions=3)
    first, second, third = study.questions.order_by("pk")
    now = timezone.now()
    here, answered, away = sitting_of(study), sitting_of(study), sitting_of(study)
    show(here, first, now - timedelta(minutes=1))
    show(here, second, now - timedelta(minutes=1))
    show(answered, first, now - timedelta(minutes=1), answered=True)
    show(away, third, now - timedelta(minutes=6))
    show(sitting_of(study, Mode.REHEARSAL), third, now)
    assert active_people([study], mode=Mode.REAL) == {study.pk: 1}


def test_the_last_answer_is_the_latest_of_this_study_and_mode() -> None:
    study = make_study(questions=1)
    other = make_study(questions=1, protocol=make_protocol(name="other", dataset="other"))
    assert last_answer(study, mode=Mode.REAL) is None
    answer(study, NOON)
    answer(study, NOON - timedelta(hours=1))
    answer(other, NOON + timedelta(hours=5))
    answer(study, NOON + timedelta(hours=6), Mode.REHEARSAL)
    assert last_answer(study, mode=Mode.REAL) == NOON


def test_answers_over_time_have_no_gaps() -> None:
    study = make_study(questions=1)
    for hours in (0, 0.5, 3):
        answer(study, NOON + timedelta(hours=hours))
    found = timeline(study, mode=Mode.REAL)
    assert found.unit == "hour"
    assert [span.answers for span in found.spans] == [2, 0, 0, 1]
    assert found.spans[0].start == NOON


def test_long_studies_are_shown_by_the_day() -> None:
    study = make_study(questions=1)
    for days in (0, 1, 10):
        answer(study, NOON + timedelta(days=days))
    found = timeline(study, mode=Mode.REAL)
    assert found.unit == "day"
    assert [span.answers for span in found.spans] == [1, 1, *([0] * 8), 1]


def test_what_is_quick_is_never_remembered() -> None:
    cache.clear()
    values = iter((1, 2))
    assert [remembered("quick", lambda: next(values)) for _ in range(2)] == [1, 2]
