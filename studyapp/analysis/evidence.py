"""What a study knows, as arrays: the one input of every table.

Live studies, sampled studies and imported answers all come in this form, so they pass through the same
code. N images, Q questions; an index of -1 means "no such question".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from studyapp.analysis.arrays import BoolArray, IntArray
from studyapp.analysis.votes import AgreementRule, Answers

NO_QUESTION = -1

Top5Form = Literal["list", "per_class"]
Top5Variant = Literal["A", "B"]


@dataclass(frozen=True, slots=True, eq=False)
class Top5Evidence:
    """Questions about the top-5 list of an image.

    `form` list: `questions` [N], "is at least one of these relevant?"; per_class: [N, 5], one question per
    class, accepted if any is. `variant` A: asked of every top-1 mistake; B: only where the dataset's label
    is not in the list (A's questions contain B's).
    """

    form: Top5Form
    variant: Top5Variant
    questions: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class ClassifierEvidence:
    """One classifier's predictions on the N images and the questions about its mistakes.

    `correct` [N]: top-1 is the dataset's label. `mistake_question` [N]: the question about the predicted
    label of a mistake. `label_in_top5` [N]: None where only top-1 is known. `stratum` [N]: None when every
    mistake was to be reviewed (one without a question then stays wrong); in a sampled study the stratum of
    each mistake (>= 0; ignored for correct images), and only the mistakes of this classifier's own draw
    have a question here. `correct_question` [N]: with symmetric review, the question about the label of a
    drawn correct prediction.
    """

    classifier: str
    correct: BoolArray
    mistake_question: IntArray
    label_in_top5: BoolArray | None = None
    top5: Top5Evidence | None = None
    stratum: IntArray | None = None
    correct_question: IntArray | None = None

    def __post_init__(self) -> None:
        images = len(self.correct)
        for name in ("mistake_question", "label_in_top5", "stratum", "correct_question"):
            column = getattr(self, name)
            if column is not None and len(column) != images:
                raise ValueError(
                    f"classifier {self.classifier}: {name} has {len(column)} entries for {images} images"
                )
        asked_of_correct = self.correct & (self.mistake_question != NO_QUESTION)
        if asked_of_correct.any():
            raise ValueError(
                f"classifier {self.classifier}: image {int(np.argmax(asked_of_correct))} is predicted "
                "correctly and has a question about its mistake; put it under correct_question or controls"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Controls:
    """Null calibration: indices of the questions about foils and about the dataset's own label."""

    foil: IntArray
    dataset_label: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class GoldQuestions:
    """Questions of the study whose answer is known: `question` [G] and `expected` [G] answer codes."""

    question: IntArray
    expected: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class GoldenAnswers:
    """A qualification set outside the study's questions, as the reassessed-imagenet authors used it.

    `experts` and `raters` are answers to the same G golden items; the raters' participant indices are those
    of the study, the experts have their own.
    """

    experts: Answers
    raters: Answers


@dataclass(frozen=True, slots=True, eq=False)
class TrueLabelQuestions:
    """`ask_true_label`: per row, the question about a predicted label and the one about the true label."""

    predicted: IntArray
    dataset_label: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class ExpertCheck:
    """A blind expert's judgement of some questions: `question` [E], `relevant` [E]."""

    question: IntArray
    relevant: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class StudyEvidence:
    """Everything that the results of one study are computed from.

    `participants` names the participant indices of `answers`. `imported` [Q] marks questions that came
    with imported answers and belong to no classifier's mistakes: they are outside the tables unless asked.
    `planned_pairs` names the classifiers to compare (None: all pairs). `groups` [N] and `group_names` give
    the category group of each image, where a hierarchy is known.
    """

    study: str
    answers: Answers
    rule: AgreementRule
    classifiers: tuple[ClassifierEvidence, ...]
    participants: tuple[str, ...] = ()
    imported: BoolArray | None = None
    controls: Controls | None = None
    gold_questions: GoldQuestions | None = None
    golden_answers: GoldenAnswers | None = None
    true_label: TrueLabelQuestions | None = None
    expert_check: ExpertCheck | None = None
    planned_pairs: tuple[tuple[str, str], ...] | None = None
    groups: IntArray | None = None
    group_names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        sizes = {len(c.correct) for c in self.classifiers}
        if len(sizes) > 1:
            raise ValueError(
                f"study {self.study}: its classifiers were run on {sorted(sizes)} images; "
                "compare classifiers on the same images"
            )
        names = [c.classifier for c in self.classifiers]
        if len(set(names)) < len(names):
            raise ValueError(f"study {self.study}: the classifier names {names} are not all different")
        for pair in self.planned_pairs or ():
            missing = [name for name in pair if name not in names]
            if missing:
                raise ValueError(
                    f"study {self.study}: planned pair {pair} names {missing[0]}, not among {names}"
                )

    @property
    def images(self) -> int:
        """N, the number of images that the classifiers were run on."""
        return len(self.classifiers[0].correct) if self.classifiers else 0

    def in_tables(self) -> BoolArray:
        """[Q] the questions of the study itself."""
        if self.imported is None:
            return np.ones(self.answers.questions, dtype=bool)
        return ~self.imported
