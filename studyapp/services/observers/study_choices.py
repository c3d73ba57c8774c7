"""What the people of forced-choice studies chose, as observers: by pseudonym, from answers that count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import QuerySet

from studyapp.analysis.shape_texture import Choices
from studyapp.models import Answer, Mode, Question, Study
from studyapp.services.observers.choices import StimulusChoices

KIND = "forced_choice"
#: Of a pseudonym, as participants are named elsewhere.
_LETTERS = 12


@dataclass(frozen=True, slots=True)
class StudyPeople:
    """The people of one study: its name and their pseudonyms, shortened."""

    study: str
    names: tuple[str, ...]
    categories: tuple[str, ...]

    def read(self, label: str, *, only: str = "") -> StimulusChoices:
        """The choices of all of them, or of one."""
        return read_choices(
            Study.objects.get(name=self.study), Mode.REAL, self.categories, label=label, only=only
        )


def study_people(categories: tuple[str, ...]) -> tuple[StudyPeople, ...]:
    """The closed studies of these categories (in alphabetical order) that people have answered."""
    found = []
    studies = Study.objects.filter(kind=KIND, state=Study.State.CLOSED).order_by("name")
    for study in studies:
        if tuple(sorted(study.protocol["questions"]["categories"])) != categories:
            continue
        names = _answers(study, Mode.REAL).values_list("participant__pseudonym", flat=True).distinct()
        short = tuple(sorted({str(name)[:_LETTERS] for name in names}))
        if short:
            found.append(StudyPeople(study.name, short, categories))
    return tuple(found)


def read_choices(
    study: Study, mode: str, categories: Sequence[str], *, label: str, only: str = ""
) -> StimulusChoices:
    """The counted answers of a study as choices among `categories`; `only`: of one shortened pseudonym."""
    places = {name: place for place, name in enumerate(categories)}
    rows = _answers(study, mode).values_list(
        "participant_id", "participant__pseudonym", "question__parameters", "value"
    )
    kept = [
        (person, parameters, value)
        for person, pseudonym, parameters, value in rows.order_by("answered_at", "pk")
        if not only or str(pseudonym)[:_LETTERS] == only
    ]
    columns = np.array(
        [
            (person, places[parameters["shape"]], places[parameters["texture"]], places[value])
            for person, parameters, value in kept
        ],
        dtype=np.int64,
    ).reshape(-1, 4)
    return StimulusChoices(
        Choices(label, tuple(categories), columns[:, 1], columns[:, 2], columns[:, 3]),
        tuple(str(parameters["stimulus"]) for _, parameters, _ in kept),
        columns[:, 0],
    )


def _answers(study: Study, mode: str) -> QuerySet[Answer]:
    return Answer.objects.filter(
        question__study=study,
        question__origin=Question.Origin.STUDY,
        mode=mode,
        status=Answer.Status.COUNTED,
    ).order_by()
