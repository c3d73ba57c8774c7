"""`probe texture`: choices worked out by hand, repeats, aggregation, what is refused; and its page."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from inference.categories import category_values
from studyapp.analysis.shape_texture import Aggregation, grouped
from studyapp.models import ChoiceSet, ChoiceTrial, Chunk, Dataset, Image, Job, Observer, ProbeRun
from studyapp.services.observers.groups import candidates
from studyapp.services.probes.texture import write_choices
from studyapp.tasks.texture_probe import choose_chunk
from tests.studyapp_tests.factories import make_researcher
from tests.studyapp_tests.networks import grey_picture, write_classes, write_weights

pytestmark = pytest.mark.django_db(transaction=True)

# The network says dark below 64, bright above 191, middle between: what it chooses is in the grey.
PICTURES = {
    "dark1-bright1.png": 20,  # shape
    "dark2-middle1.png": 130,  # texture
    "middle1-dark1.png": 240,  # neither
    "bright1-dark2.png": 10,  # texture
    "bright2-bright3.png": 250,  # no conflict
}


def command(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path) -> Iterator[None]:
    with override_settings(VAR=tmp_path / "var"):
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    classes = str(write_classes(tmp_path / "classes.csv"))
    weights = str(write_weights(tmp_path / "luminance.safetensors"))
    command(
        "add_classifier", "toy", "--architecture", "digits_linear", "--weights", weights, "--classes", classes
    )
    for place, (name, level) in enumerate(PICTURES.items()):
        grey_picture(tmp_path / "greys" / name.split("-")[0].rstrip("12") / name, level, mark=place)
    (tmp_path / "categories.json").write_text(json.dumps({"dark": [0], "middle": [1], "bright": [2]}))
    return tmp_path / "greys"


def test_a_folder_becomes_a_dataset_and_the_choices_are_those_worked_out_by_hand(folder: Path) -> None:
    result = command("probe", "texture", str(folder), "toy")
    pooled = result["classifiers"]["toy"]["pooled"]
    assert (pooled["shape"], pooled["texture"], pooled["other"]) == (1, 2, 1)
    assert result["classifiers"]["toy"]["left_out"] == 1
    assert (result["dataset"], result["images"], result["unreadable"]) == ("greys", 5, 0)
    names = Observer.objects.get().choice_set.names
    assert names == ["bright", "dark", "middle"]
    chosen = {
        row.stimulus: names[row.response if row.response is not None else -1]
        for row in ChoiceTrial.objects.all()
    }
    assert chosen == {
        "dark1-bright1": "dark",
        "dark2-middle1": "middle",
        "middle1-dark1": "bright",
        "bright1-dark2": "dark",
        "bright2-bright3": "bright",
    }


def test_repeating_it_changes_nothing_and_a_chunk_may_run_twice(folder: Path) -> None:
    first = command("probe", "texture", str(folder), "toy")
    jobs = Job.objects.count()
    assert (
        command("probe", "texture", "greys", "toy", "--categories", str(folder.parent / "categories.json"))
        == first
    )
    assert (ProbeRun.objects.count(), Observer.objects.count(), Job.objects.count()) == (1, 1, jobs)
    before = list(ChoiceTrial.objects.order_by("trial").values_list("trial", "stimulus", "response"))
    choose_chunk(Chunk.objects.get(job__kind="probe_texture"))
    assert list(ChoiceTrial.objects.order_by("trial").values_list("trial", "stimulus", "response")) == before
    write_choices(observer=Observer.objects.get(), rows=[])
    assert ChoiceTrial.objects.count() == 5


def test_pictures_that_came_later_are_in_a_run_of_their_own_and_told_apart(folder: Path) -> None:
    first = command("probe", "texture", str(folder), "toy")
    grey_picture(folder / "dark" / "dark2-bright2.png", 30, mark=9)
    second = command("probe", "texture", str(folder), "toy")
    assert (first["images"], second["images"]) == (5, 6)
    assert {each.label for each in candidates(ChoiceSet.objects.get())} == {
        "toy (greys), 5 pictures",
        "toy (greys), 6 pictures",
    }


def test_what_workers_were_given_is_gone_on_with_here(folder: Path) -> None:
    queued = command("probe", "texture", str(folder), "toy", "--queue")
    assert queued["job"] == Job.objects.get(kind="probe_texture").pk
    assert ChoiceTrial.objects.count() == 0
    page = Client()
    page.force_login(make_researcher())
    key = ProbeRun.objects.get().key
    assert "0 of 5" in page.get(f"/probes/texture/{key}/").content.decode()
    assert command("probe", "texture", str(folder), "toy")["images"] == 5
    assert Job.objects.filter(kind="probe_texture").count() == 1
    assert ProbeRun.objects.get().finished_at is not None


def test_a_chunk_of_which_nothing_can_be_read_fails_and_is_done_once_the_files_are_back(folder: Path) -> None:
    command("probe", "texture", str(folder), "toy", "--queue")
    again = ("probe", "texture", "greys", "toy", "--categories", str(folder.parent / "categories.json"))
    moved = folder.rename(folder.parent / "elsewhere")
    with pytest.raises(CommandError, match=r"None of the 5 images from bright/bright1.* files of greys"):
        command(*again)
    assert ProbeRun.objects.get().finished_at is None
    assert ChoiceTrial.objects.count() == 0
    moved.rename(folder)
    result = command(*again)
    assert (result["images"], result["unreadable"]) == (5, 0)
    assert Job.objects.get(kind="probe_texture").state == Job.State.DONE


@pytest.mark.parametrize("aggregation", ["mean", "sum", "max"])
def test_the_device_and_the_plain_definition_agree(aggregation: Aggregation) -> None:
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.ones(12), size=200)
    groups = [[0], [1, 2, 3], [4, 5], [6, 7, 8, 9, 10]]
    values = category_values(torch.from_numpy(probabilities), groups, aggregation)
    assert values.argmax(dim=1).tolist() == grouped(probabilities, groups, aggregation).tolist()


def test_pictures_and_categories_that_do_not_fit_are_refused_before_anything_is_written(folder: Path) -> None:
    file = folder.parent / "categories.json"
    odd = grey_picture(folder / "odd.png", 3)
    with pytest.raises(CommandError, match=r"odd\.png does not name a shape and a texture"):
        command("probe", "texture", str(folder), "toy")
    odd.unlink()
    for text, complaint in (
        ("{", "is no JSON"),
        ('{"dark": [0]}', "names no two categories"),
        ('{"dark": 0, "bright": [2]}', "dark has no list"),
        ('{"Dark 1": [0], "bright": [2]}', "lower-case letters only"),
        ('{"dark": [0], "bright": [2]}', "middle.* is not among the 2 categories"),
        ('{"dark": [0], "middle": [7], "bright": [2]}', "class 7 is not among the 3 classes"),
        (
            '{"dark": [0], "middle": [0], "bright": [2]}',
            "Class 0 is in bright|Class 0 is in dark and in middle",
        ),
    ):
        file.write_text(text)
        with pytest.raises(CommandError, match=complaint):
            command("probe", "texture", str(folder), "toy")
    file.write_text('{"dark": [0], "middle": [1], "bright": [2]}')
    command("add_classifier", "guest", "--classes", str(folder.parent / "classes.csv"))
    for classifiers, complaint in (
        (("toy", "guest"), "guest has no network here"),
        (("toy", "toy"), "not all different"),
    ):
        with pytest.raises(CommandError, match=complaint):
            command("probe", "texture", str(folder), *classifiers)
    twice = grey_picture(folder / "more" / "dark1-bright1.png", 3)
    with pytest.raises(CommandError, match="same stimulus by their names"):
        command("probe", "texture", str(folder), "toy")
    twice.unlink()
    file.unlink()
    with pytest.raises(CommandError, match=r"Give --categories FILE, or put categories\.json beside"):
        command("probe", "texture", str(folder), "toy")
    for model in (Dataset, Image, Job, ProbeRun, Observer):
        assert not model.objects.exists(), model


def test_the_page_shows_networks_and_people_together_and_gives_the_files(
    folder: Path, tmp_path: Path
) -> None:
    client = Client()
    assert client.get("/probes/texture/").status_code == 302, "a stranger sees nothing"
    client.force_login(make_researcher())
    assert b"Nobody has looked" in client.get("/probes/texture/").content
    key = command("probe", "texture", str(folder), "toy")["probe"]
    responses = tmp_path / "paper" / "trials.csv"
    responses.parent.mkdir()
    responses.write_text(
        "subj,session,trial,rt,object_response,category,condition,imagename\n"
        "subject-1,1,1,1.0,dark,dark,0,dark1-bright1.png\n"
        "subject-1,1,2,1.0,dark,dark,0,dark9-middle9.png\n"
    )
    command("import_responses", str(responses), "--categories", str(folder.parent / "categories.json"))
    assert client.get(f"/probes/{key}/").headers["Location"] == f"/probes/texture/{key}/"
    page = client.get(f"/probes/texture/{key}/").content.decode()
    assert "1 people (paper)" not in page
    assert "1 person (paper)" in page
    assert "published, not re-run" in page
    copied = re.findall(r'data-copy="(Shape[^"]*)"', page)[0].splitlines()
    assert copied[0].split("\t") == ["Shape", "1 person (paper)", "toy"]
    assert copied[1].split("\t")[:2] == ["all", "1.00 2/2 [0.34\u20131.00]"]
    assert len(copied) == 1 + page.count('<th scope="row">')
    query = f"o=people:paper&o={Observer.objects.get(source='measured').key}"
    table = client.get(f"/probes/texture/tables/shape_fractions.csv?{query}").content.decode()
    fractions = {row["observer"]: row["shape_fraction"] for row in csv.DictReader(table.splitlines())}
    assert fractions == {"1 person (paper)": "1.0", "toy": "0.3333333333"}
    shared = client.get(f"/probes/texture/tables/shape_fractions.csv?{query}&common=1").content.decode()
    assert [row["pictures"] for row in csv.DictReader(shared.splitlines())] == ["1", "1"]
    for kind, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("csv", b"group,")):
        found = client.get(f"/probes/texture/figure.{kind}?{query}")
        assert found.content.startswith(start), kind
    assert client.get("/probes/texture/?set=nobody").status_code == 404
    assert client.get("/probes/texture/tables/other.csv").status_code == 404
