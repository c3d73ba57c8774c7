"""The predicted label and the dataset's label of the same image, both judged (`ask_true_label`)."""

from __future__ import annotations

from dataclasses import dataclass

from studyapp.analysis.arrays import IntArray
from studyapp.analysis.evidence import NO_QUESTION, TrueLabelQuestions
from studyapp.analysis.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class LabelPairs:
    """Images by which of their two labels people agree with; `undecided` where either verdict is open.

    (An airliner's wing may be both.)
    """

    both: int
    prediction_only: int
    dataset_only: int
    neither: int
    undecided: int


def label_pairs(verdicts: IntArray, questions: TrueLabelQuestions) -> LabelPairs:
    """The four-way table over the pairs that have both questions."""
    paired = (questions.predicted != NO_QUESTION) & (questions.dataset_label != NO_QUESTION)
    predicted = verdicts[questions.predicted[paired]]
    dataset = verdicts[questions.dataset_label[paired]]
    decided = (predicted != Verdict.UNDECIDED) & (dataset != Verdict.UNDECIDED)
    yes_predicted = predicted[decided] == Verdict.AGREED
    yes_dataset = dataset[decided] == Verdict.AGREED
    return LabelPairs(
        both=int((yes_predicted & yes_dataset).sum()),
        prediction_only=int((yes_predicted & ~yes_dataset).sum()),
        dataset_only=int((~yes_predicted & yes_dataset).sum()),
        neither=int((~yes_predicted & ~yes_dataset).sum()),
        undecided=int((~decided).sum()),
    )
