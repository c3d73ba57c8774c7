"""Groups beside a target and what people chose of several, for the rows of questions.csv."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from studyapp.exports.columns import FETCHED_AT_ONCE
from studyapp.exports.tabular import Column
from studyapp.models import Answer, Category, Question, Study
from studyapp.protocol.schema import AssignmentQuestions, AttributeQuestions
from studyapp.services.criticism.boards import board_of
from studyapp.services.participation.choosing import chosen_values
from studyapp.services.plans import protocol_of

COLUMNS = (
    Column("trial", "Trial of an assignment study, the same in every arm; empty in other kinds."),
    Column(
        "groups",
        "Categories of the groups in the order shown, with semicolons, or the settings of the siblings; "
        "never told to people.",
    ),
    Column("pictures", "Keys of the pictures beside it in the order shown, one list per group (JSON)."),
    Column("untypical", "Keys of those marked as untypical: the criticisms (JSON list)."),
    Column("right", "The number of the target's group."),
    Column("chosen", "How often the answers that count chose each group or attribute (JSON object)."),
)
_NOTHING = ("",) * len(COLUMNS)


class ShownBoards:
    """The cells of these columns; empty for kinds whose questions have neither groups nor several values."""

    def __init__(self, study: Study, mode: str) -> None:
        protocol = protocol_of(study)
        self._groups = isinstance(protocol.questions, AssignmentQuestions)
        self._several = isinstance(protocol.questions, AttributeQuestions)
        self._names: Mapping[int, str] = {}
        self._chosen: dict[int, Counter[str]] = {}
        if self._groups:
            self._names = dict(
                Category.objects.filter(class_list=study.dataset.class_list_id).values_list("pk", "name")
            )
        if self._groups or self._several:
            counted = Answer.objects.filter(
                question__study=study, mode=mode, status=Answer.Status.COUNTED
            ).order_by()
            rows = counted.values_list("question_id", "value").iterator(chunk_size=FETCHED_AT_ONCE)
            for question, value in rows:
                self._chosen.setdefault(question, Counter()).update(chosen_values(value))

    def cells(self, question: int, origin: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """The cells of one question, by its primary key, origin and parameters."""
        asked = origin != Question.Origin.IMPORTED
        if siblings := parameters.get("siblings"):
            settings = "; ".join(each["setting"] for each in siblings)
            return ("", settings, json.dumps([[each["key"] for each in siblings]]), "", "", "")
        if not (self._groups or self._several) or not asked:
            return _NOTHING
        chosen = json.dumps(dict(sorted(self._chosen.get(question, {}).items())), ensure_ascii=False)
        if self._several:
            return (*_NOTHING[:-1], chosen)
        board = board_of(parameters)
        pictures = [[picture.key for picture in shown] for _, shown in board.groups]
        untypical = [picture.key for _, shown in board.groups for picture in shown if picture.untypical]
        return (
            board.trial,
            "; ".join(self._names[category] for category, _ in board.groups),
            json.dumps(pictures),
            json.dumps(untypical),
            str(board.right),
            chosen,
        )
