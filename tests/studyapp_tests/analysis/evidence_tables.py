"""Small studies as evidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from studyapp.analysis.evidence import ClassifierEvidence, StudyEvidence
from studyapp.analysis.result_values import StudyResults
from studyapp.analysis.study_results import analyse
from studyapp.analysis.votes import AgreementRule
from tests.studyapp_tests.analysis.tables import answers_of


def classifier(name: str, question: list[int | None], **more: Any) -> ClassifierEvidence:
    """A classifier by its images: None where it is right, else the question about its mistake or -1."""
    return ClassifierEvidence(
        classifier=name,
        correct=np.array([entry is None for entry in question]),
        mistake_question=np.array([-1 if entry is None else entry for entry in question]),
        **more,
    )


def results(
    rows: list[str],
    *classifiers: ClassifierEvidence,
    rule: AgreementRule | None = None,
    draws: int = 300,
    seed: int = 0,
    **more: Any,
) -> StudyResults:
    """The results of a study with one string of answers per question."""
    evidence = StudyEvidence(
        study="toy", answers=answers_of(rows), rule=rule or AgreementRule(), classifiers=classifiers, **more
    )
    return analyse(evidence, rng=np.random.default_rng(seed), draws=draws)
