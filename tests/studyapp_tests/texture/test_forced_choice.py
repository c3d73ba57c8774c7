"""Forced choice: what is asked, what pages give away, what is stored, and what the tables make of it."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from studyapp.analysis.exposures import Exposed, exposure_summary
from studyapp.exports.choice_tables import CATEGORIES, PEOPLE, TIMES
from studyapp.exports.listings import LISTINGS
from studyapp.exports.report import compute_report
from studyapp.exports.table_rows import named_rows
from studyapp.models import Answer, Exposure, Mode, Observer, Question, QuestionUse, Study
from studyapp.protocol.canonical import canonical_json, protocol_from_canonical
from studyapp.protocol.problems import ProtocolError
from studyapp.protocol.reading import read_protocol_text
from studyapp.recruitment.link import create_link
from studyapp.services.observers.groups import candidates, chosen, compared
from studyapp.services.observers.response_import import import_responses
from studyapp.services.observers.writing import choice_set
from studyapp.services.refusals import Refused
from studyapp.services.studies.life import create_study
from tests.studyapp_tests.factories import make_researcher, make_study
from tests.studyapp_tests.texture.small import NAMES, choice_protocol, choice_study, make_cues

FRAME = 1000 / 60


def visit(study: Study) -> tuple[Client, str]:
    """A person who has agreed and read the instructions: the client and the sitting's address."""
    client = Client()
    door = f"/join/{create_link(study=study, mode=Mode.REAL).token}/"
    offered = client.get(door).content.decode()
    visitor = re.findall(r'name="visitor" value="([^"]+)"', offered)[0]
    address = client.post(door, {"visitor": visitor}).headers["Location"]
    client.post(f"{address}begin/")
    return client, address


def asked(client: Client, address: str) -> tuple[str, str]:
    """The page of the question shown now, and the key of its presentation."""
    page = client.get(address).content.decode()
    return page, re.findall(r'name="presentation" value="([^"]+)"', page)[0]


def answer(client: Client, address: str, value: str, **more: Any) -> None:
    page, key = asked(client, address)
    attempt = re.findall(r'name="attempt" value="(\d+)"', page)[0]
    client.post(f"{address}answer/", {"presentation": key, "attempt": attempt, "value": value} | more)


def question_of(key: str) -> Question:
    return Question.objects.get(presentations__key=key)


@pytest.mark.django_db
def test_pictures_in_conflict_are_asked_and_the_others_practised_with() -> None:
    study = choice_study(practice_questions=3)
    of = study.questions.filter(origin=Question.Origin.STUDY)
    practice = study.questions.filter(origin=Question.Origin.PRACTICE)
    assert (of.count(), practice.count()) == (12, 3)
    assert {each.parameters["shape"] == each.parameters["texture"] for each in of} == {False}
    for each in practice:
        assert each.expected == each.parameters["shape"] == each.parameters["texture"]
    assert set(QuestionUse.objects.filter(question__in=of).values_list("role", flat=True)) == {"choice"}
    drawn = study.draws.get(purpose="pictures").values
    assert drawn == list(of.order_by("pk").values_list("image_id", flat=True))


@pytest.mark.django_db
def test_a_sample_is_drawn_and_what_is_lacking_is_noted() -> None:
    make_cues()
    study = create_study(protocol=choice_protocol(pictures=5, practice_questions=9), text="", owner=None)
    assert study.questions.filter(origin=Question.Origin.STUDY).count() == 5
    assert study.notes == ["practice: 9 wanted, 4 pictures have the shape and the texture of one thing."]


@pytest.mark.django_db
def test_pictures_that_do_not_fit_are_refused() -> None:
    dataset = make_cues()
    with pytest.raises(Refused, match="names 'car', which is not among the 2 categories"):
        create_study(protocol=choice_protocol(categories=("bear", "cat")), text="", owner=None)
    with pytest.raises(Refused, match="4 pictures have the shape and the texture of one thing"):
        create_study(protocol=choice_protocol(practice_questions=9, practice_pass=6), text="", owner=None)
    image = dataset.images.order_by("pk")[3]
    dataset.images.filter(pk=image.pk).update(name="bear/picture.png")
    with pytest.raises(Refused, match=r"bear/picture\.png does not name a shape and a texture"):
        create_study(protocol=choice_protocol(), text="", owner=None)
    assert not Study.objects.exists()


TEXT = """name = "c"
title = "c"
kind = "forced_choice"
dataset = "cues"
classifiers = []
"""


