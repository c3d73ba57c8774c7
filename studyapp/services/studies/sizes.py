"""What a protocol would ask of people, counted without writing anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from studyapp.models import Classifier, Dataset
from studyapp.protocol.schema import Protocol
from studyapp.services.catalogue.alike_names import refuse_alike_names
from studyapp.services.planning.plan import shown_categories
from studyapp.services.planning.study_files import read_study_files
from studyapp.services.refusals import Refused
from studyapp.services.studies.creation import has_pixels
from studyapp.services.studies.kinds import plan_study


@dataclass(frozen=True, slots=True)
class StudySize:
    """Questions by role (pooled ones play several), stimuli, and the work they make.

    `answers` are those that the questions of all arms collect, gold and practice apart; `sittings` how
    many of the protocol's length that takes at least, `hours` their estimated length together.
    """

    roles: tuple[tuple[str, int], ...]
    questions: int
    gold: int
    practice: int
    stimuli: int
    answers: int
    sittings: int
    hours: float
    notes: tuple[str, ...]


def study_size(*, protocol: Protocol, folder: Path | None = None) -> StudySize:
    """Plan the study as `create_study` would and count; raises Refused for the same reasons.

    The draws are made for the count alone: the study draws its own, of the same size.
    """
    dataset = Dataset.objects.filter(name=protocol.dataset).select_related("class_list").first()
    if dataset is None:
        raise Refused(f"Dataset {protocol.dataset!r} is not in the catalogue; choose one that is.")
    registered = {
        each.name: each
        for each in Classifier.objects.filter(name__in=protocol.classifiers).select_related("class_list")
    }
    missing = [name for name in protocol.classifiers if name not in registered]
    if missing:
        raise Refused(f"Classifier {', '.join(missing)} is not registered; choose one that is.")
    plan = plan_study(
        protocol=protocol,
        dataset=dataset,
        classifiers=[registered[name] for name in protocol.classifiers],
        files=read_study_files(protocol=protocol, dataset=dataset, folder=folder),
    )
    if has_pixels(dataset):
        helps = [setup.class_help for setup in protocol.arm_setups()]
        refuse_alike_names(categories=shown_categories(plan.categories), helps=helps)
    counts = plan.counts()
    answers = counts.questions * protocol.answers.required
    share = protocol.about_mistakes.gold_share if protocol.about_mistakes else 0.0
    each = protocol.participants.questions_per_sitting * (1 - share)
    sittings = math.ceil(answers / each)
    return StudySize(
        roles=tuple((str(role.label), many) for role, many in counts.roles.items()),
        questions=counts.questions,
        gold=counts.gold,
        practice=counts.practice,
        stimuli=counts.stimuli,
        answers=answers,
        sittings=sittings,
        hours=sittings * protocol.recruitment.estimated_minutes / 60,
        notes=plan.notes,
    )
