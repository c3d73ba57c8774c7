"""The public ratings of reassessed-imagenet as a study's evidence (924,810 answers, five a question)."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np

from studyapp.analysis.evidence import NO_QUESTION, ClassifierEvidence, GoldenAnswers, StudyEvidence
from studyapp.analysis.votes import AgreementRule, Answers

VOCABULARY = ("no", "maybe", "yes")


def folder() -> Path | None:
    """Where the data lies: below SECOND_LOOK_SHARED_DATA or ../shared/data; None where it is missing."""
    root = Path(__file__).resolve().parent.parent
    shared = Path(os.environ.get("SECOND_LOOK_SHARED_DATA") or root.parent / "shared" / "data")
    data = shared / "reassessed-imagenet"
    return data if data.is_dir() else None


def ratings(data: Path) -> Answers:
    """All answers of the 85 raters to the 184,962 pairs."""
    with np.load(data / "raters.npz") as archive:
        return _answers(archive["tensor"], np.arange(len(archive["ids"])), len(archive["ids"]))


def golden_answers(data: Path) -> GoldenAnswers:
    """The five experts' and 78 raters' answers to the 1,135 golden items."""
    with np.load(data / "raters.npz") as archive:
        place = {int(number): index for index, number in enumerate(archive["ids"])}
    with np.load(data / "golden.npz") as archive:
        experts = _answers(archive["tensor"], np.arange(len(archive["ids"])), len(archive["ids"]))
    with np.load(data / "raters_golden.npz") as archive:
        people = np.array([place[int(number)] for number in archive["ids"]])
        raters = _answers(archive["tensor"], people, len(place))
    return GoldenAnswers(experts=experts, raters=raters)


def study(data: Path) -> StudyEvidence:
    """ResNet-50's mistakes as the study; the pairs that are no mistake of its are imported questions."""
    answers = ratings(data)
    with np.load(data / "raters.npz") as archive:
        pair = {(str(image), int(label)): index for index, (image, label) in enumerate(archive["info"])}
    with (data / "resnet50_predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = [(r["image"], int(r["true_class"]), int(r["predicted_class"])) for r in csv.DictReader(file)]
    correct = np.array([true == predicted for _, true, predicted in rows])
    question = np.array([pair.get((image, predicted), NO_QUESTION) for image, _, predicted in rows])
    question[correct] = NO_QUESTION
    imported = np.ones(answers.questions, dtype=bool)
    imported[question[question != NO_QUESTION]] = False
    return StudyEvidence(
        study="reassessed-imagenet",
        answers=answers,
        rule=AgreementRule(required=5, agreement=4, positive=("yes",)),
        classifiers=(ClassifierEvidence("resnet50", correct, question),),
        imported=imported,
        golden_answers=golden_answers(data),
    )


def _answers(tensor: np.ndarray, people: np.ndarray, participants: int) -> Answers:
    """Rows of the one-hot tensor [raters, items, values]; `people` gives each rater's participant index."""
    rater, item, value = np.nonzero(tensor)
    return Answers(
        question=item.astype(np.int32),
        participant=people[rater].astype(np.int32),
        value=value.astype(np.int16),
        vocabulary=VOCABULARY,
        questions=tensor.shape[1],
        participants=participants,
    )
