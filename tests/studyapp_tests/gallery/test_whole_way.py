"""From a real attack and real explanations to the gallery of the study made from them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from PIL import Image as Picture

from studyapp.models import Job
from studyapp.services.gallery.filters import GalleryFilter
from studyapp.services.gallery.images import gallery_images
from studyapp.services.gallery.listing import window
from studyapp.services.gallery.opening import gallery
from studyapp.services.gallery.strips import KIND, SIDE
from studyapp.services.jobs import FOREGROUND, hand_over
from studyapp.tasks.chunks import work_here
from tests.studyapp_tests.adversarial.attacked import (
    attacked_halves,
    built,
    explain_halves,
    protocol_of_halves,
)
from tests.studyapp_tests.gallery.rows import strips_in

pytestmark = pytest.mark.django_db


def test_a_study_of_attacked_images_is_reviewed_with_pictures_made_without_being_asked_for(
    alice: Client, tmp_path: Path, settings: Any
) -> None:
    settings.VAR = tmp_path
    attacked_halves(tmp_path)
    explain_halves(tmp_path)
    study = built(protocol_of_halves())
    waiting = Job.objects.filter(kind=KIND).exclude(state=Job.State.DONE)
    assert waiting.exists()
    for job in waiting:
        work_here(hand_over(job=job, queue=FOREGROUND), progress=False)
    scope = gallery("study", study.name)
    found = window(scope, GalleryFilter())
    images = gallery_images(scope, found.keys)
    assert images
    shown = {stimulus.pk for image in images for stimulus in image.stimuli}
    assert shown >= set(study.stimuli.exclude(adversarial=None).values_list("pk", flat=True))
    page = alice.get(f"/admin/gallery/study/{study.name}/").content.decode()
    for image, strip in zip(images, strips_in(page), strict=True):
        assert image.explanation is not None
        assert image.adversarial is not None
        assert image.adversarial.name != image.true
        assert np.asarray(Picture.open(io.BytesIO(strip)).convert("RGB")).shape[0] == SIDE
        one = alice.get(f"/admin/gallery/study/{study.name}/", {"one": image.key})
        assert one.status_code == 200
