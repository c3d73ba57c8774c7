"""What people say of a shift run's flips: stability of one picture over its places, raw and rectified.

With P places, F flips, T of them to the class asked about (right by the picture's label) and the share a of
the drawn others that people accept: raw stability 1 - F/P, rectified stability 1 - (F - T)(1 - a)/P.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from studyapp.analysis.rectified_stability import (
    AskedFlips,
    FlipCount,
    SettingStability,
    setting_stabilities,
)
from studyapp.exports.cells import ARM, CLASSIFIER, STUDY
from studyapp.exports.columns import positions_in
from studyapp.exports.evidence import arm_evidence
from studyapp.exports.judged import JudgedQuestions, judged_questions
from studyapp.exports.stability_tables import (
    HELD,
    JUDGED,
    RECTIFIED_COLUMNS,
    VERDICT_COLUMNS,
    rectified_cells,
    verdict_cells,
)
from studyapp.exports.tabular import Cell, Column, Table
from studyapp.models import Arm, Mode, QuestionUse, ShiftRun, Study, StudyClassifier
from studyapp.services.plans import protocol_of
from studyapp.services.probes.asking import answered, studies_of_shift
from studyapp.services.probes.shift_drawing import SHIFT

NAME = "shift_stability"
_COLUMNS = (
    STUDY,
    ARM,
    CLASSIFIER,
    Column("places", "Places of the patch or window.", "count"),
    Column("flips", "Places whose top-1 is another than at the centre.", "count"),
    Column("flips_to_class", "Of them, those to the class asked about: right by its label.", "count"),
    *VERDICT_COLUMNS,
    Column("stability", "1 - flips / places.", "share", "fraction of 1"),
    # Shown on the page as well: no other page has them.
    *(replace(column, wide=False) for column in RECTIFIED_COLUMNS),
)


def shift_stability_table(run: ShiftRun) -> Table:
    """Every study of a run's flips that people have answered, by classifier; real answers alone."""
    rows = tuple(row for study in answered(studies_of_shift(run)) for row in _rows(run, study))
    note = (
        f"Flips to {run.target_name} count as stable, and of the other flips the share that people accept "
        "among those drawn; drawn places that look alike in every pixel are one picture and count as often "
        f"as they were drawn. Intervals are of 95 %: {HELD}. They say how well the drawn flips speak for "
        "this picture\u2019s others, and nothing of other pictures."
    )
    return Table(NAME, JUDGED, _COLUMNS, rows, note=note if rows else "")


def _rows(run: ShiftRun, study: Study) -> Iterator[tuple[Cell, ...]]:
    protocol = protocol_of(study)
    classifiers = study.study_classifiers.select_related("classifier", "run").order_by("position")
    for arm in Arm.objects.filter(study=study).order_by("position"):
        judged = judged_questions(arm_evidence(study=study, protocol=protocol, arm=arm, mode=Mode.REAL))
        for each in classifiers:
            # Predictions by another pass over the same pictures have flips of their own.
            if each.run.parameters.get(SHIFT) == run.key:
                found = _stability(arm, each, judged)
                count = found.count
                yield (
                    *(study.name, arm.name, each.classifier.name, count.images, count.flips, count.right),
                    *(*verdict_cells(found.verdicts), found.raw, *rectified_cells(found)),
                )


def _stability(arm: Arm, asked: StudyClassifier, judged: JudgedQuestions) -> SettingStability:
    """The drawn flips of one classifier that one arm asks about; mistakes drawn for another are left out."""
    told = asked.run.parameters
    stands_for = dict(told["drawn"])
    uses = QuestionUse.objects.filter(
        question__arm=arm, role=QuestionUse.Role.MISTAKE, study_classifier=asked
    ).order_by("pk")
    rows = [
        (question, image, weight * stands_for[image])
        for question, image, weight in uses.values_list("question_id", "question__image_id", "weight")
        if image in stands_for
    ]
    where = positions_in(judged.key, np.array([question for question, *_ in rows], dtype=np.int64))
    flips, right = told["flips"], told["flips_to_class"]
    _, found = setting_stabilities(
        [FlipCount("", told["places"], flips, flips - right, right)],
        AskedFlips(
            setting=np.zeros(len(rows), dtype=np.int64),
            direction=np.zeros(len(rows), dtype=np.int64),
            image=np.array([image for _, image, _ in rows], dtype=np.int64),
            weight=np.array([weight for *_, weight in rows], dtype=np.float64),
            verdict=judged.verdict[where],
        ),
    )
    return found
