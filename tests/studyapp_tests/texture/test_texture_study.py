"""From a texture run's page to a study of its choices and back: the form, the shares, who may see them."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Mapping
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from studyapp.exports.report import compute_report
from studyapp.exports.table_rows import named_rows
from studyapp.models import Answer, Classifier, Mode, Participant, PredictionRun, ProbeRun, Question, Study
from studyapp.services.participation.slots import ensure_slots
from tests.studyapp_tests.factories import make_researcher
from tests.studyapp_tests.texture.probed import make_network, make_run, make_shapes

pytestmark = pytest.mark.django_db

# What people find relevant: alpha's choice of a texture and one of its choices of neither.
ACCEPTED = {("bear1-car1", "car"), ("car1-cat1", "clock"), ("clock1-clock1", "car")}
TABLE = "rectified_choices"


@pytest.fixture
def run() -> ProbeRun:
    return make_run(make_shapes())


@pytest.fixture
def alice() -> Client:
    client = Client()
    client.force_login(make_researcher())
    return client


def page_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode().replace("\u202f", " ")


def asked_study(client: Client, run: ProbeRun, *networks: str, line: str = "controls = 0.0") -> Study:
    """The study that the pages make of these networks; `line` stands where the protocol has no controls."""
    made = client.post(
        f"/probes/texture/{run.key}/study/", {"classifier": networks or ("alpha", "beta"), "ending": ""}
    )
    page = page_of(client, made.headers["Location"])
    form = html.unescape(re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)[0])
    chosen = re.findall(r'name="classifier" value="([^"]+)"[^>]* checked', page)
    name = re.findall(r'<input[^>]* name="name"[^>]* value="([^"]*)"', page)
    created = client.post(
        "/studies/new/",
        {
            "text": form.replace("controls = 0.0", line),
            "file": "misclassification.toml",
            "dataset": run.dataset.name,
            "classifier": chosen,
            "name": name[0],
            "do": "create",
        },
    )
    assert created.status_code == 302, created.content.decode()
    study = Study.objects.get(name=name[0])
    Study.objects.filter(pk=study.pk).update(
        built_at=timezone.now(), state=Study.State.OPEN, opened_at=timezone.now()
    )
    for mode in (Mode.REAL, Mode.REHEARSAL):
        ensure_slots(study=study, mode=mode)
    study.refresh_from_db()
    return study


def give(study: Study, *, mode: str = Mode.REAL, leave_out: Mapping[str, int] | None = None) -> None:
    """Five people's answers to every question; `leave_out`: of a stimulus so many do not answer."""
    people = [Participant.objects.get_or_create(pseudonym=f"{mode}-{number}")[0] for number in range(5)]
    for question in study.questions.select_related("image", "label"):
        stimulus = question.image.name.rpartition("/")[2].removesuffix(".png")
        assert question.label is not None
        value = "yes" if (stimulus, question.label.name) in ACCEPTED else "no"
        for person in people[(leave_out or {}).get(stimulus, 0) :]:
            Answer.objects.create(
                question=question,
                participant=person,
                value=value,
                mode=mode,
                status=Answer.Status.COUNTED,
                answered_at=timezone.now(),
            )


def rows(client: Client, run: ProbeRun) -> list[dict[str, str]]:
    found = client.get(f"/probes/texture/{run.key}/tables/{TABLE}.csv")
    return list(csv.DictReader(found.content.decode().splitlines()))


def test_the_runs_page_leads_to_a_form_that_counts_what_there_is_to_ask(alice: Client, run: ProbeRun) -> None:
    assert f'href="/probes/texture/{run.key}/study/"' in page_of(alice, f"/probes/texture/{run.key}/")
    assert alice.get(f"/probes/{run.key}/study/").headers["Location"] == f"/probes/texture/{run.key}/study/"
    page = page_of(alice, f"/probes/texture/{run.key}/study/")
    counts = re.findall(r'value="(\w+)" checked> \w+</label></th>((?:<td class="num">\d+</td>)+)', page)
    assert [(name, re.findall(r"\d+", cells)) for name, cells in counts] == [
        ("alpha", ["8", "2", "2", "5"]),
        ("beta", ["10", "1", "1", "2"]),
    ]
    assert not PredictionRun.objects.exists(), "looking writes nothing"


