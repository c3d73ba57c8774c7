"""What people made of a probe's flips, on the probe's own page: real answers, and where the others are."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from django.test import Client

from studyapp.models import Mode, Participant, ProbeRun, Question, Study
from studyapp.protocol.reading import read_protocol_text
from studyapp.services.studies.creation import finish_build
from studyapp.services.studies.life import create_study
from tests.studyapp_tests.pages.rows import text_of
from tests.studyapp_tests.pages.test_transform_page import finished as finished_transform
from tests.studyapp_tests.probes.finished import finish, make_colours, make_probe
from tests.studyapp_tests.results.small_study import add_answer
from tests.studyapp_tests.same_content.small import protocol as same_content
from tests.studyapp_tests.same_content.small import text as same_content_text
from tests.studyapp_tests.stability.test_stability_study import made, text

pytestmark = pytest.mark.django_db

HEADING = "Flips that people judged"


@pytest.fixture
def run(tmp_path: Path) -> ProbeRun:
    return finish(make_probe(make_colours(tmp_path)))


def give(study: Study, *, mode: Mode = Mode.REAL, accepted: str = "changed:0:hue 30") -> None:
    """Three people's answers to everything: yes of one picture, no of the others."""
    people = [Participant.objects.get_or_create(pseudonym=f"{mode}-{number}")[0] for number in range(3)]
    for question in Question.objects.filter(study=study).select_related("stimulus"):
        for order, person in enumerate(people):
            value = "yes" if question.stimulus.variant == accepted else "no"
            add_answer(question, person, value, order, mode=mode)


def file_rows(client: Client, run: ProbeRun) -> list[dict[str, str]]:
    found = client.get(f"/probes/{run.key}/people.csv")
    assert found.status_code == 200
    return list(csv.DictReader(found.content.decode().splitlines()))


def test_rectified_stability_stands_beside_the_raw_one_on_the_probes_page(
    alice: Client, run: ProbeRun
) -> None:
    study = made()
    finish_build(study=study)
    give(study)
    alpha, beta = file_rows(alice, run)
    assert (alpha["study"], alpha["state"], alpha["setting"]) == (
        "flips",
        "draft",
        "all settings asked about",
    )
    # Of four and two flips among 8 images under 4 settings people accept one each, at 30 degrees.
    for row, flips in ((alpha, 4), (beta, 2)):
        counts = [row[name] for name in ("images", "flips", "asked", "decided", "accepted")]
        assert counts == ["32", str(flips), str(flips), str(flips), "1"]
        assert float(row["coverage"]) == 1
        assert float(row["not_accepted"]) == pytest.approx(1 - 1 / flips)
        assert float(row["stability"]) == pytest.approx(1 - flips / 32)
        assert float(row["rectified_stability"]) == pytest.approx(1 - (flips - 1) / 32)
        low, high = (float(row[f"rectified_stability_interval_{end}"]) for end in ("low", "high"))
        assert low < 1 - (flips - 1) / 32 < high
    page = text_of(alice, f"/probes/colour/{run.key}/")
    assert HEADING in page
    assert 'href="/studies/flips/results/#rectified_stability"' in page
    assert f'href="/probes/{run.key}/people.csv"' in page
    assert 'id="rectified_stability"' in text_of(alice, "/studies/flips/results/")


def test_rehearsed_answers_are_named_and_in_no_number(alice: Client, run: ProbeRun) -> None:
    study = made()
    finish_build(study=study)
    page = f"/probes/colour/{run.key}/"
    assert "no answers yet" in text_of(alice, page)
    give(study, mode=Mode.REHEARSAL)
    shown = text_of(alice, page)
    assert file_rows(alice, run) == []
    assert HEADING not in shown
    assert 'href="/studies/flips/results/?mode=rehearsal">rehearsal answers</a>' in shown
    assert 'href="/studies/flips/results/">real answers</a>' not in shown
    give(study, accepted="none")
    shown = text_of(alice, page)
    assert HEADING in shown
    assert [row["accepted"] for row in file_rows(alice, run)] == ["0", "0"], "the rehearsed yes stays out"
    for mode in ("rehearsal", "real"):
        assert f">{mode} answers</a>" in shown


def test_studies_of_same_content_are_listed_with_no_row(alice: Client, run: ProbeRun) -> None:
    study = create_study(protocol=same_content(), text=same_content_text(), owner=None)
    finish_build(study=study)
    give(study)
    shown = text_of(alice, f"/probes/colour/{run.key}/")
    assert re.search(r'href="/studies/same/">same</a> <span class="quiet">same_content,', shown)
    assert 'href="/studies/same/results/">real answers</a>' in shown
    assert file_rows(alice, run) == []


def test_a_study_of_another_run_of_the_same_images_is_not_this_runs(alice: Client, run: ProbeRun) -> None:
    other = ProbeRun.objects.create(
        kind=run.kind, dataset=run.dataset, parameters=run.parameters, digest="1" * 64
    )
    for each in run.probe_classifiers.order_by("position"):
        other.probe_classifiers.create(
            classifier=each.classifier, position=each.position, weights_sha256=each.weights_sha256
        )
    finish(other)
    study = made(more=f'probe = "{run.key}"')
    finish_build(study=study)
    give(study)
    assert len(file_rows(alice, run)) == 2
    assert file_rows(alice, other) == []
    assert "Studies of this run" not in text_of(alice, f"/probes/colour/{other.key}/")


def test_small_transformations_have_the_same(alice: Client, tmp_path: Path) -> None:
    run = finished_transform(tmp_path)
    assert "Studies of this run" not in text_of(alice, f"/probes/transform/{run.key}/")
    written = text(classifiers='["alpha"]', more='settings = ["translation 0.25 step 1"]')
    study = create_study(protocol=read_protocol_text(written), text=written, owner=None)
    finish_build(study=study)
    give(study)
    (row,) = file_rows(alice, run)
    # One setting alone is no mean.
    assert (row["setting"], row["images"], row["flips"]) == ("translation 0.25 step 1", "8", "2")
    assert float(row["rectified_stability"]) == float(row["stability"]) == 0.75
    assert HEADING in text_of(alice, f"/probes/transform/{run.key}/")


def test_strangers_and_other_addresses_get_nothing(alice: Client, bob: Client, run: ProbeRun) -> None:
    address = f"/probes/{run.key}/people"
    assert bob.get(f"{address}.csv").status_code == 404
    assert Client().get(f"{address}.csv").status_code == 302
    assert alice.get(f"{address}.json").status_code == alice.get(f"{address}.tex").status_code == 200
    assert alice.get(f"{address}.pdf").status_code == 404
    assert alice.get("/probes/nowhere/people.csv").status_code == 404
    ProbeRun.objects.update(finished_at=None)
    assert alice.get(f"{address}.csv").status_code == 404