def test_the_protocol_reads_back_and_names_what_does_not_fit() -> None:
    protocol = read_protocol_text(TEXT)
    assert protocol_from_canonical(canonical_json(protocol)) == protocol
    assert len(protocol.arm_setups()[0].values) == 16
    for change, complaint in (
        ('classifiers = ["toy"]', "asks about no prediction"),
        ('classifiers = []\n[questions]\ncategories = ["cat"]', "names 1"),
        ('classifiers = []\n[questions]\ncategories = ["cat", "Big dog"]', "Big dog"),
        ("classifiers = []\n[questions]\npresentation_ms = 20000", "out of range"),
        ('classifiers = []\n[[arm]]\nname = "a"', "shows every picture in one way"),
    ):
        with pytest.raises(ProtocolError, match=complaint):
            read_protocol_text(TEXT.replace("classifiers = []", change))
    with pytest.raises(ProtocolError, match="classifiers is an empty list"):
        read_protocol_text(TEXT.replace("forced_choice", "relevance"))


@pytest.mark.django_db
def test_the_page_offers_every_category_in_order_and_gives_nothing_away() -> None:
    study = choice_study()
    client, address = visit(study)
    page, key = asked(client, address)
    scripted, unscripted = re.split(r'<noscript><div role="group"', page)
    assert re.findall(r'name="value" value="([^"]+)"', scripted) == list(NAMES)
    # Closed until the picture has been shown; without scripts it stands still above open ones.
    assert re.findall(r'data-key="([^"]+)" disabled', scripted) == ["1", "2", "3", "4"]
    assert re.findall(r'name="value" value="([^"]+)"', unscripted) == list(NAMES)
    assert "disabled" not in unscripted.partition("</noscript>")[0]
    assert re.findall(r'data-key="([^"]+)"', page) == ["1", "2", "3", "4"]
    question = question_of(key)
    assert question.parameters["stimulus"] not in page
    addresses = "".join(re.findall(r'(?:src|href|data-picture|data-ahead|action)="([^"]*)"', page))
    assert not any(name in addresses for name in NAMES)
    assert 'data-show="200"' in page
    assert 'data-begin="key"' in page, "the first picture waits for the person"


@pytest.mark.django_db
def test_what_the_page_measured_is_kept_and_impossible_numbers_are_not() -> None:
    study = choice_study()
    client, address = visit(study)
    times = {"shown_ms": "200.01", "frames": "12", "refresh_ms": "16.667", "hidden": "", "again": ""}
    answer(client, address, "cat", **times)
    answer(client, address, "cat", shown_ms="-4", frames="1e30", refresh_ms="nan", hidden="1", again="1")
    answer(client, address, "cat")
    rows = list(
        Exposure.objects.order_by("pk").values_list("shown_ms", "frames", "refresh_ms", "hidden", "again")
    )
    assert rows == [
        (200.01, 12, 16.667, False, False),
        (None, None, None, True, True),
        (None, None, None, False, False),
    ]
    client.post(f"{address}answer/", {"presentation": "x", "attempt": "0", "value": "cat"})
    before = Answer.objects.count()
    _, key = asked(client, address)
    assert client.post(f"{address}answer/", {"presentation": key, "value": "sofa"}).status_code == 400
    assert Answer.objects.count() == before


@pytest.mark.django_db
def test_a_picture_that_was_shown_before_says_so() -> None:
    study = choice_study()
    client, address = visit(study)
    page, key = asked(client, address)
    assert 'name="again">' in page
    client.post(f"{address}served/", {"presentation": key})
    assert 'name="again" value="1"' in client.get(address).content.decode()


@pytest.mark.django_db
def test_without_a_limit_the_picture_stands_still_and_nothing_is_measured() -> None:
    study = choice_study(presentation_ms=0)
    client, address = visit(study)
    page, _ = asked(client, address)
    assert "forced_choice.js" not in page
    assert "data-judge" in page
    answer(client, address, "cat")
    assert not Exposure.objects.exists()


@pytest.mark.django_db
def test_the_tables_count_shape_texture_and_neither_and_who_saw_it_in_time() -> None:
    study = choice_study()
    said = []
    for number in range(2):
        client, address = visit(study)
        for place in range(4):
            _, key = asked(client, address)
            cues = question_of(key).parameters
            other = next(name for name in NAMES if name not in (cues["shape"], cues["texture"]))
            value = (cues["shape"], cues["shape"], cues["texture"], other)[place]
            late = place == 0 and number == 0
            answer(
                client,
                address,
                value,
                shown_ms="233.3" if late else "200.0",
                frames="12",
                refresh_ms=str(FRAME),
            )
            said.append((cues["shape"], cues["texture"], value))
    report = compute_report(study=study, mode=Mode.REAL).report
    people = list(named_rows(report.tables[PEOPLE]))
    assert [row["participant"] == "all" for row in people] == [True, False, False]
    assert [(row["shape"], row["texture"], row["other"]) for row in people] == [
        (4, 2, 2),
        (2, 1, 1),
        (2, 1, 1),
    ]
    assert people[0]["shape_fraction"] == pytest.approx(2 / 3)
    assert people[0]["on_time"] == 5
    assert people[0]["on_time_shape_fraction"] == pytest.approx(3 / 5)
    rows = {row["category"]: row for row in named_rows(report.tables[CATEGORIES])}
    for name in NAMES:
        assert rows[name]["shape"] == sum(shape == name == value for shape, _, value in said)
    times = next(iter(named_rows(report.tables[TIMES])))
    assert (times["presentations"], times["missed"], times["other_time"], times["hidden"]) == (8, 1, 1, 0)
    assert times["median_ms"] == 200.0
    assert [figure.name for figure in report.figures()] == ["choice_shape_or_texture"]


