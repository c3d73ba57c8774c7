"""Arms: who is let into which, in which order, how long after another, and what they are told."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from studyapp.models import Mode, Presentation, Sitting, Study
from studyapp.protocol.schema import Arm as ArmPlan
from studyapp.recruitment.link import create_link
from studyapp.services.participation.allocation import next_question
from studyapp.services.participation.arrival import INVITATION, Screen, Visitor, consent, door_barrier
from studyapp.services.participation.barriers import Barrier, Refused
from studyapp.services.participation.sittings import begin, finish, go_on, stop_here, withdraw
from tests.studyapp_tests.factories import make_protocol, make_study, with_answers, with_participants
from tests.studyapp_tests.participant.people import answer, arrive, last_seen, let_days_pass, shown_to

pytestmark = pytest.mark.django_db

ARMS = (ArmPlan(name="whole"), ArmPlan(name="part"))


def _study(*, questions: int = 3, required: int = 1, arms: tuple[ArmPlan, ...] = ARMS, **rules: Any) -> Study:
    protocol = with_answers(make_protocol(arms=arms), required=required, agreement=1)
    settings = {"questions_per_sitting": 20, "one_look": False, **rules}
    return make_study(questions=questions, protocol=with_participants(protocol, **settings))


def _refusal(study: Study, person: str) -> Refused:
    """What both the page before the consent and the consent itself say."""
    link = create_link(study=study, mode=Mode.REAL)
    with pytest.raises(Refused) as caught:
        consent(link=link, visitor=Visitor("link", person), screen=Screen())
    told = door_barrier(link=link, visitor=Visitor("link", person))
    assert told is not None
    assert (told.barrier, told.until) == (caught.value.barrier, caught.value.until)
    return caught.value


def _answer_all(sitting: Sitting) -> list[str]:
    """Answer whatever the sitting shows until nothing is left; the names of the arms, in order."""
    seen = []
    while (shown := go_on(sitting=sitting)) is not None:
        seen.append(shown.question.arm.name)
        answer(shown)
    sitting.refresh_from_db()
    finish(sitting=sitting, comment="")
    sitting.refresh_from_db()
    assert sitting.state == Sitting.State.FINISHED
    return seen


def test_in_order_the_second_arm_opens_when_the_first_has_all_its_answers() -> None:
    study = _study(required=2, arm_order="in_order")
    assert _answer_all(arrive(study, "a")) == ["whole"] * 3
    refused = _refusal(study, "a")
    assert (refused.barrier, refused.until) == (Barrier.LATER, None)
    assert _answer_all(arrive(study, "b")) == ["whole"] * 3
    assert [_answer_all(arrive(study, name)) for name in ("a", "b")] == [["part"] * 3] * 2
    assert _refusal(study, "a").barrier == Barrier.FULL
    assert _refusal(study, "new").barrier == Barrier.FULL


def test_in_order_the_second_arm_stays_shut_while_the_last_answer_of_the_first_is_still_out() -> None:
    study = _study(questions=1, arm_order="in_order")
    held = shown_to(arrive(study, "a"))
    assert _refusal(study, "b").barrier == Barrier.BUSY
    answer(held)
    assert shown_to(arrive(study, "b")).question.arm.name == "part"


def test_in_order_a_person_who_was_in_the_first_arm_is_told_the_day_from_which_the_second_is_open() -> None:
    study = _study(arm_order="in_order", washout_days=3.0)
    _answer_all(arrive(study, "a"))
    refused = _refusal(study, "a")
    assert (refused.barrier, refused.until) == (Barrier.WASHOUT, last_seen("a") + timedelta(days=3))
    assert arrive(study, "new").arm is not None
    let_days_pass(3)
    assert _answer_all(arrive(study, "a")) == ["part"] * 3


def test_in_order_a_person_turned_away_before_the_second_arm_opens_is_told_the_earliest_day() -> None:
    study = _study(required=2, arm_order="in_order", washout_days=3.0)
    _answer_all(arrive(study, "a"))
    refused = _refusal(study, "a")
    assert (refused.barrier, refused.until) == (Barrier.LATER, last_seen("a") + timedelta(days=3))


def test_an_invitation_takes_its_person_into_the_second_arm_once_the_washout_is_over() -> None:
    study = _study(arm_order="in_order", washout_days=3.0)
    link = create_link(study=study, mode=Mode.REAL, single_use=True)

    def come(visitor: Visitor) -> Sitting:
        """As a request does it: with the invitation as it now is."""
        link.refresh_from_db()
        told = door_barrier(link=link, visitor=visitor)
        if told is not None:
            with pytest.raises(Refused) as caught:
                consent(link=link, visitor=visitor, screen=Screen())
            assert caught.value.barrier == told.barrier
            raise told
        found = consent(link=link, visitor=visitor, screen=Screen())
        begin(sitting=found)
        return found

    own, other = Visitor(INVITATION, link.token), Visitor("link", "somebody else")
    assert _answer_all(come(own)) == ["whole"] * 3
    with pytest.raises(Refused, match="washout"):
        come(own)
    let_days_pass(3)
    with pytest.raises(Refused, match="spent"):
        come(other)
    assert _answer_all(come(own)) == ["part"] * 3
    let_days_pass(3)
    with pytest.raises(Refused):
        come(own)
    assert Sitting.objects.count() == 2


def test_an_invitation_to_arms_that_nothing_keeps_apart_is_for_one_sitting() -> None:
    study = _study(arm_order="least_used", questions_per_sitting=1)
    link = create_link(study=study, mode=Mode.REAL, single_use=True)
    sitting = consent(link=link, visitor=Visitor(INVITATION, link.token), screen=Screen())
    begin(sitting=sitting)
    _answer_all(sitting)
    link.refresh_from_db()
    with pytest.raises(Refused, match="spent"):
        consent(link=link, visitor=Visitor(INVITATION, link.token), screen=Screen())


def test_in_order_with_one_look_nobody_is_sent_to_pictures_they_have_seen() -> None:
    study = _study(arm_order="in_order", one_look=True)
    assert _answer_all(arrive(study, "a")) == ["whole"] * 3
    assert _refusal(study, "a").barrier == Barrier.FULL
    assert _answer_all(arrive(study, "b")) == ["part"] * 3


def test_in_order_an_answer_withdrawn_from_the_first_arm_is_collected_again_first() -> None:
    study = _study(questions=1, arm_order="in_order")
    first = arrive(study, "a")
    _answer_all(first)
    withdraw(sitting=first)
    assert shown_to(arrive(study, "b")).question.arm.name == "whole"


def test_between_a_participant_never_sees_the_other_arm() -> None:
    study = _study(required=2, arm_order="between")
    one, two = arrive(study, "a"), arrive(study, "b")
    assert {one.arm, two.arm} == set(study.arms.all())
    for sitting in (one, two):
        assert sitting.arm is not None
        assert _answer_all(sitting) == [sitting.arm.name] * 3
    assert _refusal(study, "a").barrier == Barrier.FULL
    let_days_pass(1000)
    assert _refusal(study, "a").barrier == Barrier.FULL
    assert {arrive(study, "c").arm, arrive(study, "d").arm} == set(study.arms.all())


def test_between_somebody_who_stopped_comes_back_to_their_own_arm() -> None:
    study = _study(required=5, arm_order="between")
    for _ in range(3):
        sitting = arrive(study, "a")
        answer(shown_to(sitting))
        stop_here(sitting=sitting)
        finish(sitting=sitting, comment="")
        arrive(study, "b")
    shown = Presentation.objects.filter(participant=sitting.participant)
    assert shown.values("question__arm").distinct().count() == 1


def test_within_every_person_gets_as_many_questions_of_one_arm_as_of_the_other() -> None:
    study = _study(questions=8, required=2, arm_order="within", one_look=True, questions_per_sitting=6)
    people = [arrive(study, name) for name in "abcd"]
    assert {person.arm for person in people} == {None}
    served: Counter[str] = Counter()
    for sitting in people:
        seen = _answer_all(sitting)
        assert Counter(seen) == {"whole": 3, "part": 3}
        served.update(seen)
        images = Presentation.objects.filter(sitting=sitting).values_list("question__image", flat=True)
        assert len(set(images)) == 6, "one look at a picture, in whichever arm"
    assert served == {"whole": 12, "part": 12}


def test_within_the_rest_of_an_arm_is_given_out_when_the_other_has_nothing_left() -> None:
    study = _study(questions=2, arm_order="within")
    assert sorted(_answer_all(arrive(study, "a"))) == ["part", "part", "whole", "whole"]
    assert _refusal(study, "b").barrier == Barrier.FULL


def test_the_washout_counts_from_the_last_question_of_a_visit_not_from_its_beginning() -> None:
    study = _study(questions=4, washout_days=3.0, questions_per_sitting=2)
    sitting = arrive(study, "a")
    answer(shown_to(sitting))
    let_days_pass(2)
    answer(shown_to(sitting))
    go_on(sitting=sitting)
    finish(sitting=sitting, comment="")
    let_days_pass(2)
    own = arrive(study, "a")
    assert own.arm == sitting.arm
    _answer_all(own)
    let_days_pass(2)
    assert _refusal(study, "a").barrier == Barrier.WASHOUT
    let_days_pass(1)
    assert arrive(study, "a").arm != sitting.arm


def test_a_visit_that_was_left_may_not_be_taken_up_again_right_after_one_to_another_study() -> None:
    rules: dict[str, Any] = {"family": "birds", "washout_days": 3.0}
    one = make_study(protocol=with_participants(make_protocol(name="one", dataset="d1"), **rules))
    two = make_study(protocol=with_participants(make_protocol(name="two", dataset="d2"), **rules))
    left = arrive(one, "a")
    answer(shown_to(left))
    let_days_pass(3.1)
    answer(shown_to(arrive(two, "a")))
    refused = _refusal(one, "a")
    assert (refused.barrier, refused.until) == (Barrier.WASHOUT, last_seen("a") + timedelta(days=3))
    assert next_question(sitting=left) is None
    let_days_pass(3)
    assert shown_to(left).sitting == left


def test_a_study_outside_the_family_starts_no_washout() -> None:
    one = make_study(
        protocol=with_participants(make_protocol(name="one", dataset="d1"), family="fish", washout_days=3.0)
    )
    two = make_study(
        protocol=with_participants(make_protocol(name="two", dataset="d2"), family="birds", washout_days=3.0)
    )
    answer(shown_to(arrive(one, "a")))
    assert arrive(two, "a").study == two


def test_the_page_of_somebody_turned_away_names_the_day_and_blames_nobody(client: Client) -> None:
    study = _study(arm_order="in_order", washout_days=3.0)
    _answer_all(arrive(study, "a"))
    link = create_link(study=study, mode=Mode.REAL)
    page = client.get(f"/join/{link.token}/?participant=a").content.decode()
    day = (last_seen("a") + timedelta(days=3)).strftime("%Y-%m-%d")
    assert "Please come back later" in page
    assert f"welcome from {day}" in page
    assert "whole" not in page
