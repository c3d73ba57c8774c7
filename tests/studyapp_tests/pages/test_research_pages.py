"""Researcher pages by persona: Alice is staff, Bob has an account, a stranger has none."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from studyapp.models import (
    Answer,
    AuditEntry,
    Category,
    Chunk,
    Classifier,
    ClassList,
    Dataset,
    Image,
    Job,
    Mode,
    Participant,
    Prediction,
    PredictionRun,
    QuestionSlots,
    RecruitmentLink,
    SkippedFile,
    Stimulus,
    Study,
)
from tests.studyapp_tests.factories import make_protocol, make_study

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client: Client) -> Client:
    """A researcher."""
    client.force_login(get_user_model().objects.create_user("alice", is_staff=True))
    return client


@pytest.fixture
def bob() -> Client:
    """Somebody with an account who is no researcher."""
    client = Client()
    client.force_login(get_user_model().objects.create_user("bob"))
    return client


def add_run(dataset: Dataset, name: str = "toy") -> PredictionRun:
    """A finished run that gets every second image wrong by one class."""
    classifier, _ = Classifier.objects.get_or_create(
        name=name, source=Classifier.Source.ELSEWHERE, class_list=dataset.class_list
    )
    run = PredictionRun.objects.create(
        dataset=dataset, classifier=classifier, finished_at=dataset.created_at, device="cpu"
    )
    classes = list(dataset.class_list.categories.order_by("index"))
    Prediction.objects.bulk_create(
        Prediction(
            run=run,
            image=image,
            predicted=classes[(image.category.index + number % 2) % len(classes)],
            probability=0.75,
            ranking=[(image.category.index + number % 2 + step) % len(classes) for step in range(5)],
            probabilities=[0.75, 0.1, 0.05, 0.05, 0.05],
            top1_correct=number % 2 == 0,
            top5_correct=number % 2 == 0,
        )
        for number, image in enumerate(dataset.images.select_related("category").order_by("pk"))
    )
    return run


def everything() -> dict[str, Any]:
    """A study with answers, a dataset with a run and a skipped file, a failed job; and their addresses."""
    study = make_study(gold=1, pictures=True, state=Study.State.OPEN)
    run = add_run(study.dataset)
    SkippedFile.objects.create(dataset=study.dataset, name="bad.jpg", reason="truncated")
    job = Job.objects.create(
        kind="predict", title="Predict eight", total=8, done=3, state=Job.State.FAILED, error="No memory."
    )
    Chunk.objects.create(job=job, number=0, size=3, state=Chunk.State.DONE)
    give(study, "yes", "no")
    names = {
        "board": [],
        "studies": [],
        "study-new": [],
        "study": [study.name],
        "study-participants": [study.name],
        "study-audit": [study.name],
        "study-links": [study.name],
        "study-stimuli": [study.name],
        "datasets": [],
        "dataset": [study.dataset.name],
        "dataset-categories": [study.dataset.name],
        "dataset-skipped": [study.dataset.name],
        "image": [study.dataset.images.order_by("pk")[0].key],
        "classifiers": [],
        "classifier": [run.classifier.name],
        "jobs": [],
        "job": [job.pk],
    }
    return {
        "study": study,
        "run": run,
        "job": job,
        "pages": {name: reverse(name, args=arguments) for name, arguments in names.items()},
    }


def give(study: Study, *values: str) -> None:
    """One participant for each value, who says it to every question."""
    for number, value in enumerate(values):
        person = Participant.objects.create(pseudonym=f"{study.pk:06}{number:02}" * 8)
        for slots in QuestionSlots.objects.filter(study=study, mode=Mode.REAL):
            slots.taken += 1
            slots.counted += 1
            slots.positive += value == "yes"
            slots.save()
            Answer.objects.create(
                question_id=slots.question_id,
                participant=person,
                value=value,
                answered_at=study.created_at,
                active_seconds=2.0 + number,
            )


def text_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode().replace("\u202f", " ")


def rows_of(client: Client, address: str) -> list[dict[str, str]]:
    response = client.get(address)
    assert response.status_code == 200
    content = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(content)))


def test_every_page_renders_with_rows_for_a_researcher(alice: Client) -> None:
    for name, address in everything()["pages"].items():
        assert "</html>" in text_of(alice, address), name


def test_every_list_renders_at_no_rows_and_says_what_to_do(alice: Client) -> None:
    for name, command in {
        "board": "import_dataset",
        "studies": "create_study",
        "study-new": "import_dataset",
        "datasets": "import_dataset",
        "classifiers": "add_classifier",
        "jobs": "predict",
    }.items():
        assert f"manage.py {command}" in text_of(alice, reverse(name)), name


def test_a_stranger_is_asked_to_log_in_and_shown_nothing(client: Client) -> None:
    for address in everything()["pages"].values():
        response = client.get(address)
        assert response.status_code == 302
        assert response["Location"].startswith("/login/?next=")


def test_an_account_that_is_no_researcher_finds_nothing(bob: Client) -> None:
    for address in everything()["pages"].values():
        assert bob.get(address).status_code == 404, address


def test_pictures_are_for_researchers_alone(alice: Client, bob: Client, client: Client) -> None:
    key = everything()["study"].dataset.images.order_by("pk")[0].key
    for name in ("image-picture", "image-thumb"):
        assert bob.get(reverse(name, args=[key])).status_code == 404
        assert Client().get(reverse(name, args=[key])).status_code == 302
        # The catalogue of this study has names without pixels.
        assert alice.get(reverse(name, args=[key])).status_code == 404


def test_images_are_found_by_their_key_and_never_by_number(alice: Client) -> None:
    study = everything()["study"]
    image = study.dataset.images.order_by("pk")[0]
    assert alice.get(f"/images/{image.pk}/").status_code == 404
    stimulus = study.stimuli.order_by("pk")[0]
    address = reverse("study-review", args=[study.name, str(stimulus.pk)])
    assert alice.post(address, {"decision": "approve"}).status_code == 404


def test_a_stimulus_of_another_study_can_not_be_decided_about_here(alice: Client) -> None:
    here = make_study(protocol=make_protocol(name="here", dataset="a"), questions=1)
    there = make_study(protocol=make_protocol(name="there", dataset="b"), questions=1)
    key = there.stimuli.get().key
    address = reverse("study-review", args=[here.name, key])
    assert alice.post(address, {"decision": "approve"}).status_code == 404
    assert there.stimuli.get().review == Stimulus.Review.PENDING


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


def test_the_board_counts_answers_verdicts_and_questions(alice: Client) -> None:
    study = make_study(questions=4)
    first = QuestionSlots.objects.filter(study=study).order_by("pk")
    for slots, (counted, positive) in zip(first, ((4, 4), (2, 0), (3, 2), (0, 0)), strict=True):
        slots.taken, slots.counted, slots.positive = counted, counted, positive
        slots.save()
    [row] = rows_of(alice, reverse("studies") + "?format=csv")
    # By hand, 4 of 5: four yes are agreed; two no are rejected; 2 of 3 yes and nothing are undecided.
    assert (row["questions"], row["decided"], row["undecided"]) == ("4", "2", "2")
    assert (row["answers"], row["wanted"]) == ("9", "20")


def test_rehearsal_answers_are_shown_only_when_asked_for(alice: Client) -> None:
    study = make_study(questions=1, modes=(Mode.REAL, Mode.REHEARSAL))
    QuestionSlots.objects.filter(mode=Mode.REHEARSAL).update(taken=3, counted=3, positive=3)
    assert "0 <small>of 5</small>" in text_of(alice, reverse("study", args=[study.name]))
    page = text_of(alice, reverse("study", args=[study.name]) + "?mode=rehearsal")
    assert "3 <small>of 5</small>" in page
    assert "rehearsal answers" in page


def test_the_quality_of_a_participant_is_what_a_hand_count_says(alice: Client) -> None:
    study = make_study(questions=2, gold=1)
    give(study, "yes", "yes", "no")
    rows = {
        row["participant"][6:8]: row
        for row in rows_of(alice, reverse("study-participants", args=[study.name]) + "?format=csv")
    }
    # Each answered two questions and one gold question (expected: yes).
    assert [rows[who]["answers"] for who in ("00", "01", "02")] == ["3", "3", "3"]
    assert [rows[who]["gold_right"] for who in ("00", "01", "02")] == ["1", "1", "0"]
    # Of the two others, one agrees with each yes and none with the no.
    assert [float(rows[who]["agreement_with_others"]) for who in ("00", "01", "02")] == [0.5, 0.5, 0.0]
    assert [float(rows[who]["positive_share"]) for who in ("00", "01", "02")] == [1.0, 1.0, 0.0]
    assert [float(rows[who]["median_active_seconds"]) for who in ("00", "01", "02")] == [2.0, 3.0, 4.0]


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


def test_errors_and_common_mistakes_of_a_run_are_counted_by_hand(alice: Client) -> None:
    run = everything()["run"]
    # Nine images, the odd ones wrong: four mistakes, 44.44 %.
    assert "44.44" in text_of(alice, reverse("classifiers"))
    rows = rows_of(alice, reverse("classifier", args=[run.classifier.name]) + "?format=csv")
    assert [(row["label"], row["predicted"], row["images"]) for row in rows] == [
        ("bee", "cat", "1"),
        ("dog", "eel", "1"),
        ("fox", "gnu", "1"),
        ("hen", "ibis", "1"),
    ]


def test_the_gallery_is_narrowed_by_category_run_and_outcome(alice: Client) -> None:
    rows = everything()
    address = reverse("dataset", args=[rows["study"].dataset.name])
    bee = Category.objects.get(name="bee", class_list=rows["study"].dataset.class_list)
    for narrowed, many in (
        ("", 9),
        (f"category={bee.pk}", 1),
        (f"run={rows['run'].pk}&outcome=wrong", 4),
        (f"run={rows['run'].pk}&outcome=wrong&category={bee.pk}", 1),
        ("q=hen", 1),
        ("q=no+such+thing", 0),
        ("category=99999999999999999999&run=x&page=y", 9),
    ):
        assert len(rows_of(alice, f"{address}?{narrowed}&format=csv")) == many, narrowed


def test_a_file_name_can_not_become_a_formula(alice: Client) -> None:
    dataset = everything()["study"].dataset
    Image.objects.create(dataset=dataset, name="=HYPERLINK(1)", category=dataset.images.first().category)
    rows = rows_of(alice, reverse("dataset", args=[dataset.name]) + "?format=csv&q=HYPERLINK")
    assert [row["name"] for row in rows] == ["'=HYPERLINK(1)"]


def test_names_from_files_are_text_on_every_page(alice: Client) -> None:
    rows = everything()
    Image.objects.filter(pk=rows["study"].dataset.images.first().pk).update(name="<script>alert(1)</script>")
    for address in rows["pages"].values():
        assert "<script>alert" not in alice.get(address).content.decode()


def test_pages_carry_the_strict_policy_and_nothing_inline(alice: Client) -> None:
    for name, address in everything()["pages"].items():
        response = alice.get(address)
        policy = response["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'self'" in policy
        assert response["X-Frame-Options"] == "DENY"
        page = response.content.decode()
        assert " style=" not in page, name
        assert "<style" not in page, name
        assert "<script>" not in page, name
        assert " onclick=" not in page, name
        assert "https://" not in page, name


QUERIES = {"study": 40, "dataset": 24, "study-stimuli": 16, "board": 24, "studies": 20}


@pytest.mark.parametrize("name", QUERIES)
def test_a_page_costs_no_query_for_each_row(alice: Client, name: str) -> None:
    address = everything()["pages"][name]
    alice.get(address)
    with CaptureQueriesContext(connection) as queries:
        alice.get(address)
    assert len(queries) <= QUERIES[name], [query["sql"][:120] for query in queries]


def test_a_list_of_thousands_is_paged_and_searched(alice: Client) -> None:
    class_list = ClassList.objects.create(name="one", digest="d")
    Dataset.objects.bulk_create(
        Dataset(name=f"set-{number:04}", layout="names", class_list=class_list) for number in range(2000)
    )
    page = text_of(alice, reverse("datasets") + "?page=7")
    assert "301–350 of 2 000" in page
    assert page.count("<tr>") == 51
    assert text_of(alice, reverse("datasets") + "?q=set-1999").count("<tr>") == 2
    assert "1 951–2 000" in text_of(alice, reverse("datasets") + "?page=99999")
