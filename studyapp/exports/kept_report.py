"""Reports kept between page views: a file per study and mode, named by the state of the answers.

Computing a report takes seconds on a million answers; reading a kept one does not. Nothing is lost with
these files: they can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Count, Max, Sum

from studyapp.analysis.withheld import Bounds, Withheld
from studyapp.exports.judged import JudgedQuestions
from studyapp.exports.report import Report, compute_report
from studyapp.exports.tabular import Cell, Column, Table
from studyapp.exports.versions import code_version
from studyapp.models import (
    Answer,
    ExpertAnswer,
    ExplanationRun,
    Question,
    QuestionSlots,
    QuestionUse,
    Stimulus,
    Study,
)
from studyapp.services.studies.bootstrap import bootstrap_seed

# Raised whenever the form of these files changes; what computed them is in their name, too.
FORMAT = 3


def study_report(*, study: Study, mode: str) -> Report:
    """The report of the study's present answers: a kept one if nothing has changed, else a new one."""
    state = answers_state(study, mode)
    path = _folder() / f"{study.pk}-{mode}-{state}.npz"
    kept = _read(path)
    if kept is not None:
        return kept
    report = compute_report(study=study, mode=mode).report
    keep_report(report, study=study, state=state)
    return report


def kept_report(*, study: Study, mode: str) -> Report | None:
    """The report of the present answers if it is kept; None if it would have to be computed."""
    return _read(_folder() / f"{study.pk}-{mode}-{answers_state(study, mode)}.npz")


def answers_state(study: Study, mode: str) -> str:
    """A short digest that changes whenever answers, questions or the plan of the study do.

    It reads counts and highest keys only, so it costs little beside the report.
    """
    answers = (
        Answer.objects.filter(question__study=study, mode=mode)
        .order_by("status")
        .values_list("status")
        .annotate(number=Count("pk"), last=Max("pk"))
    )
    slots = QuestionSlots.objects.filter(study=study, mode=mode).aggregate(
        number=Count("pk"), counted=Sum("counted"), positive=Sum("positive")
    )
    questions = Question.objects.filter(study=study).aggregate(number=Count("pk"), last=Max("pk"))
    uses = QuestionUse.objects.filter(question__study=study).aggregate(number=Count("pk"), last=Max("pk"))
    experts = ExpertAnswer.objects.filter(question__study=study).aggregate(number=Count("pk"), last=Max("pk"))
    held = Stimulus.objects.filter(study=study, review=Stimulus.Review.HELD_BACK).count()
    # The board of turned verdicts shows explanations, also of runs that nobody was shown.
    explained = ExplanationRun.objects.filter(dataset=study.dataset_id).aggregate(
        number=Count("pk"), finished=Count("finished_at"), last=Max("pk")
    )
    seen = [
        *(
            FORMAT,
            code_version(),
            study.protocol_sha256,
            study.state,
            study.title,
            bootstrap_seed(study).value,
        ),
        *(list(answers), slots, questions, uses, experts, held, explained),
    ]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:20]


def keep_report(report: Report, *, study: Study, state: str) -> None:
    """Write the report aside and move it into place; earlier ones of the study and mode are deleted."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    questions = report.questions
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".draft", delete=False) as draft:
        np.savez(
            draft,
            tables=np.frombuffer(json.dumps(_as_json(report)).encode(), dtype=np.uint8),
            key=questions.key,
            received=questions.received,
            positive=questions.positive,
            verdict=questions.verdict,
            imported=questions.imported,
        )
    for earlier in folder.glob(f"{study.pk}-{report.mode}-*.npz"):
        earlier.unlink(missing_ok=True)
    os.replace(draft.name, folder / f"{study.pk}-{report.mode}-{state}.npz")


def _folder() -> Path:
    return Path(settings.VAR) / "cache" / "results"


def _read(path: Path) -> Report | None:
    """The kept report, or None where there is none or another process has just replaced it."""
    try:
        with np.load(path) as arrays:
            document = json.loads(arrays["tables"].tobytes())
            questions = JudgedQuestions(
                **{name: arrays[name] for name in ("key", "received", "positive", "verdict", "imported")}
            )
    except (FileNotFoundError, zipfile.BadZipFile):
        return None
    tables = [_table(table) for table in document.pop("tables")]
    return Report(
        **document,
        tables=MappingProxyType({table.name: table for table in tables}),
        questions=questions,
    )


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "study": report.study,
        "mode": report.mode,
        "protocol_sha256": report.protocol_sha256,
        "caption": report.caption,
        "tables": [
            {
                "name": table.name,
                "title": table.title,
                "note": table.note,
                "single": table.single,
                "columns": [asdict(column) for column in table.columns],
                "rows": [[_cell_as_json(cell) for cell in row] for row in table.rows],
            }
            for table in report.tables.values()
        ],
    }


def _cell_as_json(cell: Cell) -> object:
    return asdict(cell) if isinstance(cell, Withheld | Bounds) else cell


def _table(document: dict[str, Any]) -> Table:
    columns = tuple(Column(**{**each, "parts": tuple(each["parts"])}) for each in document["columns"])
    rows = tuple(tuple(_cell(cell) for cell in row) for row in document["rows"])
    return Table(document["name"], document["title"], columns, rows, document["note"], document["single"])


def _cell(value: Any) -> Cell:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return Bounds(**value) if "low" in value else Withheld(**value)
    kept: Cell = value
    return kept
