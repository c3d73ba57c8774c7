"""Which studies ask people about what a probe found, and whose answers they have."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KeyTextTransform

from studyapp.models import Answer, Mode, ProbeRun, ShiftRun, Stimulus, Study
from studyapp.services.probes.flips import FLIP_KINDS
from studyapp.services.probes.shift_drawing import drawn_runs
from studyapp.services.probes.texture_flips import choice_runs

# A preview is never counted.
COUNTED_MODES = (Mode.REAL, Mode.REHEARSAL, Mode.PILOT)


@dataclass(frozen=True, slots=True)
class AskingStudy:
    """A study that asks about a run, and the modes in which it has answers that count."""

    study: Study
    modes: tuple[Mode, ...]


def studies_of_probe(run: ProbeRun) -> QuerySet[Study]:
    """Studies about the flips of a probe, or about the choices of a texture run; the oldest first."""
    if run.kind not in FLIP_KINDS:
        return _oldest_first(Study.objects.filter(study_classifiers__run__in=choice_runs(run)))
    changed = Stimulus.objects.filter(study=OuterRef("pk"), parameters__shows="changed").order_by("pk")
    # All changed pictures of a study are of one probe: the first tells.
    of = Subquery(changed.annotate(probe=KeyTextTransform("probe", "parameters")).values("probe")[:1])
    studies = Study.objects.filter(dataset=run.dataset_id, kind__in=("stability", "same_content"))
    return _oldest_first(studies.annotate(of_probe=of).filter(of_probe=run.key))


def studies_of_shift(run: ShiftRun) -> QuerySet[Study]:
    """Studies of relevance on the drawn pictures of a shift run; the oldest first."""
    return _oldest_first(Study.objects.filter(kind="relevance", study_classifiers__run__in=drawn_runs(run)))


def answered(studies: QuerySet[Study], mode: Mode = Mode.REAL) -> QuerySet[Study]:
    """Those that have answers of this mode which count."""
    counted = Answer.objects.filter(question__study=OuterRef("pk"), mode=mode, status=Answer.Status.COUNTED)
    return studies.filter(Exists(counted))


def asking_studies(studies: QuerySet[Study]) -> tuple[AskingStudy, ...]:
    """Every one of them, answered or not."""
    having = {mode: set(answered(studies, mode).values_list("pk", flat=True)) for mode in COUNTED_MODES}
    return tuple(
        AskingStudy(study, tuple(mode for mode in COUNTED_MODES if study.pk in having[mode]))
        for study in studies
    )


def _oldest_first(studies: QuerySet[Study]) -> QuerySet[Study]:
    return studies.distinct().order_by("created_at", "pk")
