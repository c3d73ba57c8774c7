"""The questions of one arm and why they are asked, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from django.db.models import Value
from django.db.models.functions import Coalesce

from studyapp.exports.columns import NONE_OF_THEM, Int64Array, code_of, integer_columns, positions_in
from studyapp.models import Arm, Question, QuestionUse

ROLES = tuple(QuestionUse.Role.values)
ORIGINS = (Question.Origin.STUDY.value, Question.Origin.IMPORTED.value)


@dataclass(frozen=True, slots=True, eq=False)
class QuestionIndex:
    """The questions of one arm, Q of them: primary keys (ascending), images, and whether they only came
    with imported answers."""

    key: Int64Array
    image: Int64Array
    imported: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, slots=True, eq=False)
class Uses:
    """Why questions are asked: one row per use; `question` are indices of a QuestionIndex.

    `adversarial`: primary key of the attacked image, `NONE_OF_THEM` where it is about none.
    """

    question: Int64Array
    role: Int64Array
    classifier: Int64Array
    adversarial: Int64Array

    def of(self, role: QuestionUse.Role, classifier: int | None = None) -> Int64Array:
        """Indices of the questions in one role (for one StudyClassifier), in the order they were made."""
        chosen = self.role == ROLES.index(role.value)
        if classifier is not None:
            chosen &= self.classifier == classifier
        return np.asarray(self.question[chosen], dtype=np.int64)


def read_questions(arm: Arm) -> QuestionIndex:
    """The questions that answers count for: the study's own and those that came with imported answers."""
    rows = (
        Question.objects.filter(arm=arm, origin__in=ORIGINS)
        .annotate(origin_code=code_of("origin", ORIGINS))
        .order_by("pk")
    )
    key, image, origin = integer_columns(rows, "pk", "image_id", "origin_code")
    return QuestionIndex(key, image, origin == ORIGINS.index(Question.Origin.IMPORTED.value))


def read_uses(arm: Arm, questions: QuestionIndex) -> Uses:
    """The parts that these questions play."""
    rows = (
        QuestionUse.objects.filter(question__arm=arm, question__origin__in=ORIGINS)
        .annotate(
            role_code=code_of("role", ROLES),
            whose=Coalesce("study_classifier_id", Value(0)),
            attacked=Coalesce("adversarial_id", Value(NONE_OF_THEM)),
        )
        .order_by("pk")
    )
    question, role, classifier, adversarial = integer_columns(
        rows, "question_id", "role_code", "whose", "attacked"
    )
    return Uses(positions_in(questions.key, question), role, classifier, adversarial)
