"""Pages of attacks: numbers that can be checked by hand, files, and who may see them."""

from __future__ import annotations

import csv
import io

import pytest
from django.test import Client
from django.urls import reverse

from studyapp.models import AdversarialImage, AttackRun, Category
from studyapp.protocol.attack import AttackPlan
from studyapp.services.attacks.runs import adversarial_key, adversarial_name, digest_of, parameters_of
from tests.studyapp_tests.factories import make_study
from tests.studyapp_tests.pages.rows import add_run, rows_of, text_of

pytestmark = pytest.mark.django_db

Outcome = AdversarialImage.Outcome
PLAN = AttackPlan(steps=4, space="pixel", step=0.5 / 255)


def make_attack() -> AttackRun:
    """Eight images: four attacked (flips at 1, 3, 3, never; one lost in 8 bits), three wrong, one failed."""
    study = make_study(questions=8)
    predictions = add_run(study.dataset)
    predictions.classifier.preprocessing = {"channel_order": "rgb", "std": [1.0] * 3, "scale": 1.0}
    predictions.classifier.save()
    run = AttackRun.objects.create(
        dataset=study.dataset,
        classifier=predictions.classifier,
        prediction_run=predictions,
        parameters=parameters_of(PLAN),
        digest=digest_of(PLAN, ()),
        finished_at=study.dataset.created_at,
        device="cpu",
    )
    images = list(study.dataset.images.order_by("pk")[:8])
    true, other = Category.objects.filter(class_list=study.dataset.class_list).order_by("index")[:2]
    flips = [(1, 2, other, other), (3, 3, other, other), (3, 5, other, true), (5, 5, true, true)]
    for image, (flip, displayed_flip, in_float, displayed) in zip(images, flips, strict=False):
        key = adversarial_key(run_id=run.pk, image_id=image.pk)
        AdversarialImage.objects.create(
            run=run,
            image=image,
            key=key,
            outcome=Outcome.ATTACKED,
            true=true,
            steps_taken=4,
            steps_to_flip=flip,
            steps_to_displayed_flip=displayed_flip,
            clean_predicted=true,
            float_predicted=in_float,
            displayed_predicted=displayed,
            file=adversarial_name(key),
        )
    for number, image in enumerate(images[4:]):
        AdversarialImage.objects.create(
            run=run,
            image=image,
            key=adversarial_key(run_id=run.pk, image_id=image.pk),
            outcome=Outcome.FAILED if number == 3 else Outcome.WRONG_AT_START,
            reason="The gradient is not finite." if number == 3 else "",
            true=true,
        )
    return run


def table_of(client: Client, name: str, *args: object) -> list[dict[str, str]]:
    """A file of numbers as rows by column."""
    response = client.get(reverse(name, args=args))
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def test_the_numbers_of_the_page_are_those_counted_by_hand(alice: Client) -> None:
    run = make_attack()
    [whole, attacked] = table_of(alice, "attack-table", run.pk, "accuracy", "csv")
    # 7 with a verdict, 4 right before; 1 right in float afterwards, 2 by their files.
    assert (whole["images"], whole["before_right"]) == ("7", "4")
    assert (whole["float_right"], whole["displayed_right"]) == ("1", "2")
    assert (attacked["images"], attacked["displayed_accuracy"]) == ("4", "0.5")
    rounding = table_of(alice, "attack-table", run.pk, "rounding", "csv")
    assert [row["images"] for row in rounding] == ["3", "1", "2", "1", "0"]
    steps = table_of(alice, "attack-table", run.pk, "steps_to_flip", "csv")
    assert [row["float_right"] for row in steps] == ["4", "3", "3", "1", "1", ""]
    assert [row["displayed_right"] for row in steps] == ["4", "4", "3", "2", "2", ""]
    assert [row["float_flips"] for row in steps] == ["", "1", "0", "2", "0", "1"]
    assert [row["displayed_flips"] for row in steps] == ["", "0", "1", "1", "0", "2"]
    page = text_of(alice, reverse("attack", args=[run.pk]))
    assert "0.5 grey levels of 255" in page
    assert "The gradient is not finite." in page


def test_figures_come_as_svg_png_and_numbers(alice: Client) -> None:
    run = make_attack()
    for name in ("accuracy_over_steps", "steps_to_flip"):
        svg = alice.get(reverse("attack-figure", args=[run.pk, name, "svg"]))
        assert svg.content.startswith(b"<?xml")
        assert alice.get(reverse("attack-figure", args=[run.pk, name, "png"])).content.startswith(b"\x89PNG")
    curve = table_of(alice, "attack-figure", run.pk, "accuracy_over_steps", "csv")
    assert [row["value"] for row in curve if row["series"] == "float"] == [
        "1.0",
        "0.75",
        "0.75",
        "0.25",
        "0.25",
    ]
    bars = table_of(alice, "attack-figure", run.pk, "steps_to_flip", "csv")
    assert [row["value"] for row in bars if row["series"] == "8-bit picture"] == [
        "0.0",
        "0.25",
        "0.25",
        "0.0",
        "0.5",
    ]
    assert alice.get(reverse("attack-figure", args=[run.pk, "nothing", "svg"])).status_code == 404
    assert alice.get(reverse("attack-table", args=[run.pk, "accuracy", "exe"])).status_code == 404


def test_lists_name_the_attack_and_lead_to_it(alice: Client) -> None:
    assert "manage.py attack" in text_of(alice, reverse("attacks"))
    run = make_attack()
    address = reverse("attack", args=[run.pk])
    for page in (
        reverse("attacks"),
        reverse("dataset", args=[run.dataset.name]),
        reverse("classifier", args=[run.classifier.name]),
    ):
        assert f'href="{address}"' in text_of(alice, page)
    [row] = rows_of(alice, reverse("attacks") + "?format=csv")
    assert (row["attacked"], row["wrong_at_start"], row["failed"], row["displayed_right"]) == (
        "4",
        "3",
        "1",
        "2",
    )
    images = rows_of(alice, address + "?format=csv")
    assert len(images) == 8
    assert sorted(row["outcome"] for row in images) == ["attacked"] * 4 + ["failed"] + ["wrong_at_start"] * 3


def test_strangers_and_other_accounts_see_no_attack(bob: Client) -> None:
    run = make_attack()
    for address in (
        reverse("attacks"),
        reverse("attack", args=[run.pk]),
        reverse("attack-table", args=[run.pk, "accuracy", "csv"]),
        reverse("attack-figure", args=[run.pk, "steps_to_flip", "svg"]),
    ):
        assert bob.get(address).status_code == 404
        assert Client().get(address).status_code == 302


def test_an_attack_under_way_says_what_is_left(alice: Client) -> None:
    run = make_attack()
    run.adversarial_images.filter(outcome=Outcome.WRONG_AT_START).delete()
    page = text_of(alice, reverse("attack", args=[run.pk]))
    assert "3 images are not attacked yet." in page
    assert f"attack {run.dataset.name} {run.classifier.name}" in page
