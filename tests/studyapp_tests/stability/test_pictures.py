"""What people see of a flip is what the classifier was shown, and they are asked about what it said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import override_settings
from PIL import Image as Picture

from studyapp.analysis.colour_stability import Setting
from studyapp.models import Question
from studyapp.protocol.reading import read_protocol_text
from studyapp.services.probes.recolouring import recoloured_pixels
from tests.studyapp_tests.networks import CLASSES
from tests.studyapp_tests.probes.test_colour_probe import COLOURS, THIRDS, command, paint, register
from tests.studyapp_tests.stability.test_stability_study import PROTOCOL
from tests.studyapp_tests.studies.small import built

pytestmark = pytest.mark.django_db(transaction=True)

# As the network sees a colour: ITU-R 601 luminance of 255, dark below 64, bright above 191.
LUMINANCE = np.array([0.299, 0.587, 0.114])


def said_of(pixels: np.ndarray) -> str:
    mean = float((pixels @ LUMINANCE).mean())
    return "dark" if mean < 64 else "bright" if mean > 191 else "middle"


def test_the_picture_shown_is_the_one_that_flipped(tmp_path: Path) -> None:
    assert "dark" in CLASSES
    with override_settings(VAR=tmp_path / "var"):
        for name, colour in COLOURS.items():
            paint(tmp_path / "pictures" / name, colour)
        register(tmp_path, tmp_path / "pictures")
        command("predict", "colours", "luminance")
        command("probe", "colour", "colours", "luminance", *THIRDS)
        text = PROTOCOL.format(classifiers='["luminance"]', controls=0.0, more="")
        study = built(read_protocol_text(text.replace("[2, 10]", "[2, 3]")))
    questions = Question.objects.filter(study=study).select_related("stimulus", "image", "label")
    # By 120 degrees green turns blue and blue red; by 240 red turns blue and blue green.
    assert len(questions) == 4
    for question in questions:
        told = question.stimulus.parameters
        with default_storage.open(question.stimulus.file) as file, Picture.open(file) as picture:
            shown = np.asarray(picture.convert("RGB"))
        assert shown.shape == (224, 224, 3)
        original = np.full((8, 8, 3), COLOURS[question.image.name], dtype=np.uint8)
        axis, amount = told["setting"].split()
        assert axis == "hue"
        expected = recoloured_pixels(original, Setting("hue", float(amount)))
        np.testing.assert_array_equal(shown[::28, ::28], expected)
        assert question.label is not None
        assert said_of(shown) == question.label.name
        assert said_of(original) != question.label.name
