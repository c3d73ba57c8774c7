"""Arms under fire: two server processes, real connections, arms mixed in a visit or one after the other;
and people in two studies of a family at once.

Runs on the database of the test run: a SQLite file, and PostgreSQL in `python -m tests.run`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db.models import Max, Min

from studyapp.models import Answer, Dataset, Mode, Presentation, QuestionSlots, Sitting, Study
from studyapp.protocol.schema import Arm as ArmPlan
from studyapp.recruitment.link import create_link
from tests.studyapp_tests.factories import make_protocol, make_study, with_answers, with_participants
from tests.studyapp_tests.participant.servers import database_url, web_server
from tests.studyapp_tests.participant.test_race import Acknowledged, Person

pytestmark = pytest.mark.django_db(transaction=True)

QUESTIONS, REQUIRED = 6, 3
ARMS = (ArmPlan(name="whole"), ArmPlan(name="part"))


def _study(*, order: str, one_look: bool, name: str = "trial", dataset: Dataset | None = None) -> Study:
    protocol = with_answers(make_protocol(name=name, arms=ARMS), required=REQUIRED, agreement=2)
    protocol = with_participants(
        protocol,
        family="attacked",
        arm_order=order,
        one_look=one_look,
        lease_minutes=0.2,
        questions_per_sitting=2 * QUESTIONS,
    )
    return make_study(questions=QUESTIONS, protocol=protocol, dataset=dataset)


def _visits(studies: Sequence[Study], people: int, habits: tuple[str, ...]) -> None:
    """Let people come at the same moment, to two servers, until everything is answered.

    Everybody is in all of the studies at once.
    """
    doors = [f"/join/{create_link(study=study, mode=Mode.REAL).token}/" for study in studies]
    noted = Acknowledged()
    with (
        web_server(database=database_url()) as one,
        web_server(database=database_url()) as two,
        ThreadPoolExecutor(people * len(doors)) as pool,
    ):
        visits = [
            pool.submit(
                Person(f"p{number}", door, [one, two], noted, number).visit, habits[number % len(habits)]
            )
            for number in range(people)
            for door in doors
        ]
        for visit in visits:
            visit.result(timeout=120)


def _exactly_n(study: Study) -> None:
    counted = Answer.objects.filter(question__study=study, status=Answer.Status.COUNTED)
    per_question = Counter(counted.values_list("question", flat=True))
    assert sorted(per_question.values()) == [REQUIRED] * (QUESTIONS * len(ARMS)), "exactly N, in every arm"
    for slots in QuestionSlots.objects.filter(study=study):
        assert (slots.taken, slots.counted, slots.open) == (REQUIRED, REQUIRED, False)


def test_within_exactly_n_answers_count_and_nobody_sees_a_picture_in_both_arms() -> None:
    study = _study(order="within", one_look=True)
    _visits([study], 2 * REQUIRED, ("steady", "double", "tabs", "reload"))
    _exactly_n(study)
    for sitting in Sitting.objects.filter(study=study):
        shown = list(sitting.presentations.values_list("question__image", "question__arm"))
        assert len({image for image, _ in shown}) == len(shown)
        assert sitting.arm_id is None


def test_in_order_exactly_n_answers_count_and_the_second_arm_waits_for_the_last_answer_of_the_first() -> None:
    study = _study(order="in_order", one_look=False)
    # Nobody takes an answer back here: that would rightly reopen the first arm.
    _visits([study], REQUIRED + 2, ("steady", "double", "reload"))
    # Whoever found the first arm full has gone; others do the second.
    _visits([study], REQUIRED + 2, ("steady", "double", "reload"))
    _exactly_n(study)
    first, second = study.arms.order_by("position")
    last = Answer.objects.filter(question__arm=first, status=Answer.Status.COUNTED).aggregate(
        at=Max("answered_at")
    )["at"]
    start = Presentation.objects.filter(question__arm=second).aggregate(at=Min("allocated_at"))["at"]
    assert last <= start


def test_in_two_studies_at_once_nobody_is_shown_by_the_one_what_the_other_has_shown_them() -> None:
    repeats = _study(order="within", one_look=False)
    once = _study(order="within", one_look=True, name="once", dataset=repeats.dataset)
    _visits([repeats, once], REQUIRED + 2, ("steady", "double", "tabs", "reload"))
    _exactly_n(repeats)
    for slots in QuestionSlots.objects.filter(study=once):
        assert slots.taken == slots.counted <= REQUIRED
    shown = Presentation.objects.order_by("pk").values_list(
        "participant", "question__image", "sitting__study"
    )
    seen: set[tuple[int, int]] = set()
    looks = 0
    for person, image, study in shown:
        if study == once.pk:
            looks += 1
            assert (person, image) not in seen
        seen.add((person, image))
    assert 0 < looks == Presentation.objects.filter(sitting__study=once, look__isnull=False).count()
