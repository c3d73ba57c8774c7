"""Arrival: pseudonyms, invitations, who may take part."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from studyapp.models import (
    Mode,
    Participant,
    ParticipantIdentity,
    QuestionSlots,
    RecruitmentLink,
    Sitting,
    Study,
)
from studyapp.protocol.schema import Arm as ArmPlan
from studyapp.protocol.schema import RecruitmentPlan
from studyapp.recruitment.link import LinkRefused, create_link, link_url, panel_ids
from studyapp.services.participation.arrival import (
    INVITATION,
    Screen,
    Visitor,
    consent,
    door_barrier,
    person_of,
    pseudonym_of,
)
from studyapp.services.participation.barriers import Barrier, Refused
from studyapp.services.participation.sittings import go_on, stop_here
from tests.studyapp_tests.factories import make_protocol, make_study, with_answers, with_participants
from tests.studyapp_tests.participant.people import (
    answer,
    arrive,
    last_seen,
    let_days_pass,
    let_lease_end,
    shown_to,
)

pytestmark = pytest.mark.django_db


def _refusal(study: Study, person: str, mode: str = Mode.REAL) -> Refused:
    """What both the page before the consent and the consent itself say."""
    link = create_link(study=study, mode=mode)
    visitor = Visitor("link", person)
    with pytest.raises(Refused) as caught:
        consent(link=link, visitor=visitor, screen=Screen())
    told = door_barrier(link=link, visitor=visitor)
    assert told is not None
    assert told.barrier == caught.value.barrier
    return caught.value


def test_a_participant_is_stored_under_a_keyed_hash_and_the_id_only_encrypted() -> None:
    sitting = arrive(make_study(), "worker-17")
    identity = ParticipantIdentity.objects.get(participant=sitting.participant)
    assert "worker-17" not in sitting.participant.pseudonym
    assert b"worker-17" not in bytes(identity.ciphertext)
    assert person_of(identity) == "worker-17"


def test_the_same_id_at_two_panels_is_two_people() -> None:
    assert pseudonym_of(panel="link", person="7") != pseudonym_of(panel="prolific", person="7")
    assert pseudonym_of(panel="a", person="b\0c") != pseudonym_of(panel="a\0b", person="d")


def test_consenting_twice_is_one_sitting() -> None:
    study = make_study()
    assert arrive(study, "p").pk == arrive(study, "p").pk
    assert Participant.objects.count() == 1


def test_an_invitation_is_spent_by_consent_and_brings_its_person_back() -> None:
    study = make_study()
    link = create_link(study=study, mode=Mode.REAL, single_use=True)
    visitor = Visitor(INVITATION, link.token)
    assert door_barrier(link=link, visitor=visitor) is None
    link.refresh_from_db()
    assert link.spent_at is None
    sitting = consent(link=link, visitor=visitor, screen=Screen())
    link.refresh_from_db()
    assert link.spent_at is not None
    assert consent(link=link, visitor=visitor, screen=Screen()).pk == sitting.pk
    Sitting.objects.filter(pk=sitting.pk).update(state=Sitting.State.FINISHED)
    with pytest.raises(Refused, match="spent"):
        consent(link=link, visitor=visitor, screen=Screen())


def test_a_second_person_cannot_use_a_spent_invitation() -> None:
    link = create_link(study=make_study(), mode=Mode.REAL, single_use=True)
    consent(link=link, visitor=Visitor("link", "first"), screen=Screen())
    with pytest.raises(Refused, match="spent"):
        consent(link=link, visitor=Visitor("link", "second"), screen=Screen())
    assert Sitting.objects.count() == 1


@pytest.mark.parametrize(
    ("state", "barrier"),
    [
        (Study.State.DRAFT, Barrier.NOT_OPEN),
        (Study.State.PAUSED, Barrier.PAUSED),
        (Study.State.CLOSED, Barrier.CLOSED),
    ],
)
def test_a_real_link_works_only_while_the_study_is_open(state: str, barrier: Barrier) -> None:
    assert _refusal(make_study(state=state), "p").barrier == barrier


def test_a_pilot_may_be_run_in_a_draft_and_makes_its_own_slots() -> None:
    study = make_study(state=Study.State.DRAFT)
    arrive(study, "p", mode=Mode.PILOT)
    assert QuestionSlots.objects.filter(mode=Mode.PILOT).count() == 8
    assert not QuestionSlots.objects.filter(mode=Mode.REAL, taken__gt=0).exists()


def test_participants_of_an_excluded_study_are_kept_out_in_the_same_mode_only() -> None:
    earlier = make_study(protocol=make_protocol(name="earlier", dataset="d1"), modes=(Mode.PILOT, Mode.REAL))
    later = with_participants(make_protocol(name="later", dataset="d2"), exclude_studies=("earlier",))
    arrive(earlier, "took part")
    arrive(earlier, "piloted", mode=Mode.PILOT)
    study = make_study(protocol=later)
    assert _refusal(study, "took part").barrier == Barrier.EXCLUDED
    assert arrive(study, "piloted").study == study


def test_nobody_answers_more_than_max_questions() -> None:
    protocol = with_participants(make_protocol(), questions_per_sitting=3, max_questions=4)
    study = make_study(protocol=protocol)
    first = arrive(study, "p")
    for _ in range(3):
        answer(shown_to(first))
    go_on(sitting=first)
    Sitting.objects.filter(pk=first.pk).update(state=Sitting.State.FINISHED)
    second = arrive(study, "p")
    assert second.questions_planned == 1
    answer(shown_to(second))
    Sitting.objects.filter(pk=second.pk).update(state=Sitting.State.FINISHED)
    assert _refusal(study, "p").barrier == Barrier.LIMIT


def test_a_washout_allows_the_same_arm_and_keeps_the_other_until_it_is_over() -> None:
    protocol = make_protocol(arms=(ArmPlan(name="plain"), ArmPlan(name="other")))
    protocol = with_participants(protocol, washout_days=3.0, one_look=False, questions_per_sitting=1)
    study = make_study(questions=2, protocol=protocol)
    first = arrive(study, "p")
    answer(shown_to(first))
    Sitting.objects.filter(pk=first.pk).update(state=Sitting.State.FINISHED)
    second = arrive(study, "p")
    assert second.arm == first.arm
    answer(shown_to(second))
    Sitting.objects.filter(pk=second.pk).update(state=Sitting.State.FINISHED)
    refused = _refusal(study, "p")
    assert refused.barrier == Barrier.WASHOUT
    assert refused.until == last_seen("p") + timedelta(days=3)
    let_days_pass(3)
    assert arrive(study, "p").arm != first.arm


def test_a_visit_to_another_study_of_the_family_keeps_a_person_out_until_the_washout_is_over() -> None:
    rules = {"family": "birds", "washout_days": 2.0}
    earlier = make_study(protocol=with_participants(make_protocol(name="one", dataset="d1"), **rules))
    study = make_study(protocol=with_participants(make_protocol(name="two", dataset="d2"), **rules))
    arrive(earlier, "p")
    refused = _refusal(study, "p")
    assert (refused.barrier, refused.until) == (Barrier.WASHOUT, last_seen("p") + timedelta(days=2))
    assert arrive(study, "somebody else").study == study


def test_a_study_whose_questions_are_all_answered_is_full() -> None:
    study = make_study(questions=1, protocol=with_answers(make_protocol(), required=1, agreement=1))
    answer(shown_to(arrive(study, "a")))
    assert _refusal(study, "b").barrier == Barrier.FULL


def test_a_study_whose_questions_are_all_on_lease_says_that_they_may_come_back() -> None:
    study = make_study(questions=1, protocol=with_answers(make_protocol(), required=1, agreement=1))
    shown = shown_to(arrive(study, "a"))
    assert _refusal(study, "b").barrier == Barrier.BUSY
    let_lease_end(shown)
    link = create_link(study=study, mode=Mode.REAL)
    assert door_barrier(link=link, visitor=Visitor("link", "b")) is None
    assert shown_to(arrive(study, "b")).question == shown.question


def test_stopping_early_leaves_the_door_open_for_the_rest() -> None:
    study = make_study()
    sitting = arrive(study, "p")
    stop_here(sitting=sitting)
    Sitting.objects.filter(pk=sitting.pk).update(state=Sitting.State.FINISHED)
    assert arrive(study, "p").pk != sitting.pk


def test_arms_get_sittings_evenly() -> None:
    protocol = make_protocol(arms=(ArmPlan(name="plain"), ArmPlan(name="other")))
    study = make_study(protocol=protocol)
    arms = [arrive(study, f"p{number}").arm_id for number in range(6)]
    assert sorted(arms.count(arm) for arm in set(arms)) == [3, 3]


def test_a_protocol_that_wants_invitations_refuses_an_open_link() -> None:
    study = make_study(protocol=make_protocol(recruitment=RecruitmentPlan(allow_open_link=False)))
    with pytest.raises(LinkRefused, match="--invitations"):
        create_link(study=study, mode=Mode.REAL)
    assert create_link(study=study, mode=Mode.REAL, single_use=True).single_use


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"participant": "a"}, ("link", "a", "")),
        ({"PROLIFIC_PID": "x", "SESSION_ID": "s", "STUDY_ID": "t"}, ("prolific", "x", "s")),
        ({"PROLIFIC_PID": "{{%PROLIFIC_PID%}}"}, None),
        ({"participant": "  "}, None),
        ({}, None),
    ],
)
def test_panel_ids_are_read_from_the_address(
    query: dict[str, str], expected: tuple[str, str, str] | None
) -> None:
    found = panel_ids(query)
    assert (found and (found.panel, found.person, found.sitting)) == expected


def test_create_link_prints_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    make_study()
    call_command("create_link", "trial")
    assert capsys.readouterr().out.strip() == link_url(RecruitmentLink.objects.get())


def test_create_link_writes_invitations_as_csv(capsys: pytest.CaptureFixture[str]) -> None:
    make_study()
    call_command("create_link", "trial", "--invitations", "3", "--mode", "pilot")
    rows = capsys.readouterr().out.strip().splitlines()
    assert rows[0] == "number,url,mode"
    assert len(rows) == 4
    assert RecruitmentLink.objects.filter(single_use=True, mode=Mode.PILOT).count() == 3


def test_invited_people_are_known_again_in_another_study(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, client: Client
) -> None:
    people = tmp_path / "people.txt"
    people.write_text("\ufeffana\n\n b & c \n", encoding="utf-8")
    for name in ("first", "second"):
        make_study(protocol=make_protocol(name=name, dataset=f"eight-{name}"))
        call_command("create_link", name, "--people", str(people))
        rows = list(csv.reader(capsys.readouterr().out.splitlines()))
        assert rows[0] == ["participant", "url", "mode"]
        assert [row[0] for row in rows[1:]] == ["ana", "b & c"]
        door = client.get(rows[2][1].removeprefix(settings.BASE_URL))
        client.post(door.request["PATH_INFO"], {"visitor": door.context["visitor"]})
    assert {sitting.study.name for sitting in Sitting.objects.all()} == {"first", "second"}
    [participant] = Participant.objects.all()
    assert person_of(ParticipantIdentity.objects.get(participant=participant)) == "b & c"


@pytest.mark.parametrize(
    ("text", "said"),
    [("\n \n", "no line has an id"), ("a\nb\na", "'a' is there twice"), ("x" * 201, "201 characters")],
)
def test_a_list_of_people_that_will_not_do_invites_nobody(tmp_path: Path, text: str, said: str) -> None:
    make_study()
    people = tmp_path / "people.txt"
    people.write_text(text)
    with pytest.raises(CommandError, match=said):
        call_command("create_link", "trial", "--people", str(people))
    with pytest.raises(CommandError, match="no-such-file"):
        call_command("create_link", "trial", "--people", str(tmp_path / "no-such-file"))
    assert not RecruitmentLink.objects.exists()


def test_create_link_names_the_studies_there_are() -> None:
    make_study()
    with pytest.raises(CommandError, match="trial"):
        call_command("create_link", "missing")
