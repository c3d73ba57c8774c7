"""One arm of a study, answered and analysed: what the tables are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studyapp.analysis.adversarial_accuracy import AdversarialAccuracy
from studyapp.analysis.arm_pairs import ArmPair
from studyapp.analysis.arms import Agreement
from studyapp.analysis.evidence import StudyEvidence
from studyapp.analysis.exclusions import FilteredEvidence
from studyapp.analysis.rectified import PositiveAnswers
from studyapp.analysis.rectified_choices import RectifiedChoices
from studyapp.analysis.result_values import StudyResults


@dataclass(frozen=True, slots=True, eq=False)
class FilteredResults:
    """What the protocol's exclusions leave out, and the results of the rest."""

    left_out: FilteredEvidence
    results: StudyResults


@dataclass(frozen=True, slots=True)
class ShownAs:
    """What an arm of a study of attacked images shows and asks; no method where the whole image is shown."""

    shows: str
    version: str
    method: str | None
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class AttackedResults:
    """One attacked classifier in one arm; `accuracy` only where the arm rectifies, as controls do not."""

    classifier: str
    agreement: Agreement
    positive_answers: PositiveAnswers
    accuracy: tuple[AdversarialAccuracy, ...]


@dataclass(frozen=True, slots=True)
class TurnedVerdict:
    """An image on which two arms have different verdicts; (positive, received) answers in each."""

    classifier: str
    second: str
    agreed_in_second: bool
    image: str
    true: str
    predicted: str
    first_votes: tuple[int, int]
    second_votes: tuple[int, int]
    first_question: str
    second_question: str
    adversarial: str


@dataclass(frozen=True, slots=True, eq=False)
class ArmComparison:
    """An arm beside the others: pairs (classifier, pair) and turned verdicts of which it is the first."""

    shown_as: ShownAs | None = None
    attacked: tuple[AttackedResults, ...] = ()
    pairs: tuple[tuple[str, ArmPair], ...] = ()
    turned: tuple[TurnedVerdict, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ArmResults:
    """The name of the arm, its evidence, its results, and the public keys of the questions they name.

    `filtered`: the same without excluded answers, None where the protocol declares no exclusion.
    `compared`: the arm among the others; `compared_filtered`: without excluded answers in any of them.
    `choices`: the classifiers whose predictions are choices of a texture probe.
    """

    arm: str
    evidence: StudyEvidence
    results: StudyResults
    question_keys: Mapping[int, str]
    filtered: FilteredResults | None = None
    compared: ArmComparison = ArmComparison()
    compared_filtered: ArmComparison = ArmComparison()
    choices: tuple[RectifiedChoices, ...] = ()

    @property
    def histograms(self) -> tuple[tuple[str, PositiveAnswers], ...]:
        """Classifier and positive answers per question: of attacked images, of top-5 lists, of mistakes."""
        if self.compared.attacked:
            return tuple((each.classifier, each.positive_answers) for each in self.compared.attacked)
        return tuple(
            (
                row.classifier,
                row.top5.positive_answers
                if row.top5 is not None and row.top5.positive_answers is not None
                else row.positive_answers,
            )
            for row in self.results.classifiers
        )
