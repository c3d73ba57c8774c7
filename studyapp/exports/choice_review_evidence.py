"""What people say of the choices of texture probes: verdicts of a relevance study, picture by picture."""

from __future__ import annotations

import numpy as np

from studyapp.analysis.rectified import image_verdicts
from studyapp.analysis.rectified_choices import RectifiedChoices, ReviewedChoices, rectified_choices
from studyapp.analysis.shape_texture import Choices, cue_of
from studyapp.exports.judged import ReadArm
from studyapp.models import Prediction, StudyClassifier
from studyapp.protocol.schema import Protocol, RelevanceQuestions
from studyapp.services.probes.texture_flips import PROBE


def arm_choices(
    read: ReadArm, protocol: Protocol, *, rng: np.random.Generator
) -> tuple[RectifiedChoices, ...]:
    """The classifiers of one arm whose predictions are choices of a texture probe; none in other studies."""
    if not isinstance(protocol.questions, RelevanceQuestions):
        return ()
    found = []
    evidence = read.evidence
    for use, classifier in zip(evidence.study_classifiers, evidence.evidence.classifiers, strict=True):
        if PROBE not in use.run.parameters:
            continue
        reviewed = ReviewedChoices(
            choices=_choices(use),
            verdict=image_verdicts(classifier.mistake_question, read.judged.verdict),
            stratum=classifier.stratum,
        )
        row = rectified_choices(reviewed, draws=protocol.analysis.draws, rng=rng)
        if row is not None:
            found.append(row)
    return tuple(found)


def _choices(use: StudyClassifier) -> Choices:
    """What the run says of every image, in the order of the study's evidence (by primary key)."""
    names = tuple(use.classifier.class_list.categories.order_by("index").values_list("name", flat=True))
    places = {name: place for place, name in enumerate(names)}
    rows = Prediction.objects.filter(run=use.run_id).order_by("image_id")
    told = [
        (*(places[cue] for cue in cue_of(name)), index)
        for name, index in rows.values_list("image__name", "predicted__index")
    ]
    columns = np.array(told, dtype=np.int64).reshape(-1, 3)
    return Choices(use.classifier.name, names, columns[:, 0], columns[:, 1], columns[:, 2])