def test_the_form_leads_to_a_new_study_with_everything_filled_in(alice: Client, run: ProbeRun) -> None:
    Study.objects.create(
        name="misclassification-cues", title="t", kind="relevance", dataset=run.dataset, protocol={}
    )
    run.dataset.images.update(width=100, height=100)
    made = alice.post(f"/probes/texture/{run.key}/study/", {"classifier": ["beta"], "ending": "of-four"})
    page = html.unescape(page_of(alice, made.headers["Location"]))
    assert "predictions of cues now: beta-of-four" in page
    for line in (
        'name = "misclassification-cues-2"',
        'dataset = "cues"',
        'classifiers = ["beta-of-four"]',
        'kind = "relevance"',
        # People see the pictures to their edges, enlarged by whole pixels.
        "display_resize = 200",
        "display_crop = 200",
    ):
        assert f"\n{line}\n" in page
    study = asked_study(alice, run, "beta")
    assert study.questions.filter(origin=Question.Origin.STUDY).count() == 2


def test_what_people_accept_stands_beside_the_raw_share(alice: Client, run: ProbeRun) -> None:
    study = asked_study(alice, run)
    page = f"/probes/texture/{run.key}/"
    assert (rows(alice, run), TABLE in page_of(alice, page)) == ([], False)
    give(study, mode=Mode.REHEARSAL)
    assert rows(alice, run) == [], "rehearsed answers are nobody's"
    rehearsed = page_of(alice, page)
    assert f'href="/studies/{study.name}/results/?mode=rehearsal">rehearsal answers</a>' in rehearsed
    assert TABLE not in rehearsed
    give(study)
    alpha, beta = rows(alice, run)
    assert (alpha["study"], alpha["state"], alpha["classifier"]) == (study.name, "open", "alpha-4-categories")
    assert [alpha[name] for name in ("pictures", "shape", "texture", "neither")] == ["12", "8", "2", "2"]
    for name in ("texture", "neither"):
        assert [alpha[f"{name}_{what}"] for what in ("asked", "decided", "accepted")] == ["2", "2", "1"]
        assert float(alpha[f"{name}_accepted_share"]) == 0.5
    assert float(alpha["shape_share"]) == pytest.approx(8 / 12)
    # The picture without a conflict is accepted as well, and in none of these.
    assert float(alpha["rectified_share"]) == pytest.approx(10 / 12)
    assert (float(beta["shape_share"]), float(beta["rectified_share"])) == (
        pytest.approx(10 / 12),
        pytest.approx(11 / 12),
    )
    shown = page_of(alice, page)
    assert "Choices by shape, raw and rectified" in shown
    assert f'href="/studies/{study.name}/results/"' in shown
    assert alice.get(f"{page}tables/other.csv").status_code == 404
    assert alice.get(f"{page}tables/{TABLE}.tex").status_code == 200


def test_the_studys_own_table_says_the_same_as_its_rectified_error(alice: Client, run: ProbeRun) -> None:
    study = asked_study(alice, run, "beta")
    give(study, leave_out={"cat1-bear1": 4})
    report = compute_report(study=study, mode=Mode.REAL).report
    choices = next(iter(named_rows(report.tables[TABLE])))
    errors = next(iter(named_rows(report.tables["rectified_error"])))
    # Beta is right on the four pictures without a conflict: its errors are the same of 12 and of 16.
    for share, error in (("shape_share", "standard"), ("rectified_share", "rectified")):
        assert (1 - choices[share]) * 12 == pytest.approx(errors[f"{error}_top1_error"] * 16)
    assert (choices["texture_decided"], choices["neither_decided"]) == (1, 0)
    assert choices["coverage"] == 0.5
    assert choices["rectified_share_bounds"] == (pytest.approx(11 / 12), 1.0)
    assert "no such choice is decided yet" in page_of(alice, f"/studies/{study.name}/results/").lower()


