"""The results pages: a researcher sees the tables and the answers behind them, a stranger sees nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from studyapp.models import Answer, Draw, Job, Mode, Participant, Study
from tests.studyapp_tests.factories import make_researcher
from tests.studyapp_tests.results.small_study import SmallStudy, add_answer, small_study

pytestmark = pytest.mark.django_db

ADDRESSES = (
    "/studies/small/results/",
    "/studies/small/results.json",
    "/studies/small/results/tables/rectified_error.csv",
    "/studies/small/results/figures/positive_answers.svg",
    "/studies/small/questions/",
    "/studies/small/questions/small-q3-4/",
    "/studies/small/export/",
    "/studies/small/export/bundle.zip",
)


@pytest.fixture
def small() -> SmallStudy:
    return small_study(pictures=True)


@pytest.fixture
def alice() -> Client:
    """A researcher."""
    client = Client()
    client.force_login(make_researcher())
    return client


def text_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_stranger_is_asked_to_log_in(small: SmallStudy, address: str) -> None:
    response = Client().get(address)
    assert response.status_code == 302
    assert "login" in response["Location"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_account_that_is_no_researchers_finds_nothing(small: SmallStudy, address: str) -> None:
    charlie = Client()
    account = make_researcher("charlie")
    account.is_staff = False
    account.save()
    charlie.force_login(account)
    assert charlie.get(address).status_code == 404


def test_the_page_shows_both_classifiers_with_bounds_and_undecided(small: SmallStudy, alice: Client) -> None:
    page = text_of(alice, "/studies/small/results/")
    assert "62.50" in page  # alpha's standard error, 5 of 8
    assert "25.00" in page
    assert "12.50–25.00" in page  # beta's bounds
    assert page.count("<figure") == 3
    assert page.index("<figure") < page.index("<table")


def test_page_command_and_file_say_the_same(
    small: SmallStudy, alice: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("results", "small", "--json")
    printed = json.loads(capsys.readouterr().out)
    assert json.loads(text_of(alice, "/studies/small/results.json")) == printed
    table = text_of(alice, "/studies/small/results/tables/rectified_error.csv")
    (alpha, beta) = csv.DictReader(io.StringIO(table))
    for row, plain in zip((alpha, beta), printed["tables"]["rectified_error"], strict=True):
        assert float(row["rectified_top1_error"]) == plain["rectified_top1_error"]
        assert float(row["rectified_top1_interval_low"]) == plain["rectified_top1_interval"][0]


def test_the_json_has_the_promised_form(small: SmallStudy, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("results", "small", "--json")
    document = json.loads(capsys.readouterr().out)
    assert {"study", "protocol_sha256", "tables"} <= set(document)
    assert document["protocol_sha256"] == small.study.protocol_sha256
    for row in document["tables"]["rectified_error"]:
        assert isinstance(row["classifier"], str)
        for name in ("images", "errors", "undecided"):
            assert isinstance(row[name], int)
        for name in ("standard_top1_error", "rectified_top1_error"):
            assert 0 <= row[name] <= 1
        low, high = row["rectified_top1_interval"]
        assert low <= row["rectified_top1_error"] <= high
        accepted, none_accepted = row["rectified_top1_bounds"]
        assert accepted <= none_accepted == row["rectified_top1_error"]
        assert len(row["positive_answers"]) == 6
    reliability = document["tables"]["reliability"]
    assert isinstance(reliability, dict)
    assert {"krippendorff_alpha", "fleiss_kappa", "percent_agreement"} <= set(reliability)


def test_numbers_lead_to_the_questions_behind_them(small: SmallStudy, alice: Client) -> None:
    page = text_of(alice, "/studies/small/results/")
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="([^"]*/questions/\?[^"]*)"', page)}
    bar = "/studies/small/questions/?classifier=alpha&role=mistake&positive=5&complete=1"
    assert bar in links
    behind = text_of(alice, bar)
    assert "1–2 of 2" in behind
    assert set(re.findall(r"small-q\d-\d", behind)) == {"small-q3-4", "small-q7-8"}
    for link in sorted(links):
        assert alice.get(link).status_code == 200


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("verdict=undecided", {"small-q6-8"}),
        ("classifier=beta&role=mistake", {"small-q5-6", "small-q6-8", "small-q7-8"}),
        ("role=control_foil&verdict=agreed", {"small-q2-6"}),
        ("participant=person-4&classifier=beta", {"small-q5-6", "small-q7-8"}),
        ("positive=3", {"small-q5-6"}),
        ("classifier=nobody", set()),
        ("positive=x&verdict=x&page=99&role=mistake&classifier=beta&positive=3", {"small-q5-6"}),
    ],
)
def test_the_list_of_questions_filters(
    small: SmallStudy, alice: Client, filters: str, expected: set[str]
) -> None:
    page = text_of(alice, f"/studies/small/questions/?{filters}")
    assert set(re.findall(r"questions/(small-q\d-\d)/", page)) == expected


def test_a_question_shows_labels_votes_and_verdict(small: SmallStudy, alice: Client) -> None:
    add_answer(
        small.questions[5, 6],
        Participant.objects.create(pseudonym="late-person"),
        "yes",
        9,
        status=Answer.Status.SURPLUS,
    )
    page = text_of(alice, "/studies/small/questions/small-q5-6/")
    assert "rejected" in page
    assert page.count("<strong>yes</strong>") == 4
    assert "Surplus" in page
    assert "gnu" in page  # the predicted class 6
    assert "fox" in page  # the dataset's label 5
    assert alice.get("/studies/small/questions/unknown/").status_code == 404


def test_rehearsal_answers_are_labelled_and_apart(small: SmallStudy, alice: Client) -> None:
    person = Participant.objects.create(pseudonym="simulated")
    for question in small.questions.values():
        add_answer(question, person, "yes", 0, mode=Mode.REHEARSAL)
    rehearsal = text_of(alice, "/studies/small/results/?mode=rehearsal")
    assert "Rehearsal answers." in rehearsal
    assert "simulated" not in text_of(alice, "/studies/small/results/")
    assert "simulated" not in text_of(alice, "/studies/small/questions/small-q3-4/")
    assert "simulated" in text_of(alice, "/studies/small/questions/small-q3-4/?mode=rehearsal")


def test_figures_are_the_same_bytes_at_every_view_and_downloadable(small: SmallStudy, alice: Client) -> None:
    address = "/studies/small/results/figures/errors_before_and_after"
    first, second = (alice.get(f"{address}.svg").content for _ in range(2))
    assert first == second
    assert first.startswith(b"<?xml")
    assert alice.get(f"{address}.png").content.startswith(b"\x89PNG")
    (row, *_) = csv.DictReader(io.StringIO(alice.get(f"{address}.csv").content.decode()))
    assert (row["group"], row["series"], row["value"]) == ("alpha", "standard", "0.625")
    assert alice.get(f"{address}.gif").status_code == 404
    assert alice.get("/studies/small/results/figures/nothing.svg").status_code == 404


def test_a_new_answer_is_in_the_next_view(small: SmallStudy, alice: Client) -> None:
    def undecided() -> list[int]:
        tables = json.loads(text_of(alice, "/studies/small/results.json"))["tables"]
        return [row["undecided"] for row in tables["rectified_error"]]

    assert undecided() == [0, 1]
    add_answer(small.questions[6, 8], small.people[2], "no", 2)
    assert undecided() == [0, 0]


def test_looking_changes_no_row(small: SmallStudy, alice: Client) -> None:
    Draw.objects.all().delete()
    for address in ADDRESSES[:-1]:
        assert alice.get(address).status_code == 200
    assert not Draw.objects.exists()
    assert not Job.objects.exists()
    facts = json.loads(text_of(alice, "/studies/small/results.json"))["tables"]["study"]
    assert facts["bootstrap_seed_from"] == "protocol digest"


def test_a_study_that_is_not_built_says_what_to_do(small: SmallStudy, alice: Client) -> None:
    Study.objects.update(built_at=None)
    assert "still being built" in text_of(alice, "/studies/small/results/")
    assert alice.get("/studies/small/results.json").status_code == 404


def test_the_export_is_asked_for_once_and_downloaded(small: SmallStudy, alice: Client) -> None:
    from studyapp.tasks.chunks import work_here

    assert alice.get("/studies/small/export/bundle.zip").status_code == 404
    assert alice.get("/studies/small/export/start/").status_code == 405
    for _ in range(2):
        response: Any = alice.post("/studies/small/export/start/", {"mode": "real"})
        assert response.status_code == 302
    (job,) = Job.objects.all()
    work_here(job, progress=False)
    assert "Download the bundle" in text_of(alice, "/studies/small/export/")
    download: Any = alice.get("/studies/small/export/bundle.zip")
    assert b"".join(download.streaming_content)[:2] == b"PK"
    assert download["Content-Disposition"] == 'attachment; filename="small-real.zip"'
