"""Approving and holding back from the gallery: by POST, audited, and obeyed when questions are given out."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from studyapp.models import AuditEntry, Presentation, Question, QuestionUse, Stimulus, Study
from studyapp.services.gallery.decisions import Reviews, reviews_of
from studyapp.services.participation.allocation import next_question
from tests.studyapp_tests.gallery.conftest import staff
from tests.studyapp_tests.gallery.rows import Attacked, make_attack, make_gallery_study
from tests.studyapp_tests.participant.people import answer, arrive

pytestmark = pytest.mark.django_db
ROOT = "/admin/gallery/study/turned/"


@pytest.fixture
def attacked() -> Attacked:
    made = make_attack(images=4)
    make_gallery_study(made)
    return made


def decide(client: Client, attacked: Attacked, number: int, decision: str, **more: str) -> int:
    key = attacked.images[number].key
    values = {"image": key, "decision": decision, **more}
    return client.post(f"{ROOT}decide/", values, headers={"HX-Request": "true"}).status_code


def reviews(attacked: Attacked, number: int) -> set[tuple[str, str]]:
    rows = Stimulus.objects.filter(adversarial=attacked.images[number])
    return set(rows.values_list("review", "review_reason"))


def test_one_decision_is_about_everything_shown_of_an_image(alice: Client, attacked: Attacked) -> None:
    assert decide(alice, attacked, 1, "approve") == 200
    assert decide(alice, attacked, 2, "hold_back", reason="too dark") == 200
    assert reviews(attacked, 0) == {("pending", "")}
    assert reviews(attacked, 1) == {("approved", "")}
    assert reviews(attacked, 2) == {("held_back", "too dark")}


def test_every_decision_is_in_the_audit_trail_and_the_last_one_stands(
    alice: Client, attacked: Attacked
) -> None:
    decide(alice, attacked, 0, "hold_back", reason="too dark")
    decide(alice, attacked, 0, "approve")
    assert reviews(attacked, 0) == {("approved", "")}
    lines = AuditEntry.objects.filter(verb="review", actor="alice").order_by("pk")
    assert [(line.detail["before"], line.detail["decision"], line.detail["reason"]) for line in lines] == [
        ("pending", "held_back", "too dark"),
        ("pending", "held_back", "too dark"),
        ("held_back", "approved", ""),
        ("held_back", "approved", ""),
    ]
    shown = set(Stimulus.objects.filter(adversarial=attacked.images[0]).values_list("key", flat=True))
    assert {line.subject for line in lines} == shown


def test_a_single_stimulus_can_be_decided_about(alice: Client, attacked: Attacked) -> None:
    whole = Stimulus.objects.get(adversarial=attacked.images[0], kind="whole")
    decide(alice, attacked, 0, "hold_back", reason="blurred", stimulus=whole.key)
    assert reviews(attacked, 0) == {("held_back", "blurred"), ("pending", "")}
    other = Stimulus.objects.get(adversarial=attacked.images[1], kind="whole")
    assert decide(alice, attacked, 0, "approve", stimulus=other.key) == 422
    assert reviews(attacked, 1) == {("pending", "")}


def test_holding_back_wants_a_reason_and_decisions_are_one_of_two(alice: Client, attacked: Attacked) -> None:
    assert decide(alice, attacked, 0, "hold_back", reason="  ") == 422
    assert decide(alice, attacked, 0, "maybe") == 422
    assert alice.post(f"{ROOT}decide/", {"image": "nobody", "decision": "approve"}).status_code == 302
    assert not AuditEntry.objects.filter(verb="review").exists()


def test_who_reviews_in_the_gallery_alone_is_led_to_the_pictures_on_no_card(
    alice: Client, attacked: Attacked
) -> None:
    study = Study.objects.get()
    image = attacked.images[0].image
    arms = list(study.arms.order_by("position"))
    for number in range(2):
        practice = Stimulus.objects.create(study=study, image=image, variant=f"practice-{number}")
        asked = Question.objects.create(
            study=study, arm=arms[number], stimulus=practice, image=image, content=f"practice:{number}"
        )
        QuestionUse.objects.create(question=asked, role=QuestionUse.Role.PRACTICE)
    alice.post(f"{ROOT}approve/", {"expected": "8"})
    assert reviews_of(study) == Reviews({"pending": 0, "held_back": 0, "approved": 8}, (), elsewhere=2)
    to_the_rest = 'href="/studies/turned/stimuli/?review=pending"'
    one = {"one": attacked.images[0].key}
    for page in (
        alice.get(ROOT),
        alice.get(ROOT, {"review": "pending"}),
        alice.get(ROOT, one),
        alice.post(f"{ROOT}approve/"),
    ):
        content = page.content.decode()
        assert "2 more pictures are not reviewed and on no card" in content
        assert to_the_rest in content
    rest = alice.get("/studies/turned/stimuli/?review=pending").content.decode()
    for key in study.stimuli.filter(variant__startswith="practice").values_list("key", flat=True):
        assert key in rest
    study.stimuli.filter(variant="practice-0").update(review="approved")
    assert "One more picture is not reviewed" in alice.get(ROOT).content.decode()
    study.stimuli.filter(variant="practice-1").update(review="held_back", review_reason="not a practice")
    done = alice.get(ROOT).content.decode()
    assert to_the_rest not in done
    assert '<button type="button" class="reason">not a practice</button>' in done


def test_no_get_decides(alice: Client, attacked: Attacked) -> None:
    for address in ("decide/", "approve/", "board/", "thumbnails/"):
        assert alice.get(ROOT + address).status_code == 405
    assert not Stimulus.objects.exclude(review="pending").exists()


def test_what_is_held_back_in_the_gallery_is_never_given_to_a_participant(
    alice: Client, attacked: Attacked
) -> None:
    decide(alice, attacked, 1, "hold_back", reason="too dark")
    decide(alice, attacked, 2, "hold_back", reason="too dark")
    decide(alice, attacked, 2, "approve")
    study = Study.objects.get()
    for person in range(6):
        sitting = arrive(study, f"p{person}")
        while (presentation := next_question(sitting=sitting)) is not None:
            answer(presentation)
    shown = set(Presentation.objects.values_list("question__stimulus__adversarial", flat=True))
    assert shown == {attacked.images[number].pk for number in (0, 2, 3)}


def test_all_that_wait_are_approved_after_the_number_was_confirmed(alice: Client, attacked: Attacked) -> None:
    decide(alice, attacked, 0, "hold_back", reason="too dark")
    page = alice.post(f"{ROOT}approve/", {"filter": "steps_from=2"}).content.decode()
    assert "6 stimuli of 3 images wait among those that pass the filter" in page
    assert reviews(attacked, 1) == {("pending", "")}
    alice.post(f"{ROOT}approve/", {"filter": "steps_from=3", "expected": "4"})
    assert [reviews(attacked, number) for number in range(4)] == [
        {("held_back", "too dark")},
        {("pending", "")},
        {("approved", "")},
        {("approved", "")},
    ]
    [line] = AuditEntry.objects.filter(verb="review", detail__decision="approved")
    assert (line.actor, line.detail["stimuli"], line.detail["filter"]) == ("alice", 4, "steps_from=3")
    assert set(line.detail["keys"]) == set(
        Stimulus.objects.filter(review="approved").values_list("key", flat=True)
    )


def test_only_the_ticked_images_are_approved(alice: Client, attacked: Attacked) -> None:
    keys = [attacked.images[number].key for number in (1, 3)]
    page = alice.post(f"{ROOT}approve/", {"images": keys}).content.decode()
    assert "4 stimuli of 2 images wait among the 2 you ticked" in page
    alice.post(f"{ROOT}approve/", {"images": keys, "expected": "4"})
    assert [reviews(attacked, number) for number in (0, 1, 2, 3)] == [
        {("pending", "")},
        {("approved", "")},
    ] * 2


def test_a_number_that_is_no_longer_true_approves_nothing(alice: Client, attacked: Attacked) -> None:
    alice.post(f"{ROOT}approve/", {"expected": "7"})
    assert reviews(attacked, 0) == {("pending", "")}
    assert "8 stimuli wait here now, not 7" in alice.get(ROOT).content.decode()


def test_a_gallery_of_no_study_decides_nothing(alice: Client, attacked: Attacked) -> None:
    values = {"image": attacked.images[0].key, "decision": "approve"}
    address = f"/admin/gallery/attack/{attacked.run.pk}/"
    answer = alice.post(f"{address}decide/", values, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "belongs to no study yet" in answer.content.decode()
    assert ">Approve<" not in alice.get(address).content.decode()


def test_strangers_see_and_decide_nothing(client: Client, attacked: Attacked) -> None:
    bob = Client()
    bob.force_login(get_user_model().objects.create_user("bob"))
    for stranger in (client, bob):
        for address in ("/admin/gallery/", ROOT, "/admin/gallery/pixels/nothing.png"):
            answer = stranger.get(address)
            assert answer.status_code == 302
            assert "/admin/login/" in answer["Location"]
        assert decide(stranger, attacked, 0, "approve") == 302
    assert reviews(attacked, 0) == {("pending", "")}


def test_who_may_only_look_is_offered_no_decision(attacked: Attacked) -> None:
    onlooker = staff("carol", "view_stimulus")
    page = onlooker.get(ROOT).content.decode()
    assert attacked.images[0].key in page
    assert ">Approve<" not in page
    assert decide(onlooker, attacked, 0, "approve") == 403
    nobody = staff("dave")
    assert nobody.get(ROOT).status_code == 403
    assert reviews(attacked, 0) == {("pending", "")}


def test_reasons_given_before_are_offered_again(alice: Client, attacked: Attacked) -> None:
    decide(alice, attacked, 0, "hold_back", reason="too dark")
    assert '<button type="button" class="reason">too dark</button>' in alice.get(ROOT).content.decode()
