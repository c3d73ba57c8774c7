"""Every model, by the arrow of architecture.md: nothing edits what stands to its left."""

from studyapp.models.catalogue import Category, ClassList, Dataset, Image, SkippedFile
from studyapp.models.jobs import Chunk, Job
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
from studyapp.models.runs import Classifier, Prediction, PredictionRun
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

__all__ = [
    "Amendment",
    "Answer",
    "Arm",
    "AuditEntry",
    "Category",
    "Chunk",
    "ClassList",
    "Classifier",
    "Dataset",
    "Draw",
    "ExpertAnswer",
    "Image",
    "Job",
    "Mode",
    "Participant",
    "ParticipantIdentity",
    "Prediction",
    "PredictionRun",
    "Presentation",
    "Question",
    "QuestionSlots",
    "QuestionUse",
    "RecruitmentLink",
    "Sitting",
    "SkippedFile",
    "Stimulus",
    "Study",
    "StudyClassifier",
]
