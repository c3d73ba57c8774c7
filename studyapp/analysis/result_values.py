"""The frozen values that a study's results consist of; pages, commands and exports print them."""

from __future__ import annotations

from dataclasses import dataclass

from studyapp.analysis.agreement_pairs import LabelPairs
from studyapp.analysis.arrays import FloatArray
from studyapp.analysis.bootstrap import Draws
from studyapp.analysis.breakdown import GroupErrors
from studyapp.analysis.comparison import Comparison, Rank
from studyapp.analysis.evidence import Top5Form, Top5Variant
from studyapp.analysis.expert_check import PrecisionAtCount
from studyapp.analysis.intervals import Interval
from studyapp.analysis.null_calibration import CorrectedError, NullCalibration
from studyapp.analysis.participant_quality import GoldRate, ParticipantQuality, TopShare
from studyapp.analysis.participant_uncertainty import ParticipantUncertainty
from studyapp.analysis.rectified import PositiveAnswers, RectifiedError, ReviewCounts
from studyapp.analysis.reliability import Reliability
from studyapp.analysis.withheld import Bounds, Withheld


@dataclass(frozen=True, slots=True)
class SensitivityRow:
    """The rectified top-1 error under another rule: a number with its interval, bounds, or withheld."""

    rule: str
    error: float | Bounds | Withheld
    interval: Interval | None
    bounds: tuple[float, float] | None
    undecided: int | None


@dataclass(frozen=True, slots=True)
class Top5Result:
    """Rectified top-5 error in both variants.

    Variant A is None where only B was asked. `crowd_miss_rate` = A - B: the share of images whose dataset
    label is in the list and was not accepted. `form` per_class gives a prediction five chances; never
    compare it with `list`. `positive_answers` is None for per_class.
    """

    form: Top5Form
    planned: Top5Variant
    variant_a: RectifiedError | None
    variant_b: RectifiedError
    crowd_miss_rate: float | None
    crowd_miss_interval: Interval | None
    positive_answers: PositiveAnswers | None


@dataclass(frozen=True, slots=True)
class SymmetricError:
    """(Unaccepted mistakes + weighted rejected correct predictions) / N; `drawn` corrects were reviewed."""

    error: float
    interval: Interval
    bounds: tuple[float, float]
    drawn: int
    rejected: int
    undecided: int


@dataclass(frozen=True, slots=True)
class ClassifierResult:
    """One row of the rectified-error table; errors are fractions of 1, `errors` and `images` are counts."""

    classifier: str
    images: int
    errors: int
    standard_top1_error: float
    standard_top1_interval: Interval
    rectified_top1_error: float
    rectified_top1_interval: Interval
    rectified_top1_bounds: tuple[float, float]
    undecided: int
    coverage: float | None
    review: ReviewCounts
    positive_answers: PositiveAnswers
    participant_uncertainty: ParticipantUncertainty | Withheld
    corrected: CorrectedError | Withheld
    sensitivity: tuple[SensitivityRow, ...]
    standard_top5_error: float | None
    standard_top5_interval: Interval | None
    top5: Top5Result | None
    symmetric: SymmetricError | None
    groups: tuple[GroupErrors, ...]


@dataclass(frozen=True, slots=True)
class ReliabilityRow:
    """Reliability of one set of questions (`study`, or `all` with imported ones) and one coding."""

    scope: str
    coding: str
    reliability: Reliability | Withheld


@dataclass(frozen=True, slots=True, eq=False)
class StudyResults:
    """Everything that a study's results page, its JSON and its export are made of.

    `reliability[0]` is the headline: positive answers against the rest on the study's own questions.
    `draws` are the bootstrap replicates as computed: one table for all classifiers, or one for each
    classifier and pair in a sampled study. `gold_posterior` [Q]: probability of relevance by gold
    calibration, where golden answers exist. `imported_questions` are answered questions that no table uses.
    """

    study: str
    classifiers: tuple[ClassifierResult, ...]
    comparisons: tuple[Comparison, ...]
    ranks: tuple[Rank, ...]
    null_calibration: NullCalibration | None
    reliability: tuple[ReliabilityRow, ...]
    gold: tuple[GoldRate, ...]
    participants: tuple[ParticipantQuality, ...]
    top_shares: tuple[TopShare, ...]
    label_pairs: LabelPairs | None
    expert_check: tuple[PrecisionAtCount, ...]
    gold_posterior: FloatArray | Withheld
    answers: int
    questions: int
    imported_questions: int
    draws: tuple[Draws, ...]
