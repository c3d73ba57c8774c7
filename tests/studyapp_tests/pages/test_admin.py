"""The admin: every model is there, facts are only looked at, no page asks once per row."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from studyapp.models import (
    AuditEntry,
    Category,
    Job,
    Participant,
    ParticipantIdentity,
    QuestionSlots,
    Stimulus,
    Study,
)
from tests.studyapp_tests.factories import make_dataset, make_protocol, make_study

pytestmark = pytest.mark.django_db

MODELS = list(apps.get_app_config("studyapp").get_models())
EDITABLE = {"Category", "Dataset", "RecruitmentLink", "Study"}
NAMES = [model.__name__ for model in MODELS]


@pytest.fixture
def root(client: Client) -> Client:
    """A superuser: whoever may do most."""
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def changelist(model: type) -> str:
    return reverse(f"admin:studyapp_{model.__name__.lower()}_changelist")


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_every_model_has_a_list_that_opens_and_can_be_searched(root: Client, model: type) -> None:
    make_study(gold=1)
    assert root.get(changelist(model)).status_code == 200
    assert root.get(changelist(model), {"q": "ant"}).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_not_even_a_superuser_adds_or_deletes_rows(root: Client, model: type) -> None:
    make_study(gold=1)
    name = f"admin:studyapp_{model.__name__.lower()}"
    assert root.get(reverse(f"{name}_add")).status_code == 403
    assert root.post(reverse(f"{name}_add"), {}).status_code == 403
    row = model._default_manager.first()
    if row is not None:
        before = model._default_manager.count()
        assert root.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
        root.post(changelist(model), {"action": "delete_selected", "_selected_action": [row.pk]})
        assert model._default_manager.count() == before


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_facts_are_shown_and_refuse_a_change(root: Client, model: type) -> None:
    make_study(gold=1)
    row = model._default_manager.first()
    address = reverse(f"admin:studyapp_{model.__name__.lower()}_change", args=[row.pk if row else 1])
    if row is not None:
        assert root.get(address).status_code == 200
        expected = 200 if model.__name__ in EDITABLE else 403
        assert root.post(address, {}).status_code in (expected, 302 if expected == 200 else 403)


def test_a_list_costs_the_same_number_of_queries_however_long_it_is(root: Client) -> None:
    make_study(questions=2, protocol=make_protocol(name="short", dataset="a"), dataset=make_dataset("a"))
    address = reverse("admin:studyapp_question_changelist")
    root.get(address)
    with CaptureQueriesContext(connection) as few:
        root.get(address)
    make_study(
        questions=30, protocol=make_protocol(name="long", dataset="b"), dataset=make_dataset("b", images=30)
    )
    with CaptureQueriesContext(connection) as many:
        root.get(address)
    assert len(many) <= len(few)


def test_no_list_of_many_rows_counts_them(root: Client) -> None:
    make_study()
    with CaptureQueriesContext(connection) as queries:
        root.get(reverse("admin:studyapp_answer_changelist"))
    assert not [
        query["sql"] for query in queries if 'COUNT(*) AS "__count" FROM "studyapp_answer"' in query["sql"]
    ]


def test_the_panels_id_of_a_person_is_never_on_a_page(root: Client) -> None:
    person = Participant.objects.create(pseudonym="f" * 64)
    identity = ParticipantIdentity.objects.create(
        participant=person, panel="prolific", ciphertext=b"SECRET-CIPHERTEXT"
    )
    page = root.get(reverse("admin:studyapp_participantidentity_change", args=[identity.pk])).content.decode()
    assert "prolific" in page
    assert "ciphertext" not in page.lower()


def test_a_class_that_people_are_being_asked_about_keeps_its_gloss(root: Client) -> None:
    study = make_study(state=Study.State.DRAFT)
    category = Category.objects.get(pk=study.questions.values_list("label", flat=True)[0])
    address = reverse("admin:studyapp_category_change", args=[category.pk])
    assert root.post(address, {"synonyms": "", "gloss": "small"}).status_code == 302
    category.refresh_from_db()
    assert category.gloss == "small"
    Study.objects.update(state=Study.State.OPEN)
    assert root.post(address, {"synonyms": "", "gloss": "large"}).status_code == 403
    category.refresh_from_db()
    assert category.gloss == "small"


def test_staff_without_permissions_see_no_rows(client: Client) -> None:
    client.force_login(get_user_model().objects.create_user("bob", is_staff=True))
    assert client.get(reverse("admin:studyapp_answer_changelist")).status_code == 403


def test_the_sidebar_names_every_model(root: Client) -> None:
    page = root.get(reverse("admin:index")).content.decode()
    assert [model.__name__ for model in MODELS if f'href="{changelist(model)}"' not in page] == []


def test_stimuli_are_held_back_and_approved_through_the_service(root: Client) -> None:
    study = make_study(questions=2, pictures=True)
    address = changelist(Stimulus)
    chosen = list(study.stimuli.values_list("pk", flat=True))
    root.post(address, {"action": "hold_back", "_selected_action": chosen})
    assert set(study.stimuli.values_list("review", flat=True)) == {"held_back"}
    assert not QuestionSlots.objects.filter(study=study, open=True).exists()
    root.post(address, {"action": "approve", "_selected_action": chosen})
    assert set(study.stimuli.values_list("review", flat=True)) == {"approved"}
    assert QuestionSlots.objects.filter(study=study, open=True).count() == 2
    assert set(AuditEntry.objects.values_list("verb", "actor")) == {("review", "root")}


def test_who_may_only_look_is_offered_no_decision(client: Client) -> None:
    study = make_study(questions=1, pictures=True)
    onlooker = get_user_model().objects.create_user("bob", is_staff=True)
    onlooker.user_permissions.add(*Permission.objects.filter(codename__in=("view_stimulus", "view_job")))
    client.force_login(onlooker)
    assert client.get(changelist(Stimulus)).status_code == 200
    client.post(changelist(Stimulus), {"action": "hold_back", "_selected_action": [study.stimuli.get().pk]})
    assert study.stimuli.get().review == Stimulus.Review.PENDING


def test_jobs_are_retried_and_cancelled_and_otherwise_left_alone(root: Client) -> None:
    job = Job.objects.create(kind="predict", title="Predict", state=Job.State.FAILED, error="No memory.")
    for action, state in (("retry", "queued"), ("cancel", "cancelled"), ("cancel", "cancelled")):
        root.post(changelist(Job), {"action": action, "_selected_action": [job.pk]})
        job.refresh_from_db()
        assert job.state == state
