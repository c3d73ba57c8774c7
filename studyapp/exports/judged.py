"""The questions of an arm with their votes and verdicts, by the study's own rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from studyapp.analysis.arms import ArmImages, arm_images
from studyapp.analysis.arrays import IntArray
from studyapp.analysis.sensitivity import own_verdicts
from studyapp.analysis.study_results import golden_items
from studyapp.analysis.votes import Votes, count_votes, counted_answers
from studyapp.exports.columns import Int64Array
from studyapp.exports.evidence import ArmEvidence


@dataclass(frozen=True, slots=True, eq=False)
class JudgedQuestions:
    """Every question of the study [Q]: primary key, answers that count, positive ones, `Verdict` code."""

    key: Int64Array
    received: Int64Array
    positive: Int64Array
    verdict: Int64Array
    imported: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ReadArm:
    """One arm as read from the database, and its votes and verdicts, question by question."""

    evidence: ArmEvidence
    judged: JudgedQuestions

    @property
    def name(self) -> str:
        return self.evidence.arm

    @property
    def votes(self) -> Votes:
        """Positive and received answers [Q]."""
        return Votes(self.judged.positive, self.judged.received)

    def images(self, question: IntArray) -> ArmImages:
        """The votes put to images by their question [N] or -1."""
        return arm_images(self.name, question, self.votes, self.judged.verdict)


def judged_questions(read: ArmEvidence) -> JudgedQuestions:
    evidence = read.evidence
    counted = counted_answers(evidence.answers, evidence.rule.required)
    votes = count_votes(counted, evidence.rule)
    verdicts = own_verdicts(
        evidence.rule,
        counted=counted,
        votes=votes,
        golden=golden_items(evidence),
        estimate_from=evidence.in_tables(),
    )
    return JudgedQuestions(
        key=read.questions.key,
        received=np.asarray(votes.received, dtype=np.int64),
        positive=np.asarray(votes.positive, dtype=np.int64),
        verdict=verdicts.astype(np.int64),
        imported=read.questions.imported,
    )


def joined(parts: Sequence[JudgedQuestions]) -> JudgedQuestions:
    nothing = np.array([], dtype=np.int64)
    return JudgedQuestions(
        key=np.concatenate([nothing, *(part.key for part in parts)]),
        received=np.concatenate([nothing, *(part.received for part in parts)]),
        positive=np.concatenate([nothing, *(part.positive for part in parts)]),
        verdict=np.concatenate([nothing, *(part.verdict for part in parts)]),
        imported=np.concatenate([nothing.astype(bool), *(part.imported for part in parts)]),
    )
