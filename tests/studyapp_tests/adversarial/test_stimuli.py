"""What people see in each arm: the exact pixels, and a build that resumes where it stood."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from numpy.typing import NDArray
from PIL import Image as Picture

from studyapp.models import AttackRun, Stimulus, Study
from studyapp.services.catalogue.image_files import read_image_file
from studyapp.services.jobs import JobFailure
from studyapp.services.stored_files import put_file
from studyapp.services.studies.life import start_build
from studyapp.tasks.chunks import work_here
from studyapp.tasks.stimulus_pixels import enlarged
from tests.studyapp_tests.adversarial.attacked import built, created, protocol_of_halves

pytestmark = pytest.mark.django_db

Pixels = NDArray[np.uint8]
FACTOR = 224 // 8
GREY, BLACK = 128, 0


def _stored(name: str) -> Pixels:
    with default_storage.open(name) as file:
        return np.array(Picture.open(io.BytesIO(file.read())).convert("RGB"))


def _seen(stimulus: Stimulus) -> Pixels:
    """What is seen, at the size the classifier sees; every pixel must be a square of equal ones."""
    shown = _stored(stimulus.file)
    assert shown.shape == (224, 224, 3) == (stimulus.height, stimulus.width, 3)
    small = shown[::FACTOR, ::FACTOR]
    assert np.array_equal(small.repeat(FACTOR, axis=0).repeat(FACTOR, axis=1), shown), "nothing is smoothed"
    return small


def _of_arm(study: Study, arm: str) -> list[Stimulus]:
    rows = Stimulus.objects.filter(study=study, questions__arm__name=arm)
    return list(rows.select_related("image__dataset", "adversarial", "explanation").order_by("image"))


def _superpixel(number: int) -> tuple[slice, slice]:
    """Pixels of cell `number` of the grid of 4 x 4 on 8 x 8, row by row."""
    row, column = divmod(number, 4)
    return slice(2 * row, 2 * row + 2), slice(2 * column, 2 * column + 2)


def _heaviest(weights: list[float], k: int) -> list[int]:
    positive = [number for number, weight in enumerate(weights) if weight > 0]
    return sorted(positive, key=lambda number: -weights[number])[:k]


def test_the_whole_picture_is_the_stored_attacked_one_and_the_clean_one_the_classifiers_crop(
    attack: AttackRun,
) -> None:
    study = built(protocol_of_halves())
    for stimulus in _of_arm(study, "whole"):
        assert stimulus.adversarial is not None
        assert np.array_equal(_seen(stimulus), _stored(stimulus.adversarial.file))
    for stimulus in _of_arm(study, "clean"):
        original = Picture.open(io.BytesIO(read_image_file(image=stimulus.image))).convert("RGB")
        assert np.array_equal(_seen(stimulus), np.array(original))


def test_an_explanation_shows_the_heaviest_superpixels_and_hides_the_rest(attack: AttackRun) -> None:
    study = built(protocol_of_halves())
    for arm, k in (("explained", 4), ("truth", 2)):
        for stimulus in _of_arm(study, arm):
            assert stimulus.adversarial is not None
            assert stimulus.explanation is not None
            whole = _stored(stimulus.adversarial.file)
            expected = np.full_like(whole, BLACK)
            shown = _heaviest(stimulus.explanation.weights, k)
            for number in shown:
                expected[_superpixel(number)] = whole[_superpixel(number)]
            assert np.array_equal(_seen(stimulus), expected)
            assert sorted(stimulus.parameters["shown"]) == sorted(shown)


def test_random_superpixels_cover_as_much_as_the_explanation_and_follow_the_stored_draw(
    attack: AttackRun,
) -> None:
    study = built(protocol_of_halves())
    of_arm = _of_arm(study, "random")
    drawn = {tuple(stimulus.parameters["shown"]) for stimulus in of_arm}
    assert len(drawn) > 1, "each picture has a draw of its own"
    for stimulus in of_arm:
        told = stimulus.parameters
        assert stimulus.adversarial is not None
        assert told["area"] == told["area_of_explanation"] == 4 * 4
        whole = _stored(stimulus.adversarial.file)
        expected = np.full_like(whole, GREY)
        for number in told["shown"]:
            expected[_superpixel(number)] = whole[_superpixel(number)]
        assert np.array_equal(_seen(stimulus), expected)
    seeds = dict(Stimulus.objects.filter(study=study).values_list("pk", "parameters"))
    Stimulus.objects.filter(study=study).update(file="")
    work_here(start_build(study=study), progress=False)
    assert dict(Stimulus.objects.filter(study=study).values_list("pk", "parameters")) == seeds


def test_no_address_or_file_of_a_picture_tells_arm_label_or_image(attack: AttackRun) -> None:
    study = built(protocol_of_halves())
    for stimulus in Stimulus.objects.filter(study=study).select_related("image"):
        assert stimulus.file == f"stimuli/{stimulus.key[:2]}/{stimulus.key}.png"
        with Picture.open(default_storage.open(stimulus.file)) as opened:
            opened.load()
            assert opened.info == {}
        with default_storage.open(stimulus.file) as file:
            assert hashlib.sha256(file.read()).hexdigest() == stimulus.sha256
    keys = Stimulus.objects.filter(study=study).values_list("key", flat=True)
    assert len({key[:8] for key in keys}) == len(keys)


def test_building_again_renders_nothing_anew(attack: AttackRun) -> None:
    study = built(protocol_of_halves())
    before = list(Stimulus.objects.filter(study=study).order_by("pk").values())
    work_here(start_build(study=study), progress=False)
    assert list(Stimulus.objects.filter(study=study).order_by("pk").values()) == before


def test_half_a_picture_that_a_dead_worker_left_is_replaced(attack: AttackRun, own_files: Path) -> None:
    study = created(protocol_of_halves())
    first = Stimulus.objects.filter(study=study).earliest("pk")
    put_file(f"stimuli/{first.key[:2]}/{first.key}.png", b"half")
    work_here(start_build(study=study), progress=False)
    first.refresh_from_db()
    assert _stored(first.file).shape == (224, 224, 3)
    files = [path for path in (own_files / "stimuli").rglob("*") if path.is_file()]
    assert len(files) == Stimulus.objects.filter(study=study).count()


def test_an_attacked_picture_that_changed_or_went_is_refused_with_the_remedy(attack: AttackRun) -> None:
    study = created(protocol_of_halves(arms='[[arm]]\nname = "whole"\n'))
    first = Stimulus.objects.filter(study=study).select_related("adversarial").earliest("pk")
    assert first.adversarial is not None
    content = default_storage.open(first.adversarial.file).read()
    default_storage.delete(first.adversarial.file)
    job = _failed(study)
    assert "is not in storage any more" in job.reason
    assert "Attack or explain again" in job.remedy
    buffer = io.BytesIO()
    Picture.new("RGB", (8, 8)).save(buffer, "PNG")
    default_storage.save(first.adversarial.file, ContentFile(buffer.getvalue()))
    assert "has changed since it was made" in _failed(study).reason
    default_storage.delete(first.adversarial.file)
    default_storage.save(first.adversarial.file, ContentFile(content))
    work_here(start_build(study=study), progress=False)
    study.refresh_from_db()
    assert study.built_at is not None


@pytest.mark.parametrize(("side", "shown"), [(8, 224), (100, 200), (112, 224), (113, 113), (300, 300)])
def test_small_pictures_are_enlarged_by_whole_pixels_and_large_ones_left_as_they_are(
    side: int, shown: int
) -> None:
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    large = enlarged(pixels, 224)
    assert large.shape == (shown, shown, 3)
    step = shown // side
    assert np.array_equal(large[::step, ::step], pixels)
    assert np.array_equal(large[step - 1 :: step, step - 1 :: step], pixels)


def _failed(study: Study) -> JobFailure:
    """The failure of a build that can not go on."""
    with pytest.raises(JobFailure) as caught:
        work_here(start_build(study=study), progress=False)
    return caught.value
