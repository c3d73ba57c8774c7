"""The results of a bias audit: rates from stored answers, agreement, references, and where they are shown."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from studyapp.analysis.bias_audit import PerceptionRule
from studyapp.exports.audit_evidence import AuditResults
from studyapp.exports.audit_tables import audit_references_table
from studyapp.exports.bundle import export_bundle
from studyapp.exports.report import compute_report
from studyapp.exports.writing import plain_rows
from studyapp.models import Answer, Mode, Participant, Question, Study
from tests.studyapp_tests.criticism.small import attribute_study
from tests.studyapp_tests.factories import make_researcher
from tests.studyapp_tests.results.small_study import NOON

pytestmark = pytest.mark.django_db

SEEN, NOT_SEEN = "grass,a person", "none"


def rows(study: Study, table: str, mode: str = Mode.REAL) -> Any:
    """The rows of one table as the command prints them."""
    return plain_rows(compute_report(study=study, mode=mode).report.tables[table])


def members(study: Study) -> Mapping[str, list[Question]]:
    """The questions of every group."""
    found: dict[str, list[Question]] = {}
    for question in Question.objects.filter(study=study).order_by("pk").prefetch_related("uses"):
        for use in question.uses.all():
            found.setdefault(use.stratum, []).append(question)
    return found


def answer(question: Question, *values: str) -> None:
    """Answers of as many people."""
    for place, value in enumerate(values):
        person, _ = Participant.objects.get_or_create(pseudonym=f"annotator-{place}")
        Answer.objects.create(
            question=question, participant=person, value=value, order=place, answered_at=NOON
        )


@pytest.fixture
def study() -> Study:
    """Grass: in all six prototypes (one of them by two of three), in no image that is of training alone.

    Of the criticisms one is seen, one not, one answered by two people only, of one most cannot tell.
    """
    made = attribute_study()
    groups = members(made)
    prototypes, criticisms = groups["prototypes"], groups["criticisms"]
    for place, question in enumerate(prototypes):
        answer(question, SEEN, SEEN, NOT_SEEN if place == 0 else SEEN)
    seen, unseen, unfinished, unclear = criticisms
    answer(seen, "grass", "grass", "grass")
    answer(unseen, NOT_SEEN, NOT_SEEN, "grass")
    answer(unfinished, "grass", "grass")
    answer(unclear, "cannot_tell", "cannot_tell", "grass")
    others = {question.pk for question in (*prototypes, *criticisms)}
    for question in groups["training"]:
        if question.pk not in others:
            answer(question, NOT_SEEN, NOT_SEEN, NOT_SEEN)
    return made


def test_rates_count_images_by_group_and_say_what_is_not_decided(study: Study) -> None:
    found = {(row["group"], row["attribute"]): row for row in rows(study, "audit_rates")}
    grass = found["prototypes", "grass"]
    assert (grass["images"], grass["decided"], grass["perceived"], grass["rate"]) == (6, 6, 6, 1.0)
    assert found["prototypes", "a person"]["perceived"] == 6
    assert found["prototypes", "an animal_outside"]["perceived"] == 0
    criticisms = found["criticisms", "grass"]
    assert (criticisms["images"], criticisms["decided"], criticisms["perceived"]) == (4, 2, 1)
    assert (criticisms["cannot_tell"], criticisms["too_few"], criticisms["tied"]) == (1, 1, 0)
    assert criticisms["few"] == "yes"
    training = found["training", "grass"]
    assert (training["difference"], training["fisher_p"]) == (None, None)
    assert grass["difference"] == pytest.approx(1 - training["rate"])
    assert 0 < grass["fisher_p"] <= grass["fisher_p_adjusted"] <= 1


def test_images_that_a_group_shares_with_the_training_sample_are_counted(study: Study) -> None:
    groups = {name: {question.pk for question in every} for name, every in members(study).items()}
    found = {row["group"]: row["shared"] for row in rows(study, "audit_rates")}
    assert found["prototypes"] == len(groups["prototypes"] & groups["training"])
    assert found["criticisms"] == len(groups["criticisms"] & groups["training"])
    assert found["training"] is None


def test_agreement_stands_beside_every_attribute(study: Study) -> None:
    grass, outside = (
        next(row for row in rows(study, "audit_agreement") if row["attribute"] == name)
        for name in ("grass", "an animal_outside")
    )
    assert 0.5 < grass["krippendorff_alpha"] < 1
    assert outside["krippendorff_alpha"] is None
    assert "every answer is the same" in outside["withheld"]["krippendorff_alpha"]["reason"]


def test_the_papers_rates_are_references_of_the_basketball_audit_alone(study: Study) -> None:
    assert rows(study, "audit_references") == []
    table = audit_references_table(AuditResults("n02802426", PerceptionRule(2, 3), ()))
    assert [row[1:] for row in table.rows] == [(0.55, 0.44, 0.90), (0.53, 0.78, 0.20)]
    assert "group sizes are unknown" in table.note


def test_a_bundle_holds_aggregates_only(study: Study, tmp_path: Path) -> None:
    export_bundle(study=study, mode=Mode.REAL, folder=tmp_path / "out")
    assert not (tmp_path / "out" / "answers.csv").exists()
    people = set(Participant.objects.values_list("pseudonym", flat=True))
    assert people
    for path in (tmp_path / "out").rglob("*.csv"):
        assert not [name for name in people if name in path.read_text()], f"{path.name} names a person"
    assert "aggregates only" in (tmp_path / "out" / "README.txt").read_text()
    names = {person.pseudonym for person in Participant.objects.all()}
    names |= set(Question.objects.filter(study=study).values_list("key", flat=True))
    for path in (tmp_path / "out" / "tables").glob("audit_*.csv"):
        text = path.read_text()
        assert not [name for name in names if name in text], f"{path.name} names a person or an image"
    with (tmp_path / "out" / "tables" / "audit_rates.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 9
    assert (tmp_path / "out" / "figures" / "audit_rates.svg").is_file()
    assert "audit_rates.csv" in (tmp_path / "out" / "README.txt").read_text()


def test_the_page_and_the_command_show_rates_and_their_rule(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    client = Client()
    client.force_login(make_researcher())
    page = client.get(f"/studies/{study.name}/results/").content.decode()
    assert 'id="figure-audit_rates"' in page
    assert "rule 2 of 3 annotators" in page
    assert "bootstrap" not in page
    assert client.get(f"/studies/{study.name}/results/tables/audit_rates.csv").status_code == 200
    call_command("results", study.name)
    assert "Perceived attributes by group" in capsys.readouterr().out


def test_an_audit_without_answers_withholds_every_rate(study: Study) -> None:
    found = rows(study, "audit_rates", Mode.REHEARSAL)
    assert {row["rate"] for row in found} == {None}
    assert sum(row["too_few"] for row in found) == sum(row["images"] for row in found)
    client = Client()
    client.force_login(make_researcher())
    assert client.get(f"/studies/{study.name}/results/?mode=rehearsal").status_code == 200
