"""The page of small transformations: numbers that can be checked by hand, references marked, files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from django.test import Client

from studyapp.models import ProbeRun
from studyapp.services.probes import runs as probes
from studyapp.services.probes.flips import read_flips
from studyapp.services.probes.runs import COLUMNS, ProbeColumns
from studyapp.services.probes.transform import transform_responses, transform_summary
from tests.conftest import ROOT
from tests.studyapp_tests.pages.rows import text_of
from tests.studyapp_tests.probes.finished import make_colours, make_probe

pytestmark = pytest.mark.django_db

PARAMETERS = {
    "protocol": "embed",
    "background": "mean",
    "sizes": [0.25, 0.5],
    "pairs": 1,
    "passes": 2,
    "seed": 3,
}
# The original; two passes of two crops; at each size two places and two sizes.
COUNT = 1 + 4 + 2 * 2 * 2


def finished(folder: Path) -> ProbeRun:
    """Eight images of one classifier. Image 0 turns to 7 in one crop of pass 1, images 0 and 1 when moved at
    size 0.25; the probability of the first picture's class falls from 0.75 to 0.5 there, everywhere."""
    run = make_probe(make_colours(folder), names=("alpha",))
    ProbeRun.objects.filter(pk=run.pk).update(kind=ProbeRun.Kind.TRANSFORM, parameters=PARAMETERS)
    run.refresh_from_db()
    images = list(run.dataset.images.select_related("category").order_by("pk"))
    top1 = np.array([[image.category.index] * COUNT for image in images])
    top1[0, 2] = 7
    top1[:2, 6] = 7
    values = {column: np.full(top1.shape, 0.75) for column in COLUMNS}
    values["original_probability"][:, 6] = 0.5
    kept = ProbeColumns(np.array([image.pk for image in images]), (values | {"top1": top1},))
    probes.write_part(run=run, number=0, columns=kept, unreadable=0)
    probes.join_parts(run=run, parts=1)
    with probes.open_columns(run) as columns:
        summaries = [transform_summary(each) for each in transform_responses(run, columns)]
    probes.finish_probe(run=run, summaries=summaries)
    run.refresh_from_db()
    return run


def file_rows(client: Client, address: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(address).content.decode())))


def test_tables_and_figure_have_the_numbers_and_say_what_is_published(
    alice: Client, bob: Client, tmp_path: Path
) -> None:
    run = finished(tmp_path)
    page = f"/probes/transform/{run.key}/"
    text = text_of(alice, page)
    assert "93.8" in text  # fifteen of sixteen pairs of crops
    assert "zero after normalisation" in text
    assert "References, no results of this probe" in text
    assert "91.31" in text
    (row,) = file_rows(alice, f"{page}tables/consistency.csv")
    assert float(row["consistency"]) == 15 / 16
    assert (float(row["lowest"]), float(row["highest"])) == (7 / 8, 1.0)
    rows = {
        (row["axis"], row["size"]): row for row in file_rows(alice, f"{page}tables/small_transformations.csv")
    }
    moved = rows["translation", "0.25"]
    assert float(moved["change"]) == 0.25
    assert float(moved["absolute"]) == 0.25
    assert float(moved["change_interval_low"]) < 0.25 < float(moved["change_interval_high"])
    assert float(rows["scale", "0.25"]["change"]) == float(rows["translation", "0.5"]["change"]) == 0.0
    figures = f"{page}figures/small_transformations"
    assert alice.get(f"{figures}.svg").content.startswith(b"<?xml")
    assert alice.get(f"{figures}.pdf").content.startswith(b"%PDF")
    assert alice.get(f"{figures}.png").content.startswith(b"\x89PNG")
    drawn = [row for row in file_rows(alice, f"{figures}.csv") if row["value"] == "0.25"]
    assert [(row["group"], row["series"]) for row in drawn] == [
        ("0.25", "alpha, one pixel along the diagonal, P(top-1 change) (%)"),
        ("0.25", "alpha, one pixel along the diagonal, mean abs. change (%)"),
    ]
    assert bob.get(page).status_code == 404
    assert alice.get(f"/probes/{run.key}/").headers["Location"] == page
    assert "one pixel of place and of size, embed at 2 sizes + 2 passes of random crops" in text_of(
        alice, "/probes/"
    )


def test_its_flips_are_those_of_each_pair_and_can_be_asked_about(alice: Client, tmp_path: Path) -> None:
    run = finished(tmp_path)
    flips = read_flips(run=run, classifier="alpha")
    changed = dict(
        zip([setting.name for setting in flips.settings], flips.changed.sum(axis=0).tolist(), strict=True)
    )
    assert changed == {
        "crops 1": 1,
        "crops 2": 0,
        "translation 0.25 step 1": 2,
        "scale 0.25 step 1": 0,
        "translation 0.5 step 1": 0,
        "scale 0.5 step 1": 0,
    }
    study = f"/probes/{run.key}/study/"
    assert study in text_of(alice, f"/probes/transform/{run.key}/")
    assert "translation 0.25 step 1" in text_of(alice, study)


def test_the_columns_of_both_files_are_documented(alice: Client, tmp_path: Path) -> None:
    run = finished(tmp_path)
    documented = (ROOT / "docs/transform.md").read_text()
    for table in ("consistency", "small_transformations"):
        for column in file_rows(alice, f"/probes/transform/{run.key}/tables/{table}.csv")[0]:
            assert column == "remarks" or f"`{column}`" in documented


def test_a_probe_without_sizes_has_no_figure_and_one_without_crops_no_references(
    alice: Client, tmp_path: Path
) -> None:
    run = finished(tmp_path)
    page = f"/probes/transform/{run.key}/"
    ProbeRun.objects.filter(pk=run.pk).update(parameters=PARAMETERS | {"passes": 0})
    assert "Published consistency" not in text_of(alice, page)
    ProbeRun.objects.filter(pk=run.pk).update(parameters=PARAMETERS | {"sizes": []})
    assert alice.get(f"{page}figures/small_transformations.svg").status_code == 404
    ProbeRun.objects.filter(pk=run.pk).update(finished_at=None)
    assert "Not finished" in text_of(alice, page)
    assert alice.get(f"{page}tables/consistency.csv").status_code == 404
