"""questions.csv: every question with its votes and its verdict."""

from __future__ import annotations

from collections.abc import Iterator

from studyapp.analysis.verdicts import Verdict
from studyapp.exports import shown_boards
from studyapp.exports.columns import FETCHED_AT_ONCE
from studyapp.exports.judged import JudgedQuestions
from studyapp.exports.shown_arms import ADVERSARIAL, EXPLANATION, METHOD, VERSION, ShownArms
from studyapp.exports.tabular import Column
from studyapp.models import Category, Question, Study

COLUMNS = (
    Column("question", "Key of the question."),
    Column("arm", "Arm of the study."),
    Column("origin", "study; practice; imported (answered elsewhere, in no table); golden (qualification)."),
    Column("image", "Path of the image, relative to the dataset's root."),
    Column("dataset_label_index", "The dataset's label: index in its class list.", "count"),
    Column("dataset_label", "The dataset's label: name."),
    Column("label_index", "The class asked about: index in its class list; empty for lists.", "count"),
    Column("label", "The class asked about: name; for lists, the names in the order shown, with semicolons."),
    Column("expected", "The known answer of gold and practice questions."),
    Column("stimulus", "Key of the stimulus, as in stimuli.csv."),
    Column("received", "Answers that count; empty where no votes are taken.", "count"),
    Column("positive", "Of them, positive.", "count"),
    Column("verdict", "undecided, agreed or rejected, by the study's own rule."),
    VERSION,
    METHOD,
    ADVERSARIAL,
    EXPLANATION,
    *shown_boards.COLUMNS,
)


def question_rows(
    study: Study, judged: JudgedQuestions, mode: str
) -> Iterator[tuple[str | int | float, ...]]:
    """One row per question, in the order they were made; what was chosen is counted in `mode`."""
    votes = {
        key: (received, positive, Verdict(verdict).word)
        for key, received, positive, verdict in zip(
            judged.key.tolist(),
            judged.received.tolist(),
            judged.positive.tolist(),
            judged.verdict.tolist(),
            strict=True,
        )
    }
    arms = ShownArms(study)
    boards = shown_boards.ShownBoards(study, mode)
    names = dict(Category.objects.filter(class_list__in=_class_lists(study)).values_list("pk", "name"))
    rows = Question.objects.filter(study=study).order_by("pk")
    fields = (
        *("pk", "key", "arm__name", "origin", "image__name", "image__category__index"),
        *("image__category__name", "label__index", "label__name", "labels", "expected", "stimulus__key"),
        *("stimulus__adversarial__key", "stimulus__explanation__key", "parameters"),
    )
    for pk, *cells in rows.values_list(*fields).iterator(chunk_size=FETCHED_AT_ONCE):
        key, arm, origin, image, true_index, true, index, label, labels, *cells = cells
        expected, stimulus, adversarial, explanation, parameters = cells
        listed = "; ".join(names.get(int(each), str(each)) for each in labels)
        yield (
            *(key, arm, origin, image, true_index, true),
            *("" if index is None else index, label or listed, expected, stimulus),
            *votes.get(pk, ("", "", "")),
            *(*arms.version_and_method(arm), adversarial or "", explanation or ""),
            *boards.cells(pk, origin, parameters),
        )


def _class_lists(study: Study) -> list[int]:
    lists = study.study_classifiers.values_list("classifier__class_list", flat=True)
    return [study.dataset.class_list_id, *lists]
