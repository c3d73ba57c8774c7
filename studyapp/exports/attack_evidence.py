"""What an attack did, image by image, and which questions of an arm ask about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from django.db.models import Value
from django.db.models.functions import Coalesce

from studyapp.analysis.adversarial_accuracy import AttackedImages
from studyapp.analysis.evidence import NO_QUESTION, ClassifierEvidence
from studyapp.analysis.intervals import Rate, wilson_rate
from studyapp.exports.classifier_evidence import CategoryGroups
from studyapp.exports.columns import NONE_OF_THEM, Int64Array, code_of, integer_columns, positions_in
from studyapp.exports.question_index import ROLES, Uses
from studyapp.models import AdversarialImage, Prediction, QuestionUse, Study, StudyClassifier
from studyapp.protocol.adversarial import AdversarialArm, AdversarialQuestions
from studyapp.protocol.schema import ArmSetup, Protocol

# Control arms ask about the dataset's label or a foil of the same attacked image.
ASKED_AS = tuple(
    ROLES.index(role.value)
    for role in (QuestionUse.Role.ADVERSARIAL, QuestionUse.Role.CONTROL_TRUE, QuestionUse.Role.CONTROL_FOIL)
)
OUTCOMES = tuple(AdversarialImage.Outcome.values)


@dataclass(frozen=True, slots=True, eq=False)
class StudyAttack:
    """One classifier's attack: keys of its adversarial images [R] (ascending), their images, what happened.

    `category` [R]: the dataset's label of each image, in the dataset's own class list.
    """

    study_classifier: StudyClassifier
    key: Int64Array
    image: Int64Array
    category: Int64Array
    outcomes: AttackedImages

    def questions(self, uses: Uses) -> Int64Array:
        """[R] the question of an arm about each adversarial image, or `NO_QUESTION`."""
        mine = (
            (uses.classifier == self.study_classifier.pk)
            & (uses.adversarial != NONE_OF_THEM)
            & np.isin(uses.role, ASKED_AS)
        )
        column = np.full(len(self.key), NO_QUESTION, dtype=np.int64)
        place = positions_in(self.key, uses.adversarial[mine])
        column[place[place != NONE_OF_THEM]] = uses.question[mine][place != NONE_OF_THEM]
        return column


def read_attacks(study: Study, protocol: Protocol) -> tuple[StudyAttack, ...]:
    """The attacks of a study of kind `adversarial`, in the order of its classifiers; none for other kinds."""
    asked = protocol.questions
    if not isinstance(asked, AdversarialQuestions):
        return ()
    rows = study.study_classifiers.exclude(attack_run=None).select_related("classifier", "attack_run")
    return tuple(_read(row, asked) for row in rows.order_by("position"))


def rectifies(setup: ArmSetup) -> bool:
    """Whether the arm asks about the adversarial label of the attacked picture, whole or explained.

    Only those answers can rectify an error: the others are controls. What people say of random superpixels is
    said of the masking.
    """
    plan = setup.plan
    return (
        isinstance(plan, AdversarialArm)
        and plan.version == "adversarial"
        and plan.label == "adversarial"
        and plan.shows != "random_superpixels"
    )


def shown_evidence(
    attack: StudyAttack, questions: Int64Array, groups: CategoryGroups
) -> tuple[ClassifierEvidence, Int64Array | None]:
    """The attacked images that an arm shows as the N of its tables, and their category groups."""
    shown = questions != NO_QUESTION
    correct = attack.outcomes.correct_after[shown]
    evidence = ClassifierEvidence(
        classifier=attack.outcomes.classifier,
        correct=correct,
        mistake_question=np.where(correct, NO_QUESTION, questions[shown]),
    )
    return evidence, groups.of_category(attack.category[shown]) if groups.names else None


def _read(study_classifier: StudyClassifier, asked: AdversarialQuestions) -> StudyAttack:
    run = study_classifier.attack_run
    assert run is not None
    fields = ("true_id", "clean_predicted_id", "float_predicted_id", "displayed_predicted_id")
    known = {f"{field}_known": Coalesce(field, Value(NONE_OF_THEM)) for field in fields}
    rows = (
        AdversarialImage.objects.filter(run=run)
        .annotate(outcome_code=code_of("outcome", OUTCOMES), **known)
        .order_by("pk")
    )
    key, image, category, outcome, true, clean, in_float, in_file = integer_columns(
        rows, "pk", "image_id", "image__category_id", "outcome_code", *known
    )
    attacked = outcome == OUTCOMES.index(AdversarialImage.Outcome.ATTACKED.value)
    before = (clean == true) & (true != NONE_OF_THEM)
    return StudyAttack(
        study_classifier=study_classifier,
        key=key,
        image=image,
        category=category,
        outcomes=AttackedImages(
            classifier=study_classifier.classifier.name,
            attacked=attacked,
            correct_before=before,
            correct_in_float=_after(before, attacked, in_float, true),
            correct_in_file=_after(before, attacked, in_file, true),
            dataset=_over_dataset(study_classifier),
            read_from_file=asked.adversarial_label == "displayed",
            sampled=asked.sample is not None,
        ),
    )


def _after(
    before: npt.NDArray[np.bool_], attacked: npt.NDArray[np.bool_], predicted: Int64Array, true: Int64Array
) -> npt.NDArray[np.bool_]:
    """An image that was not attacked stays what it was."""
    return np.where(attacked, predicted == true, before)


def _over_dataset(study_classifier: StudyClassifier) -> Rate:
    predictions = Prediction.objects.filter(run=study_classifier.run)
    return wilson_rate(predictions.filter(top1_correct=True).count(), predictions.count())
