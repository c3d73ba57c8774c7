"""Pictures of attacks and explanations: for researchers, kept by browsers, never for strangers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.test import Client
from PIL import Image as Picture

from studyapp.models import AdversarialImage, Classifier, Dataset, Image
from studyapp.services.attacks.stored_pictures import clean_name
from studyapp.services.jobs import JobFailure
from studyapp.tasks.board_pictures import ensure_clean, keep_clean
from tests.studyapp_tests.factories import make_researcher
from tests.studyapp_tests.pictures import class_folders
from tests.studyapp_tests.results.adversarial_study import TwoArms, two_arm_study

pytestmark = pytest.mark.django_db

ADDRESSES = (
    "/pictures/adversarial/attacked-a0.png",
    "/pictures/clean/attacked-a0.png",
    "/pictures/explanation/attacked-ae0.png",
    "/pictures/explanation/attacked-ae0/heat.png",
)


@pytest.fixture
def made() -> TwoArms:
    return two_arm_study(pictures=True)


@pytest.fixture
def photographs(tmp_path: Path) -> Dataset:
    """Two classes of one picture each, as files."""
    call_command("import_dataset", "photographs", str(class_folders(tmp_path, {"a": 1, "b": 1})))
    return Dataset.objects.get(name="photographs")


@pytest.fixture
def alice() -> Client:
    """A researcher."""
    client = Client()
    client.force_login(make_researcher())
    return client


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_researcher_sees_the_stored_picture_and_asks_again_only_with_its_digest(
    made: TwoArms, alice: Client, address: str
) -> None:
    first = alice.get(address)
    assert first.status_code == 200
    assert first.content.startswith(b"\x89PNG")
    assert first["Cache-Control"] == "private, max-age=86400"
    again = alice.get(address, headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304
    assert alice.get(address, headers={"If-None-Match": '"another"'}).status_code == 200


@pytest.mark.parametrize("address", ADDRESSES)
def test_strangers_and_other_accounts_see_nothing(made: TwoArms, address: str) -> None:
    assert Client().get(address).status_code == 302
    account = make_researcher("charlie")
    account.is_staff = False
    account.save()
    charlie = Client()
    charlie.force_login(account)
    assert charlie.get(address).status_code == 404


def test_the_four_pictures_of_an_image_are_different_files(made: TwoArms, alice: Client) -> None:
    # (The heat overlay of these rows is the file of the explanation.)
    assert len({alice.get(address).content for address in ADDRESSES}) == 3


def test_an_unknown_key_and_a_file_that_is_gone_are_not_found(made: TwoArms, alice: Client) -> None:
    assert alice.get("/pictures/adversarial/nothing.png").status_code == 404
    assert alice.get("/pictures/adversarial/attacked-a9.png").status_code == 404  # wrong at the start
    default_storage.delete(made.attacked[1].file)
    assert alice.get("/pictures/adversarial/attacked-a1.png").status_code == 404


def test_a_clean_picture_that_is_not_stored_is_stood_in_for_and_not_kept(
    photographs: Dataset, alice: Client, made: TwoArms
) -> None:
    row = _attacked(photographs, made)
    response = alice.get(f"/pictures/clean/{row.key}.png")
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-cache"


def test_clean_pictures_are_the_classifiers_own_crops_and_rendered_once(
    photographs: Dataset, made: TwoArms
) -> None:
    row = _attacked(photographs, made)
    ensure_clean(row)
    with default_storage.open(clean_name(row.key)) as file:
        pixels = np.asarray(Picture.open(file))
    assert pixels.shape == (16, 16, 3)
    # What is there is not rendered again: the photograph could not be read any more.
    Image.objects.filter(pk=row.image_id).update(name="gone.png")
    again = AdversarialImage.objects.get(pk=row.pk)
    ensure_clean(again)
    default_storage.delete(clean_name(row.key))
    with pytest.raises(JobFailure, match=r"gone\.png of photographs can not be shown"):
        ensure_clean(again)


def test_a_clean_picture_never_changes_under_its_key() -> None:
    first = np.zeros((4, 4, 3), dtype=np.uint8)
    name = keep_clean(adversarial_key="same-key", pixels=first)
    assert keep_clean(adversarial_key="same-key", pixels=first + 9) == name
    with default_storage.open(name) as file:
        assert not np.asarray(Picture.open(file)).any()
    default_storage.delete(name)


def _attacked(photographs: Dataset, made: TwoArms) -> AdversarialImage:
    """The first photograph as an attacked image of a classifier that looks at 16 pixels."""
    run = made.attacked[0].run
    run.pk, run.dataset, run.digest = None, photographs, "photographs"
    run._state.adding = True
    classifier = run.classifier
    classifier.pk, classifier.name = None, "small-crops"
    classifier._state.adding = True
    classifier.preprocessing = {
        "crop": {
            "side": 16,
            "rule": "squash",
            "resize": 16,
            "margin": 0,
            "interpolation": "bilinear",
            "enlarge": None,
        },
        "channel_order": "rgb",
        "scale": 1.0,
        "mean": [0.0, 0.0, 0.0],
        "std": [1.0, 1.0, 1.0],
    }
    classifier.save()
    run.classifier = Classifier.objects.get(name="small-crops")
    run.save()
    image = Image.objects.filter(dataset=photographs).order_by("pk")[0]
    return AdversarialImage.objects.create(run=run, image=image, outcome="attacked", file="adversarial/x.png")
