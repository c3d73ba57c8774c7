"""What researchers may do to studies, stimuli and jobs; and that nobody else may."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from studyapp.models import (
    AuditEntry,
    Job,
    Mode,
    QuestionSlots,
    RecruitmentLink,
    Stimulus,
    Study,
)
from tests.studyapp_tests.factories import make_protocol, make_study
from tests.studyapp_tests.pages.rows import everything, rows_of, text_of

pytestmark = pytest.mark.django_db


def state_changes(rows: dict[str, Any]) -> list[str]:
    study = rows["study"].name
    stimulus = rows["study"].stimuli.order_by("pk")[0].key
    names = ("study-open", "study-pause", "study-resume", "study-close", "study-add-link", "study-invite")
    return [
        *(reverse(name, args=[study]) for name in (*names, "study-preview", "study-approve")),
        reverse("study-review", args=[study, stimulus]),
        reverse("job-retry", args=[rows["job"].pk]),
        reverse("job-cancel", args=[rows["job"].pk]),
    ]


def test_a_stimulus_of_another_study_can_not_be_decided_about_here(alice: Client) -> None:
    here = make_study(protocol=make_protocol(name="here", dataset="a"), questions=1)
    there = make_study(protocol=make_protocol(name="there", dataset="b"), questions=1)
    key = there.stimuli.get().key
    address = reverse("study-review", args=[here.name, key])
    assert alice.post(address, {"decision": "approve"}).status_code == 404
    assert there.stimuli.get().review == Stimulus.Review.PENDING


def test_no_get_changes_anything(alice: Client) -> None:
    rows = everything()
    before = (AuditEntry.objects.count(), RecruitmentLink.objects.count(), Job.objects.get().state)
    for address in state_changes(rows):
        assert alice.get(address).status_code == 405, address
    for address in rows["pages"].values():
        alice.get(address)
    assert before == (AuditEntry.objects.count(), RecruitmentLink.objects.count(), Job.objects.get().state)


def test_nobody_else_changes_anything(bob: Client, client: Client) -> None:
    rows = everything()
    for address in state_changes(rows):
        assert bob.post(address, {"decision": "approve"}).status_code == 404, address
        assert client.post(address, {"decision": "approve"}).status_code == 302, address
    rows["study"].refresh_from_db()
    assert rows["study"].state == Study.State.OPEN
    assert AuditEntry.objects.count() == 0
    assert RecruitmentLink.objects.count() == 0


def test_a_form_from_another_site_is_refused() -> None:
    study = make_study()
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(get_user_model().objects.create_user("alice", is_staff=True))
    assert careful.post(reverse("study-pause", args=[study.name])).status_code == 403
    study.refresh_from_db()
    assert study.state == Study.State.OPEN


def test_pause_resume_and_close_go_round_and_are_audited(alice: Client) -> None:
    study = make_study()
    for name, state in (("pause", "paused"), ("resume", "open"), ("close", "closed")):
        alice.post(reverse(f"study-{name}", args=[study.name]))
        study.refresh_from_db()
        assert study.state == state
    page = alice.post(reverse("study-resume", args=[study.name]), follow=True).content.decode()
    assert "one can only resume a study that is" in page
    verbs = AuditEntry.objects.order_by("pk").values_list("verb", "actor")
    assert list(verbs) == [("pause", "alice"), ("resume", "alice"), ("close", "alice")]


def test_opening_says_everything_that_stands_in_the_way(alice: Client) -> None:
    study = make_study(state=Study.State.DRAFT)
    page = alice.post(reverse("study-open", args=[study.name]), follow=True).content.decode()
    assert "can not be opened" in page
    assert "names without pixels" in page


def test_invitations_are_made_listed_and_audited(alice: Client) -> None:
    study = make_study()
    alice.post(reverse("study-invite", args=[study.name]), {"count": "3", "mode": "real", "note": "lab"})
    rows = rows_of(alice, reverse("study-links", args=[study.name]) + "?format=csv")
    assert len(rows) == 3
    assert all("/join/" in row["url"] and row["note"] == "lab" for row in rows)
    assert AuditEntry.objects.get().verb == "invite"
    refused = alice.post(reverse("study-invite", args=[study.name]), {"count": "-1"}, follow=True)
    assert "is not a number of invitations" in refused.content.decode()
    assert RecruitmentLink.objects.count() == 3


def test_a_preview_is_in_preview_mode_and_made_once(alice: Client) -> None:
    study = make_study(state=Study.State.DRAFT)
    first = alice.post(reverse("study-preview", args=[study.name]))
    second = alice.post(reverse("study-preview", args=[study.name]))
    link = RecruitmentLink.objects.get()
    assert link.mode == Mode.PREVIEW
    assert first["Location"] == second["Location"] == f"/join/{link.token}/"


def test_a_stimulus_is_held_back_with_a_reason_and_approved_without(alice: Client) -> None:
    study = make_study(pictures=True, questions=2)
    stimulus = study.stimuli.order_by("pk")[0]
    address = reverse("study-review", args=[study.name, stimulus.key])
    bare = alice.post(address, {"decision": "hold_back"}, headers={"HX-Request": "true"})
    assert bare.status_code == 422
    assert "with a reason" in bare.content.decode()
    alice.post(address, {"decision": "hold_back", "reason": "a face"})
    stimulus.refresh_from_db()
    assert (stimulus.review, stimulus.review_reason) == ("held_back", "a face")
    assert not QuestionSlots.objects.get(question__stimulus=stimulus).open
    alice.post(reverse("study-approve", args=[study.name]))
    assert sorted(study.stimuli.values_list("review", flat=True)) == ["approved", "held_back"]
    entry = AuditEntry.objects.order_by("pk")[0]
    assert (entry.actor, entry.verb, entry.detail["reason"]) == ("alice", "review", "a face")


def test_a_review_leads_back_to_this_site_only(alice: Client) -> None:
    study = make_study(pictures=True, questions=1)
    address = reverse("study-review", args=[study.name, study.stimuli.get().key])
    for back in ("https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"):
        response = alice.post(address, {"decision": "approve", "back": back})
        assert response["Location"] == reverse("study-stimuli", args=[study.name])


def test_a_failed_job_shows_why_and_can_be_retried_and_cancelled(alice: Client) -> None:
    job = everything()["job"]
    page = text_of(alice, reverse("job", args=[job.pk]))
    assert "No memory." in page
    assert "3 of 8 images" in page
    alice.post(reverse("job-retry", args=[job.pk]))
    job.refresh_from_db()
    assert job.state == Job.State.QUEUED
    alice.post(reverse("job-cancel", args=[job.pk]))
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED
    again = alice.post(reverse("job-cancel", args=[job.pk]), follow=True)
    assert "had already ended" in again.content.decode()
