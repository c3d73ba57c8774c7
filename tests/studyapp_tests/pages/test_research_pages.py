"""Researcher pages by persona: Alice is staff, Bob has an account, a stranger has none."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from studyapp.models import (
    Category,
    ClassList,
    Dataset,
    Image,
    Mode,
    QuestionSlots,
)
from tests.studyapp_tests.factories import make_study
from tests.studyapp_tests.pages.rows import everything, give, rows_of, text_of

pytestmark = pytest.mark.django_db


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


def test_the_board_names_a_rehearsal_apart_from_real_answers(alice: Client) -> None:
    make_study(questions=1, modes=(Mode.REAL, Mode.REHEARSAL))
    assert "simulated answers" not in text_of(alice, reverse("board"))
    QuestionSlots.objects.filter(mode=Mode.REHEARSAL).update(taken=3, counted=3, positive=3)
    assert "3 of 5 simulated answers" in text_of(alice, reverse("board"))
    [row] = rows_of(alice, reverse("studies") + "?format=csv")
    assert row["answers"] == "0"


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