def test_a_sampled_study_speaks_for_the_choices_that_were_not_drawn(alice: Client, run: ProbeRun) -> None:
    study = asked_study(alice, run, "alpha", line="controls = 0.0\nreview_sample = 3")
    give(study)
    drawn = [
        (question.image.name.rpartition("/")[2].removesuffix(".png"), question.label.name)
        for question in study.questions.select_related("image", "label")
        if question.label is not None
    ]
    assert len(drawn) == 3
    in_conflict = [each for each in drawn if each[0] != "clock1-clock1"]
    accepted = sum(each in ACCEPTED for each in in_conflict)
    row = rows(alice, run)[0]
    assert int(row["texture_asked"]) + int(row["neither_asked"]) == len(in_conflict)
    # Four choices of twelve are not the shape; those drawn stand for them.
    assert float(row["rectified_share"]) == pytest.approx((8 + 4 * accepted / len(in_conflict)) / 12)


def test_studies_of_other_predictions_have_no_such_table(alice: Client, run: ProbeRun) -> None:
    study = asked_study(alice, run)
    give(study)
    PredictionRun.objects.update(parameters={})
    assert compute_report(study=study, mode=Mode.REAL).report.tables[TABLE].rows == ()
    assert rows(alice, run) == []


def test_another_runs_page_shows_what_is_of_its_networks(alice: Client, run: ProbeRun) -> None:
    study = asked_study(alice, run)
    give(study)
    alone = make_run(run.dataset, ("beta",))
    assert [row["classifier"] for row in rows(alice, alone)] == ["beta-4-categories"]
    most = make_run(run.dataset, ("beta",), aggregation="max")
    assert rows(alice, most) == []


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"classifier": []}, "No network is chosen"),
        ({"classifier": ["gamma"]}, "no network gamma; it has alpha, beta"),
        ({"classifier": ["alpha"], "ending": "taken"}, "alpha-taken is the name of another classifier"),
    ],
)
def test_what_can_not_be_is_said_where_the_form_is(
    alice: Client, run: ProbeRun, data: dict[str, Any], complaint: str
) -> None:
    make_network("alpha-taken")
    classifiers = Classifier.objects.count()
    response = alice.post(f"/probes/texture/{run.key}/study/", data)
    assert response.status_code == 422
    assert complaint in html.unescape(response.content.decode())
    assert (PredictionRun.objects.count(), Classifier.objects.count()) == (0, classifiers)


def test_a_run_that_is_not_finished_says_so(alice: Client) -> None:
    run = make_run(make_shapes(), finish=False)
    address = f"/probes/texture/{run.key}/study/"
    assert "is not finished; wait for its job" in page_of(alice, address)
    assert alice.post(address, {"classifier": ["alpha"]}).status_code == 422
    assert alice.get(f"/probes/texture/{run.key}/tables/{TABLE}.csv").status_code == 404
    assert alice.get("/probes/texture/nowhere/study/").status_code == 404


def test_strangers_others_and_forged_forms_write_nothing(run: ProbeRun, django_user_model: Any) -> None:
    address = f"/probes/texture/{run.key}/study/"
    data = {"classifier": ["alpha"]}
    stranger, bob, forged = Client(), Client(), Client(enforce_csrf_checks=True)
    bob.force_login(django_user_model.objects.create_user("bob"))
    forged.force_login(make_researcher())
    assert stranger.post(address, data).status_code == 302
    assert stranger.get(f"/probes/texture/{run.key}/tables/{TABLE}.csv").status_code == 302
    for client, status in ((bob, 404), (forged, 403)):
        assert client.post(address, data).status_code == status
    assert not PredictionRun.objects.exists()
