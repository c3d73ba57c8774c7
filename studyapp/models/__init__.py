"""Every model, by the arrow of architecture.md: nothing edits what stands to its left."""

from studyapp.models.attacks import AdversarialImage, AttackRun
from studyapp.models.catalogue import Category, ClassList, Dataset, Image, SkippedFile
from studyapp.models.examples import ExampleSelection, FeatureRun, ImagePair, SelectedExample
from studyapp.models.explanations import Explanation, ExplanationRun, Version
from studyapp.models.exposures import Exposure
from studyapp.models.jobs import Chunk, Job
from studyapp.models.observers import ChoiceSet, ChoiceTrial, Observer
from studyapp.models.participation import (
    Answer,
    ExpertAnswer,
    Participant,
    ParticipantIdentity,
    Presentation,
    QuestionSlots,
    RecruitmentLink,
    Sitting,
)
from studyapp.models.probes import ProbeClassifier, ProbeRun
from studyapp.models.runs import Classifier, Prediction, PredictionRun
from studyapp.models.shifts import ShiftMaps, ShiftRun
from studyapp.models.studies import (
    Amendment,
    Arm,
    AuditEntry,
    Draw,
    Mode,
    Question,
    QuestionUse,
    Stimulus,
    Study,
    StudyClassifier,
)
from studyapp.models.stylised import Style, StylisedPicture, StyliseRun

__all__ = [
    "AdversarialImage",
    "Amendment",
    "Answer",
    "Arm",
    "AttackRun",
    "AuditEntry",
    "Category",
    "ChoiceSet",
    "ChoiceTrial",
    "Chunk",
    "ClassList",
    "Classifier",
    "Dataset",
    "Draw",
    "ExampleSelection",
    "ExpertAnswer",
    "Explanation",
    "ExplanationRun",
    "Exposure",
    "FeatureRun",
    "Image",
    "ImagePair",
    "Job",
    "Mode",
    "Observer",
    "Participant",
    "ParticipantIdentity",
    "Prediction",
    "PredictionRun",
    "Presentation",
    "ProbeClassifier",
    "ProbeRun",
    "Question",
    "QuestionSlots",
    "QuestionUse",
    "RecruitmentLink",
    "SelectedExample",
    "ShiftMaps",
    "ShiftRun",
    "Sitting",
    "SkippedFile",
    "Stimulus",
    "Study",
    "StudyClassifier",
    "Style",
    "StyliseRun",
    "StylisedPicture",
    "Version",
]
