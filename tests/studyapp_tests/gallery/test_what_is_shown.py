"""What a study shows of one image, as the gallery words it: what tells two pictures apart is in words."""

from __future__ import annotations

import pytest
from django.test import Client

from studyapp.models import Question, QuestionUse, Stimulus
from studyapp.protocol.adversarial import AdversarialArm
from studyapp.protocol.explanation import ExplanationPlan
from studyapp.services.adversarial.shown import shown_in
from tests.studyapp_tests.gallery.rows import make_attack, make_gallery_study

pytestmark = pytest.mark.django_db
ROOT = "/admin/gallery/study/turned/"


def test_what_people_are_shown_of_an_image_is_told_apart_in_words_and_by_no_code(alice: Client) -> None:
    attacked = make_attack(images=1)
    study = make_gallery_study(attacked)
    [row] = attacked.images
    plan = ExplanationPlan(superpixels=6, rest="grey")
    arms = (
        AdversarialArm(name="whole"),
        AdversarialArm(name="explained", shows="explanation"),
        AdversarialArm(name="covered in black", shows="explanation", rest="black"),
        AdversarialArm(name="random", shows="random_superpixels"),
    )
    first = study.arms.order_by("position")[0]
    for arm in arms:
        picture = shown_in(arm, plan)
        stimulus = Stimulus.objects.create(
            study=study,
            image=row.image,
            adversarial=row,
            kind=picture.kind,
            variant=picture.variant(0),
            parameters=picture.parameters("toy"),
        )
        asked = Question.objects.create(
            study=study, arm=first, stimulus=stimulus, image=row.image, content=arm.name
        )
        QuestionUse.objects.create(question=asked, role=QuestionUse.Role.ADVERSARIAL, adversarial=row)
    page = alice.get(ROOT, {"one": row.key}).content.decode()
    made = "(lime, adversarial class, at most 6 superpixels, the rest"
    for words in (
        "whole attacked picture",
        f"explanation of the attacked picture {made} grey)",
        f"explanation of the attacked picture {made} black)",
        f"random superpixels of the attacked picture, of the area of its explanation {made} grey)",
    ):
        assert f"<span>{words}</span>" in page
    assert "random_superpixels" not in page
    assert ":adversarial:" not in page
