"""The list of probes, and the colour probe's page: numbers that can be checked by hand, and files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from studyapp.services.jobs import ChunkPlan, start_job
from tests.studyapp_tests.pages.rows import rows_of, text_of
from tests.studyapp_tests.probes.finished import finished_probe, make_colours, make_probe

pytestmark = pytest.mark.django_db


def file_rows(client: Client, address: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(address).content.decode())))


def test_the_list_says_what_each_probe_changed(alice: Client, tmp_path: Path) -> None:
    run = make_probe(make_colours(tmp_path))
    text = text_of(alice, "/probes/")
    assert "3 hue rotations + 1 saturation gain" in text
    assert f"/probes/colour/{run.key}/" in text
    assert "alpha, beta" in text
    assert "No probe matches" in text_of(alice, "/probes/?q=nothing+has+this+name")
    assert len(rows_of(alice, "/probes/?q=alpha&kind=colour&format=csv")) == 1


def test_an_empty_list_says_how_to_make_one(alice: Client) -> None:
    assert "probe colour DATASET CLASSIFIER" in text_of(alice, "/probes/")


def test_every_probe_is_found_by_its_key_alone(alice: Client, bob: Client, tmp_path: Path) -> None:
    run = finished_probe(tmp_path)
    page = f"/probes/colour/{run.key}/"
    assert alice.get(f"/probes/{run.key}/").headers["Location"] == page
    for address in ("/probes/", f"/probes/{run.key}/", page, f"{page}tables/stability.csv"):
        assert bob.get(address).status_code == 404
        assert Client().get(address).status_code == 302


def test_a_probe_under_way_shows_how_far_it_is(alice: Client, tmp_path: Path) -> None:
    run = make_probe(make_colours(tmp_path))
    page = f"/probes/colour/{run.key}/"
    assert "Not finished" in text_of(alice, page)
    run.job = start_job(kind="probe", title="Colour probe", chunks=[ChunkPlan({"run": run.pk}, 8)])
    run.save()
    text = text_of(alice, page)
    assert "0 of 8" in text
    assert "hx-trigger" in text
    assert alice.get(f"{page}tables/stability.csv").status_code == 404


def test_the_page_says_how_many_images_came_later(alice: Client, tmp_path: Path) -> None:
    run = finished_probe(tmp_path)
    page = f"/probes/colour/{run.key}/"
    assert "Imported since" not in text_of(alice, page)
    image = run.dataset.images.first()
    assert image is not None
    run.dataset.images.create(name="late.png", category=image.category)
    assert "<dt>Imported since</dt><dd>1, in no number here" in text_of(alice, page)


def test_settings_to_choose_from_are_counted_without_opening_the_responses(
    alice: Client, tmp_path: Path
) -> None:
    run = finished_probe(tmp_path)
    default_storage.delete(run.file)
    text = text_of(alice, f"/probes/{run.key}/study/")
    assert "alpha: 1 · beta: 1 changed" in text
    assert "alpha: 1 · beta: 0 changed" in text


def test_the_posters_table_has_its_rows_and_a_column_for_each_classifier(
    alice: Client, tmp_path: Path
) -> None:
    run = finished_probe(tmp_path)
    page = f"/probes/colour/{run.key}/"
    rows = {(row["metric"], row["over"]): row for row in file_rows(alice, f"{page}tables/stability.csv")}
    # Of eight images alpha changes one at each of 30, 180 and 330 degrees, beta one at 30 and one at 180.
    assert rows["Equal", "d"]["alpha"] == "0.875 ± 0.000"
    assert rows["Equal", "d"]["beta"] == "0.917 ± 0.059"
    assert rows["Equal", "|d| ≤ 30"]["alpha"] == "0.875 ± 0.000"
    # Alpha gets six of eight right; at 30 five, at 180 seven, at 330 six.
    assert rows["Top-1", "d = 0, g = 1"]["alpha"] == "0.750"
    assert rows["Top-1", "d"]["alpha"] == "0.750 ± 0.102"
    assert rows["O.P.", "d"]["alpha"] == "3.0 ± 0.0"
    assert rows["O.P. / classes", "d"]["alpha"] == "0.3000 ± 0.0000"
    assert ("Equal", "g in ]0.5, 1.5[") not in rows
    text = text_of(alice, page)
    assert "0.917" in text
    assert "figure-hue_curve" in text
    assert "top rank counts as 1" in text


def test_op_is_stated_as_the_address_asks(alice: Client, tmp_path: Path) -> None:
    run = finished_probe(tmp_path)
    page = f"/probes/colour/{run.key}/"
    asked = "?op_base=0&op_over=all"
    rows = file_rows(alice, f"{page}tables/stability_numbers.csv{asked}")
    alpha = next(
        row for row in rows if (row["classifier"], row["metric"], row["over"]) == ("alpha", "O.P.", "d")
    )
    # 21 predictions at rank 1 and three at rank 3, counted from 0.
    assert float(alpha["mean"]) == pytest.approx(3 * 2 / 24)
    assert "top rank counts as 0" in text_of(alice, page + asked)


def test_figures_come_as_pictures_and_numbers(alice: Client, tmp_path: Path) -> None:
    run = finished_probe(tmp_path)
    figures = f"/probes/colour/{run.key}/figures/"
    assert alice.get(f"{figures}hue_curve.svg").content.startswith(b"<?xml")
    assert alice.get(f"{figures}saturation_curve.png").content.startswith(b"\x89PNG")
    assert alice.get(f"{figures}original_ranks.pdf").content.startswith(b"%PDF")
    beta = [row for row in file_rows(alice, f"{figures}hue_curve.csv") if row["series"] == "beta"]
    assert [(row["group"], float(row["value"])) for row in beta] == [
        *(("0", 1.0), ("30", 0.875), ("180", 0.875), ("330", 1.0), ("360", 1.0)),
    ]
    assert alice.get(f"{figures}nothing.svg").status_code == 404
