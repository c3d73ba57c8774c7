"""The answers of a stability study as verdicts on flips, classifier by classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studyapp.analysis.rectified_stability import (
    AskedFlips,
    FlipCount,
    FlipVerdicts,
    SettingStability,
    flip_verdicts,
    setting_stabilities,
)
from studyapp.exports.columns import positions_in
from studyapp.exports.evidence import arm_evidence
from studyapp.exports.judged import JudgedQuestions, judged_questions
from studyapp.models import Arm, Draw, QuestionUse, Study
from studyapp.protocol.schema import Protocol
from studyapp.protocol.stability import DIRECTIONS, StabilityQuestions


@dataclass(frozen=True, slots=True)
class ClassifierStability:
    """One classifier in one arm: every setting, all together, and every direction asked about."""

    arm: str
    classifier: str
    settings: tuple[SettingStability, ...]
    together: SettingStability
    directions: tuple[tuple[str, FlipVerdicts], ...]


@dataclass(frozen=True, slots=True)
class StabilityResults:
    """Everything that the tables of a stability study are made from."""

    protocol: Protocol
    asked: StabilityQuestions
    classifiers: tuple[ClassifierStability, ...]


def stability_results(study: Study, protocol: Protocol, mode: str) -> StabilityResults | None:
    """Analyse the answers of `mode`; None for studies of other kinds."""
    asked = protocol.questions
    if not isinstance(asked, StabilityQuestions):
        return None
    counts = flip_counts(study, asked)
    found = []
    for arm in Arm.objects.filter(study=study).order_by("position"):
        judged = judged_questions(arm_evidence(study=study, protocol=protocol, arm=arm, mode=mode))
        for name, of_classifier in counts.items():
            flips = _asked_flips(arm, name, of_classifier, judged)
            each, together = setting_stabilities(of_classifier, flips)
            directions = tuple(
                (direction, flip_verdicts(flips.where(flips.direction == place)))
                for place, direction in enumerate(DIRECTIONS)
                if direction in asked.directions
            )
            found.append(ClassifierStability(arm.name, name, each, together, directions))
    return StabilityResults(protocol, asked, tuple(found))


def flip_counts(study: Study, asked: StabilityQuestions) -> dict[str, list[FlipCount]]:
    """Images and flips of every setting, by classifier, as they were when the study was made."""
    draw = Draw.objects.filter(study=study, purpose="flip_counts").first()
    found: dict[str, list[FlipCount]] = {}
    for classifier, setting, images, *flips in draw.values if draw else ():
        wanted = sum(
            count for direction, count in zip(DIRECTIONS, flips, strict=True) if direction in asked.directions
        )
        found.setdefault(classifier, []).append(FlipCount(setting, images, sum(flips), wanted))
    return found


def _asked_flips(arm: Arm, classifier: str, counts: list[FlipCount], judged: JudgedQuestions) -> AskedFlips:
    """The flips of one classifier with their verdicts; `stratum` of a use is "setting/direction"."""
    place_of = {count.setting: place for place, count in enumerate(counts)}
    uses = QuestionUse.objects.filter(
        question__arm=arm,
        role=QuestionUse.Role.FLIP,
        study_classifier__classifier__name=classifier,
    ).order_by("pk")
    rows = list(uses.values_list("question_id", "question__image_id", "stratum", "weight"))
    told = [stratum.rsplit("/", 1) for _, _, stratum, _ in rows]
    where = positions_in(judged.key, np.array([question for question, *_ in rows], dtype=np.int64))
    return AskedFlips(
        setting=np.array([place_of[setting] for setting, _ in told], dtype=np.int64),
        direction=np.array([DIRECTIONS.index(direction) for _, direction in told], dtype=np.int64),
        image=np.array([image for _, image, _, _ in rows], dtype=np.int64),
        weight=np.array([weight for *_, weight in rows], dtype=np.float64),
        verdict=judged.verdict[where],
    )
