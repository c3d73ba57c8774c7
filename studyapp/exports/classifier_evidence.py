"""One classifier's predictions and the questions about them, image by image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from django.db.models import IntegerField, Value
from django.db.models.functions import Cast, Coalesce

from studyapp.analysis.evidence import NO_QUESTION, ClassifierEvidence, Top5Evidence
from studyapp.exports.columns import NONE_OF_THEM, Int64Array, integer_columns, positions_in
from studyapp.exports.question_index import QuestionIndex, Uses
from studyapp.models import Prediction, QuestionUse, Study, StudyClassifier
from studyapp.protocol.schema import Protocol, Top5Questions


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """The images [N] (keys ascending), whether top-1 is their label, whether their label is in the top 5."""

    image: Int64Array
    correct: npt.NDArray[np.bool_]
    label_in_top5: npt.NDArray[np.bool_] | None
    category: Int64Array


def read_predictions(study_classifier: StudyClassifier) -> Predictions:
    """All predictions of the classifier's run, by image."""
    rows = (
        Prediction.objects.filter(run=study_classifier.run)
        .annotate(
            top1=Cast("top1_correct", IntegerField()),
            top5=Coalesce(Cast("top5_correct", IntegerField()), Value(NONE_OF_THEM)),
        )
        .order_by("image_id")
    )
    image, top1, top5, category = integer_columns(rows, "image_id", "top1", "top5", "image__category_id")
    known_top5 = len(top5) > 0 and not (top5 == NONE_OF_THEM).any()
    return Predictions(image, top1 == 1, top5 == 1 if known_top5 else None, category)


def classifier_evidence(
    protocol: Protocol,
    study_classifier: StudyClassifier,
    predictions: Predictions,
    questions: QuestionIndex,
    uses: Uses,
    groups: CategoryGroups,
) -> ClassifierEvidence:
    """What the statistics need to know of one classifier."""

    def by_image(role: QuestionUse.Role) -> Int64Array:
        chosen = uses.of(role, study_classifier.pk)
        column = np.full(len(predictions.image), NO_QUESTION, dtype=np.int64)
        column[positions_in(predictions.image, questions.image[chosen])] = chosen
        return column

    correct_question = by_image(QuestionUse.Role.CORRECT)
    return ClassifierEvidence(
        classifier=study_classifier.classifier.name,
        correct=predictions.correct,
        mistake_question=by_image(QuestionUse.Role.MISTAKE),
        label_in_top5=predictions.label_in_top5,
        top5=_top5(protocol, study_classifier, predictions, questions, uses),
        stratum=_strata(protocol, predictions, groups),
        correct_question=correct_question if (correct_question != NO_QUESTION).any() else None,
    )


def _top5(
    protocol: Protocol,
    study_classifier: StudyClassifier,
    predictions: Predictions,
    questions: QuestionIndex,
    uses: Uses,
) -> Top5Evidence | None:
    asked = protocol.questions
    if not isinstance(asked, Top5Questions):
        return None
    role = QuestionUse.Role.TOP5_LIST if asked.top5_question == "list" else QuestionUse.Role.TOP5_LABEL
    chosen = uses.of(role, study_classifier.pk)
    image = positions_in(predictions.image, questions.image[chosen])
    order = np.argsort(image, kind="stable")
    chosen, image = chosen[order], image[order]
    # The place of each question among those of its image: 0 for a list, 0..4 class by class.
    starts = np.flatnonzero(np.r_[True, image[1:] != image[:-1]]) if len(image) else np.array([], int)
    place = np.arange(len(image)) - np.repeat(starts, np.diff(np.r_[starts, len(image)]))
    # A classifier of fewer than five classes has fewer questions per image, and all of them can be rejected.
    width = 1 if asked.top5_question == "list" else int(place.max(initial=0)) + 1
    column = np.full((len(predictions.image), width), NO_QUESTION, dtype=np.int64)
    column[image, place] = chosen
    return Top5Evidence(
        form=asked.top5_question,
        variant="B" if asked.top5_variant == "B" else "A",
        questions=column[:, 0] if asked.top5_question == "list" else column,
    )


def _strata(protocol: Protocol, predictions: Predictions, groups: CategoryGroups) -> Int64Array | None:
    """The stratum of each mistake in a sampled study: the classifier, the image's category, or its group."""
    asked = protocol.about_mistakes
    if asked is None or asked.review_sample is None:
        return None
    if asked.review_stratum == "category":
        return np.unique(predictions.category, return_inverse=True)[1].astype(np.int64)
    if asked.review_stratum == "group":
        # Categories without a group are one stratum of their own, after the named ones.
        group = groups.of_category(predictions.category)
        return np.where(group == NONE_OF_THEM, len(groups.names), group)
    return np.zeros(len(predictions.image), dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class CategoryGroups:
    """The groups that a hierarchy file gave: names in alphabetical order, and the group of each category."""

    names: tuple[str, ...]
    category: Int64Array
    group: Int64Array

    def of_category(self, wanted: Int64Array) -> Int64Array:
        """[N] the group's index in `names` for each category key; -1 for none."""
        place = positions_in(self.category, wanted)
        if not len(self.category):
            return place
        return np.where(place == NONE_OF_THEM, NONE_OF_THEM, self.group[place])


def category_groups(study: Study) -> CategoryGroups:
    """The study's category groups as stored with it; empty without a hierarchy."""
    pairs = sorted((int(category), str(group)) for category, group in study.groups)
    names = tuple(sorted({group for _, group in pairs}))
    return CategoryGroups(
        names=names,
        category=np.array([category for category, _ in pairs], dtype=np.int64),
        group=np.array([names.index(group) for _, group in pairs], dtype=np.int64),
    )
