"""The pages of shift maps: what the viewer is told, the arrays it fetches, the files, who may see them."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image as Picture

from studyapp.models import Classifier, ShiftRun
from studyapp.services.jobs import ChunkPlan, start_job
from studyapp.services.probes.shift_maps import MapSet
from studyapp.services.probes.shift_runs import (
    AskedClassifier,
    ShiftFacts,
    finish_run,
    import_shift_run,
    open_shift_run,
    write_part,
)
from tests.studyapp_tests.factories import make_dataset
from tests.studyapp_tests.pages.rows import text_of

pytestmark = pytest.mark.django_db

PATCH = np.array([[[255, 0, 0, 255], [0, 255, 0, 100]]], dtype=np.uint8)
GROUND = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
# Places of a patch of 2 x 1 before 6 x 4.
PROBABILITY = np.linspace(0, 1, 20, dtype=np.float32).reshape(4, 5)


def png(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


FACTS = ShiftFacts(
    way=ShiftRun.Way.PATCH,
    title="patch.png over black",
    picture=png(GROUND),
    patch=png(PATCH),
    rows=4,
    columns=5,
    stride=1,
    width=6,
    height=4,
    parameters={"patch": "patch.png", "background": "black", "patch_size": [2, 1]},
)


def classifiers() -> list[Classifier]:
    names = tuple(f"class {index}" for index in range(10))
    class_list = make_dataset("pictures", images=1, classes=names).class_list
    return [
        Classifier.objects.create(name=name, source="elsewhere", class_list=class_list)
        for name in ("plain", "blurred")
    ]


def open_run() -> ShiftRun:
    asked = [AskedClassifier(each) for each in classifiers()]
    return open_shift_run(facts=FACTS, target=3, target_name="class 3", asked=asked)


def finished_run() -> ShiftRun:
    """Plain: a ramp, top-1 the class at the last five places; blurred: 0.5 everywhere, and a cosine."""
    run = open_run()
    top1 = np.full(20, 7)
    top1[15:] = 3
    write_part(run=run, number=0, part=MapSet({"probability": PROBABILITY.reshape(-1)}, top1))
    flat = np.full(20, 0.5, dtype=np.float32)
    write_part(run=run, number=1, part=MapSet({"probability": flat, "centre": 2 * flat}, top1))
    finish_run(run=run, parts={0: [0], 1: [1]})
    run.refresh_from_db()
    return run


def facts_of(client: Client, run: ShiftRun) -> Mapping[str, object]:
    page = client.get(f"/probes/shift/{run.key}/").content.decode()
    found = re.search(r'data-facts="([^"]*)"', page)
    assert found is not None
    facts: Mapping[str, object] = json.loads(html.unescape(found[1]))
    return facts


def test_the_page_sums_every_map_up(alice: Client) -> None:
    text = text_of(alice, f"/probes/shift/{finished_run().key}/")
    assert "class 3 is the top-1 at 25.0 % of the places" in text
    # A ramp of twenty steps: neighbours differ by one step across, by five down.
    expected = (16 * 1 + 15 * 5) / 31 / 19
    assert f"{expected:.5f}" in text
    assert "cosine with the centre picture" in text


def test_the_viewer_is_told_what_it_needs(alice: Client) -> None:
    run = finished_run()
    facts = facts_of(alice, run)
    assert (facts["rows"], facts["columns"], facts["patch"]) == (4, 5, [2, 1])
    plain, blurred = facts["classifiers"]  # type: ignore[misc]
    assert (plain["maps"], blurred["maps"]) == (["probability"], ["probability", "centre"])
    assert plain["classes"] == {"3": "class 3", "7": "class 7"}
    assert blurred["least"]["centre"] == 1.0


def test_the_arrays_hold_every_plane_and_the_exact_pixels(alice: Client) -> None:
    run = finished_run()
    facts = facts_of(alice, run)
    arrays = [np.frombuffer(alice.get(each).content, "<f4") for each in facts["arrays"]]  # type: ignore[attr-defined]
    assert (arrays[0][:20].reshape(4, 5) == PROBABILITY).all()
    assert arrays[0][20:].tolist() == [7] * 15 + [3] * 5
    assert len(arrays[1]) == 60
    pixels = np.frombuffer(alice.get(str(facts["pictures"])).content, np.uint8)
    assert (pixels[: 4 * 6 * 3].reshape(4, 6, 3) == GROUND).all()
    assert (pixels[4 * 6 * 3 :].reshape(1, 2, 4) == PATCH).all()


def test_a_map_downloads_in_the_published_form(alice: Client) -> None:
    run = finished_run()
    answer = alice.get(f"/probes/shift/{run.key}/0/probability.csv")
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert rows[6] == {"y": "1", "x": "1", "val": str(float(PROBABILITY[1, 1]))}
    assert 'filename="plain-probability.csv"' in answer["Content-Disposition"]
    assert alice.get(f"/probes/shift/{run.key}/0/centre.csv").status_code == 404


def test_what_is_gone_from_storage_is_not_found_and_the_page_still_opens(alice: Client) -> None:
    run = finished_run()
    default_storage.delete(run.picture_file)
    default_storage.delete(run.maps.get(position=0).file)
    assert alice.get(f"/probes/shift/{run.key}/pictures.bin").status_code == 404
    assert alice.get(f"/probes/shift/{run.key}/0.bin").status_code == 404
    assert alice.get(f"/probes/shift/{run.key}/0/probability.csv").status_code == 404
    assert "cosine with the centre picture" in text_of(alice, f"/probes/shift/{run.key}/")


def test_a_run_under_way_shows_how_far_it_is(alice: Client) -> None:
    run = open_run()
    page = f"/probes/shift/{run.key}/"
    assert "Not finished" in text_of(alice, page)
    run.job = start_job(kind="shift", title="Shift maps", chunks=[ChunkPlan({"run": run.pk}, 20)])
    run.save()
    text = text_of(alice, page)
    assert "0 of 20" in text
    assert "data-facts" not in text
    assert "queued, 0 %" in text_of(alice, "/probes/shift/")


def test_the_lists(alice: Client) -> None:
    assert "probe shift CLASSIFIER" in text_of(alice, "/probes/shift/")
    run = finished_run()
    imported, _ = import_shift_run(
        facts=FACTS,
        target=3,
        target_name="class 3",
        maps={Classifier.objects.get(name="plain"): MapSet({"probability": PROBABILITY})},
    )
    for address in ("/probes/", "/probes/shift/"):
        text = text_of(alice, address)
        assert f"/probes/shift/{run.key}/" in text
        assert f"/probes/shift/{imported.key}/" in text
        assert "imported" in text
    assert "No shift maps match" in text_of(alice, "/probes/shift/?q=elsewhere")
    rows = alice.get("/probes/shift/?q=blurred&format=csv").getvalue().decode().splitlines()
    assert len(rows) == 2
    assert alice.get(f"/probes/{run.key}/").headers["Location"] == f"/probes/shift/{run.key}/"


def test_only_researchers_see_them(bob: Client, tmp_path: Path) -> None:
    run = finished_run()
    for end in ("", "pictures.bin", "0.bin", "0/probability.csv"):
        assert bob.get(f"/probes/shift/{run.key}/{end}").status_code == 404
        assert Client().get(f"/probes/shift/{run.key}/{end}").status_code == 302