@pytest.mark.django_db
def test_people_of_a_closed_study_stand_beside_published_ones() -> None:
    study = choice_study()
    client, address = visit(study)
    _, key = asked(client, address)
    answer(client, address, question_of(key).parameters["texture"])
    everybody = candidates(choice_set(NAMES))
    assert everybody == (), "an open study shows nobody"
    Study.objects.filter(pk=study.pk).update(state=Study.State.CLOSED)
    everybody = candidates(choice_set(NAMES))
    assert next(each.label for each in everybody) == "1 person (choice)"
    assert [each.kind for each in everybody] == ["people", "person"]
    shown = compared(chosen(everybody, [each.key for each in everybody]), common=True)
    assert [(each.bias.pooled.shape, each.bias.pooled.texture) for each in shown] == [(0, 1), (0, 1)]
    # Another set has observers, and this study's none: the link of its results leads to its own people.
    Observer.objects.create(
        choice_set=choice_set(("apple", "pear")),
        name="net",
        collection="c",
        kind="network",
        source="published",
    )
    researcher = Client()
    researcher.force_login(make_researcher())
    results = researcher.get("/studies/choice/results/").content.decode()
    (link,) = re.findall(r'<a href="(/probes/texture/[^"]*)">/probes/texture/\?o=study:choice</a>', results)
    page = researcher.get(link).content.decode()
    assert 'value="study:choice" checked> 1 person (choice)' in page
    assert "is not among these observers" not in page
    Study.objects.filter(pk=study.pk).update(state=Study.State.OPEN)
    for address in (link, "/probes/texture/?o=study:nowhere"):
        page = researcher.get(address).content.decode()
        assert "is not among these observers. The people of a study are once it is closed" in page


def test_a_picture_is_on_time_within_half_a_frame() -> None:
    def exposed(shown: float | None, **more: bool) -> Exposed:
        return Exposed(shown, FRAME, more.get("hidden", False), more.get("again", False))

    assert exposed(200.0).on_time(200)
    assert exposed(12 * FRAME + 7).on_time(200)
    assert not exposed(13 * FRAME).on_time(200)
    assert not exposed(11 * FRAME).on_time(200)
    assert not exposed(200.0, hidden=True).on_time(200)
    assert not exposed(200.0, again=True).on_time(200)
    assert not exposed(None).on_time(200)
    found = exposure_summary(
        [exposed(200.0), exposed(216.0), exposed(None), exposed(900, hidden=True)], asked_ms=200
    )
    assert (found.missed.count, found.missed.total) == (3, 4)
    assert (found.other_time, found.hidden, found.unmeasured, found.again) == (1, 1, 1, 0)
    assert (found.median_ms, found.longest_ms) == (216.0, 900)


@pytest.mark.django_db
def test_the_exported_trials_are_read_as_published_ones_are(tmp_path: Path) -> None:
    study = choice_study()
    client, address = visit(study)
    for _ in range(3):
        _, key = asked(client, address)
        answer(
            client,
            address,
            question_of(key).parameters["shape"],
            shown_ms="200.1",
            frames="12",
            active_seconds="1",
        )
    listing = next(each for each in LISTINGS if each.path == "choice_trials.csv")
    path = tmp_path / "exported" / "choice_trials.csv"
    path.parent.mkdir()
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                [name for column in listing.columns for name in column.csv_names],
                *listing.rows(study, Mode.REAL),
            ]
        )
    done = import_responses(paths=[path], names=NAMES, people="*")
    assert (done.trials, [each.kind for each in done.observers]) == (3, ["person"])
    found = compared(candidates(done.choices)[:1], common=False)[0].bias.pooled
    assert (found.shape, found.texture, found.other) == (3, 0, 0)
    rows = list(csv.DictReader(path.open()))
    assert {(row["shown_ms"], row["frames"], row["refresh_ms"], row["hidden"]) for row in rows} == {
        ("200.1", "12", "", "0")
    }
    assert list(listing.rows(make_study(), Mode.REAL)) == []
