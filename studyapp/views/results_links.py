"""From a number of a table to the questions and answers behind it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from django.urls import reverse

from studyapp.exports.stability_tables import ALL_SETTINGS, DIRECTION, RECTIFIED
from studyapp.exports.tabular import Cell
from studyapp.models import Mode, QuestionUse
from studyapp.views.shown_tables import Link

MISTAKE = QuestionUse.Role.MISTAKE.value
FOIL = QuestionUse.Role.CONTROL_FOIL.value
LABEL = QuestionUse.Role.CONTROL_TRUE.value
TOP5 = QuestionUse.Role.TOP5_LIST.value
ADVERSARIAL = QuestionUse.Role.ADVERSARIAL.value
FLIP = QuestionUse.Role.FLIP.value

# Column of `rectified_error` -> what the list of questions is filtered by, beside the classifier.
_ERROR_FILTERS: Mapping[str, dict[str, str]] = {
    "errors": {"role": MISTAKE},
    "standard_top1_error": {"role": MISTAKE},
    "rectified_top1_error": {"role": MISTAKE, "verdict": "agreed"},
    "undecided": {"role": MISTAKE, "verdict": "undecided"},
    "coverage": {"role": MISTAKE, "verdict": "undecided"},
}
# Column of `arm_pairs` -> which images of the board it counts.
_BOARD: Mapping[str, str] = {
    "judged": "all",
    "first_only": "to_rejected",
    "second_only": "to_agreed",
    "both_agreed": "same",
    "neither": "same",
}
# Table of flips -> the column that says which of them.
_FLIP_TABLES: Mapping[str, str] = {RECTIFIED: "setting", DIRECTION: "direction"}
_FLIP_FILTERS: Mapping[str, dict[str, str]] = {
    "asked": {},
    "accepted": {"verdict": "agreed"},
    "not_accepted": {"verdict": "rejected"},
}
_AGREEMENT_FILTERS: Mapping[str, dict[str, str]] = {
    "questions": {},
    "agreed": {"verdict": "agreed"},
    "agreed_share": {"verdict": "agreed"},
    "undecided": {"verdict": "undecided"},
}


def links_of(study: str, mode: str, *, attacked: bool = False) -> Link:
    """The links of one study's tables; answers of other modes stay other answers.

    `attacked`: it is a study of attacked images, whose questions have a role and arms of their own.
    """

    def link(table: str, column: str, cells: Mapping[str, Cell]) -> str:
        if table == "gold" and column == "question":
            return question_address(study, str(cells["question"]), mode)
        if table == "turned_verdicts" and column in ("first_positive", "second_positive"):
            which = column.removesuffix("_positive")
            return question_address(study, str(cells[f"{which}_question"]), mode)
        if attacked and table == "arm_pairs" and column in _BOARD:
            pair = {"first": str(cells["first"]), "second": str(cells["second"])}
            return turned_address(study, mode, **pair, outcome=_BOARD[column])
        filters = _filters(table, column, cells)
        if attacked and filters.get("role") == MISTAKE:
            filters |= {"role": ADVERSARIAL, "arm": str(cells["arm"])}
        return questions_address(study, mode, **filters) if filters else ""

    return link


def questions_address(study: str, mode: str, **filters: str) -> str:
    """The list of questions under these filters."""
    asked = {**filters, **({} if mode == Mode.REAL else {"mode": mode})}
    return reverse("study-questions", kwargs={"name": study}) + (f"?{urlencode(asked)}" if asked else "")


def turned_address(study: str, mode: str, **filters: str) -> str:
    """The board of turned verdicts under these filters."""
    asked = {**filters, **({} if mode == Mode.REAL else {"mode": mode})}
    return reverse("study-turned", kwargs={"name": study}) + (f"?{urlencode(asked)}" if asked else "")


def question_address(study: str, key: str, mode: str) -> str:
    """The page of one question."""
    tail = "" if mode == Mode.REAL else f"?mode={mode}"
    return reverse("study-question", kwargs={"name": study, "key": key}) + tail


def _filters(table: str, column: str, cells: Mapping[str, Cell]) -> dict[str, str]:
    if table == "rectified_error":
        if column in ("foil_acceptance", "label_acceptance"):
            return {"role": FOIL if column == "foil_acceptance" else LABEL, "verdict": "agreed"}
        found = _ERROR_FILTERS.get(column)
        return {"classifier": str(cells["classifier"]), **found} if found else {}
    if table == "positive_answers" and column in ("mistakes", "share"):
        return {
            "classifier": str(cells["classifier"]),
            "role": MISTAKE,
            "positive": str(cells["positive"]),
            "complete": "1",
        }
    if table == "adversarial_agreement" and column in _AGREEMENT_FILTERS:
        arm = {"classifier": str(cells["classifier"]), "arm": str(cells["arm"])}
        return {**arm, **_AGREEMENT_FILTERS[column]}
    if table == "adversarial_accuracy" and column in ("agreed", "undecided"):
        arm = {"classifier": str(cells["classifier"]), "arm": str(cells["arm"])}
        return {**arm, "role": ADVERSARIAL, "verdict": column}
    if table in _FLIP_TABLES and column in _FLIP_FILTERS:
        named = str(cells[_FLIP_TABLES[table]])
        where = {} if named == ALL_SETTINGS else {"stratum": named}
        of = {"classifier": str(cells["classifier"]), "arm": str(cells["arm"]), "role": FLIP}
        return {**of, **where, **_FLIP_FILTERS[column]}
    if table == "controls" and column in ("decided", "accepted", "acceptance", "undecided"):
        role = FOIL if cells["control"] == "foil" else LABEL
        verdict = {"accepted": "agreed", "acceptance": "agreed", "undecided": "undecided"}.get(column)
        return {"role": role, **({"verdict": verdict} if verdict else {})}
    if table == "true_label" and column == "mistakes":
        return {"role": QuestionUse.Role.TRUE_LABEL.value}
    if table == "sensitivity" and column == "rectified_top1_error":
        return {"classifier": str(cells["classifier"]), "role": MISTAKE}
    if table == "participants" and column in ("participant", "answers"):
        return {"participant": str(cells["participant"])}
    if table == "expert_check" and column == "checked":
        return {"positive": str(cells["positive"]), "complete": "1"}
    return {}
