"""The list of probes and the colour probe's page."""

from __future__ import annotations

import pytest
from django.test import Client

from studyapp.models import ProbeClassifier, ProbeRun
from tests.studyapp_tests.factories import make_study
from tests.studyapp_tests.pages.rows import add_run, text_of

pytestmark = pytest.mark.django_db


def make_probe() -> ProbeRun:
    """A probe that nobody has worked at."""
    study = make_study(questions=2)
    run = ProbeRun.objects.create(
        kind=ProbeRun.Kind.COLOUR,
        dataset=study.dataset,
        parameters={"grid": [["hue", 120.0], ["saturation", 0.5]]},
        digest="0" * 64,
    )
    ProbeClassifier.objects.create(run=run, classifier=add_run(study.dataset).classifier, position=0)
    return run


def test_the_list_says_what_each_probe_changed(alice: Client) -> None:
    run = make_probe()
    text = text_of(alice, "/probes/")
    assert "1 hue rotation + 1 saturation gain" in text
    assert f"/probes/colour/{run.key}/" in text
    assert "No probe matches" in text_of(alice, "/probes/?q=nothing+has+this+name")


def test_an_empty_list_says_how_to_make_one(alice: Client) -> None:
    assert "probe colour DATASET CLASSIFIER" in text_of(alice, "/probes/")


def test_every_probe_is_found_by_its_key_alone(alice: Client, bob: Client) -> None:
    run = make_probe()
    assert alice.get(f"/probes/{run.key}/").headers["Location"] == f"/probes/colour/{run.key}/"
    assert "Not finished" in text_of(alice, f"/probes/colour/{run.key}/")
    for address in ("/probes/", f"/probes/{run.key}/", f"/probes/colour/{run.key}/"):
        assert bob.get(address).status_code == 404
        assert Client().get(address).status_code == 302
