"""A study of two classifiers with known mistakes, built by the product's own services, with pictures.

Of 48 images `alpha` gets 0-23 wrong and `beta` 20-43. On 20-23 both say the same class, so those four
questions are pooled: 44 mistakes are asked about, 20 of each classifier alone.
"""

from __future__ import annotations

import io
from dataclasses import replace

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image as Picture

from studyapp.models import Classifier, Dataset, Prediction, PredictionRun, Stimulus, Study
from studyapp.protocol.schema import Protocol, RelevanceQuestions
from studyapp.services.studies.creation import create_study, finish_build
from tests.studyapp_tests.factories import make_dataset, make_protocol, with_participants

IMAGES = 48
WRONG = {"alpha": range(24), "beta": range(20, 44)}
PLANTED = {"alpha": 0.9, "beta": 0.05}


def two_classifier_protocol(name: str = "rehearsed", *, sitting: int = 15) -> Protocol:
    """Controls, gold and practice questions; one look; five answers, four must agree."""
    protocol = make_protocol(
        name=name,
        dataset=f"{name}-images",
        questions=RelevanceQuestions(controls=0.2, gold_share=0.1),
    )
    protocol = with_participants(protocol, questions_per_sitting=sitting, practice_questions=2)
    return replace(protocol, classifiers=tuple(WRONG))


def two_classifier_study(protocol: Protocol | None = None) -> Study:
    """The built draft with a picture for every stimulus."""
    protocol = protocol or two_classifier_protocol()
    dataset = make_dataset(protocol.dataset, images=IMAGES)
    for name, wrong in WRONG.items():
        _predict(dataset, name, wrong)
    study = create_study(protocol=protocol, text="", owner=None)
    stimuli = list(Stimulus.objects.filter(study=study))
    for number, stimulus in enumerate(stimuli):
        stimulus.file = default_storage.save(f"stimuli/{stimulus.key}.png", ContentFile(_picture(number)))
        stimulus.width = stimulus.height = 16
    Stimulus.objects.bulk_update(stimuli, ["file", "width", "height"])
    finish_build(study=study)
    study.refresh_from_db()
    return study


def _predict(dataset: Dataset, name: str, wrong: range) -> None:
    """Wrong images are taken for the next class; ranks go round the list from there."""
    categories = list(dataset.class_list.categories.order_by("index"))
    classifier, _ = Classifier.objects.get_or_create(
        name=name, defaults={"source": Classifier.Source.ELSEWHERE, "class_list": dataset.class_list}
    )
    run = PredictionRun.objects.create(dataset=dataset, classifier=classifier, finished_at=timezone.now())
    rows = []
    for place, image in enumerate(dataset.images.select_related("category").order_by("pk")):
        first = image.category.index + (place in wrong)
        ranking = [(first + rank) % len(categories) for rank in range(len(categories))]
        rows.append(
            Prediction(
                run=run,
                image=image,
                predicted=categories[ranking[0]],
                ranking=ranking,
                top1_correct=place not in wrong,
                top5_correct=image.category.index in ranking[:5],
            )
        )
    Prediction.objects.bulk_create(rows)


def _picture(number: int) -> bytes:
    buffer = io.BytesIO()
    Picture.new("RGB", (16, 16), (number % 256, 120, 200)).save(buffer, "PNG")
    return buffer.getvalue()
