"""One arm of a study, answered and analysed: what the tables are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studyapp.analysis.evidence import StudyEvidence
from studyapp.analysis.exclusions import FilteredEvidence
from studyapp.analysis.result_values import StudyResults


@dataclass(frozen=True, slots=True, eq=False)
class FilteredResults:
    """What the protocol's exclusions leave out, and the results of the rest."""

    left_out: FilteredEvidence
    results: StudyResults


@dataclass(frozen=True, slots=True, eq=False)
class ArmResults:
    """The name of the arm, its evidence, its results, and the public keys of the questions they name.

    `filtered`: the same without excluded answers, None where the protocol declares no exclusion.
    """

    arm: str
    evidence: StudyEvidence
    results: StudyResults
    question_keys: Mapping[int, str]
    filtered: FilteredResults | None = None
