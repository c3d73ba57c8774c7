"""The researcher's pages of explanations: what they show, their files, and who may see them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from PIL import Image as Picture

from studyapp.models import Classifier, Dataset, Explanation, ExplanationRun
from tests.studyapp_tests.explanations.halves import attack_halves, said

pytestmark = pytest.mark.django_db

QUICK = ("--samples", "100", "--hidden", "black", "--path", "3")


@pytest.fixture
def alice(client: Client) -> Client:
    """A researcher."""
    client.force_login(get_user_model().objects.create_user("alice", is_staff=True))
    return client


@pytest.fixture
def runs(compare: tuple[Dataset, Classifier]) -> list[ExplanationRun]:
    """Clean and adversarial pictures of four images, by LIME."""
    said("explain", "halves", "compare", *QUICK, "--attack", str(attack_halves()), "--limit", "4")
    return list(ExplanationRun.objects.order_by("-version"))


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return b"".join(response).decode()


def test_a_place_without_runs_says_how_to_make_one(alice: Client) -> None:
    assert "manage.py explain DATASET CLASSIFIER" in page(alice, "/explanations/")


def test_the_list_has_every_run_with_its_progress_and_fit(alice: Client, runs: list[ExplanationRun]) -> None:
    text = page(alice, "/explanations/")
    for run in runs:
        assert f"/explanations/{run.pk}/" in text
    assert text.count('aria-label="Histogram of the fit"') == 2
    assert (
        "/explanations/"
        not in page(alice, "/explanations/?q=nothing").partition("No run matches")[0].split("<main")[1]
    )
    ExplanationRun.objects.filter(pk=runs[0].pk).update(chosen=[*runs[0].chosen, *_others(runs[0])])
    assert "4 of 8" in page(alice, "/explanations/")
    table = page(alice, "/explanations/?format=csv").splitlines()
    assert len(table) == 3
    assert table[0].startswith("run,method,version")


def test_a_run_shows_each_picture_with_attention_weights_and_path(
    alice: Client, runs: list[ExplanationRun]
) -> None:
    text = page(alice, f"/explanations/{runs[1].pk}/")
    for row in runs[1].explanations.all():
        for address in (
            f"/pictures/explanation/{row.key}/explained.png",
            f"/pictures/explanation/{row.key}.png",
            f"/pictures/explanation/{row.key}/heat.png",
            f"/explanations/path/{row.key}/frames.png",
        ):
            assert address in text
            assert Picture.open(io.BytesIO(alice.get(address).content)).format == "PNG"
        assert f"p {row.probability:.3f}" in text
    assert text.count('aria-label="Weights of the superpixels, heaviest first"') == 4
    assert text.count("<rect") == 4 * 16


def test_the_curve_of_a_path_and_the_fit_come_as_files(alice: Client, runs: list[ExplanationRun]) -> None:
    row = runs[0].explanations.first()
    assert row is not None
    lines = page(alice, f"/explanations/path/{row.key}/curve.csv").splitlines()
    values = [float(line.split(",")[2]) for line in lines[1:]]
    assert values == pytest.approx(row.path, abs=1e-4)
    assert page(alice, f"/explanations/path/{row.key}/curve.svg").lstrip().startswith("<?xml")
    assert alice.get(f"/explanations/path/{row.key}/curve.png").content.startswith(b"\x89PNG")
    shares = [
        float(line.split(",")[2])
        for line in page(alice, f"/explanations/{runs[0].pk}/fit.csv").splitlines()[1:]
    ]
    assert len(shares) == 10
    assert sum(shares) == pytest.approx(1)
    assert alice.get(f"/explanations/{runs[0].pk}/fit.gif").status_code == 404


def test_rows_can_be_sorted_filtered_and_taken_as_csv(alice: Client, runs: list[ExplanationRun]) -> None:
    run = runs[0]
    first, second = run.explanations.order_by("pk")[:2]
    Explanation.objects.filter(pk=first.pk).update(fit=-0.5, positive=1)
    Explanation.objects.filter(pk=second.pk).update(outcome="failed", reason="It was <b>odd</b>.")
    by_fit = page(alice, f"/explanations/{run.pk}/?sort=fit")
    places = [by_fit.index(f'id="e-{row.key}"') for row in run.explanations.order_by("fit")]
    assert places == sorted(places)
    few = page(alice, f"/explanations/{run.pk}/?show=few")
    assert (f'id="e-{first.key}"' in few, f'id="e-{second.key}"' in few) == (True, False)
    failed = page(alice, f"/explanations/{run.pk}/?show=failed")
    assert "It was &lt;b&gt;odd&lt;/b&gt;." in failed
    assert f'id="e-{first.key}"' not in failed
    table = page(alice, f"/explanations/{run.pk}/?format=csv").splitlines()
    assert len(table) == 5
    assert table[0].startswith("image,category,outcome,reason,explained,probability")


def test_weights_that_are_all_zero_draw_no_bars(alice: Client, runs: list[ExplanationRun]) -> None:
    Explanation.objects.update(weights=[0.0] * 16)
    text = page(alice, f"/explanations/{runs[0].pk}/")
    assert text.count("All weights are zero.") == 4
    assert "<rect" not in text


def test_the_picture_explained_is_the_classifiers_crop(alice: Client, runs: list[ExplanationRun]) -> None:
    row = runs[0].explanations.select_related("image").first()
    assert row is not None
    content = alice.get(f"/pictures/explanation/{row.key}/explained.png").content
    original = np.asarray(Picture.open(f"{runs[0].dataset.root}/{row.image.name}"))
    assert np.array_equal(np.asarray(Picture.open(io.BytesIO(content)))[..., 0], original)


def test_strangers_see_nothing(runs: list[ExplanationRun]) -> None:
    row = runs[0].explanations.first()
    assert row is not None
    bob = Client()
    bob.force_login(get_user_model().objects.create_user("bob"))
    for address in (
        "/explanations/",
        f"/explanations/{runs[0].pk}/",
        f"/explanations/{runs[0].pk}/fit.svg",
        f"/explanations/path/{row.key}/curve.csv",
        f"/explanations/path/{row.key}/frames.png",
        f"/pictures/explanation/{row.key}/explained.png",
    ):
        assert bob.get(address).status_code == 404
        assert Client().get(address).status_code == 302


def test_what_is_not_there_is_not_found(alice: Client, runs: list[ExplanationRun]) -> None:
    row = runs[0].explanations.first()
    assert row is not None
    Explanation.objects.filter(pk=row.pk).update(path=[], explained_file="")
    for address in (
        "/explanations/999/",
        f"/explanations/path/{row.key}/frames.png",
        f"/explanations/path/{row.key}/curve.svg",
        f"/pictures/explanation/{row.key}/explained.png",
        "/pictures/explanation/nothing/explained.png",
    ):
        assert alice.get(address).status_code == 404


def _others(run: ExplanationRun) -> list[int]:
    return list(run.dataset.images.exclude(pk__in=run.chosen).values_list("pk", flat=True))
