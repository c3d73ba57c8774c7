"""The answers of a forced-choice study: what each person chose, and how long the pictures were there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studyapp.analysis.exposures import Exposed
from studyapp.analysis.shape_texture import Choices, ShapeBias, shape_bias
from studyapp.exports.columns import FETCHED_AT_ONCE
from studyapp.models import Answer, Question, Study
from studyapp.protocol.schema import ForcedChoiceQuestions, Protocol

EVERYBODY = "all"
#: Of a pseudonym, as participants are named on pages.
LETTERS = 12


@dataclass(frozen=True, slots=True, eq=False)
class PersonChoices:
    """One person's (or everybody's) decisions, all of them and those shown on time, and the exposures."""

    name: str
    bias: ShapeBias
    on_time: ShapeBias | None
    exposed: tuple[Exposed, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ChoiceResults:
    """Everybody first, then each person; `asked_ms` is None where pictures stay until the answer."""

    study: str
    asked_ms: int | None
    everybody: PersonChoices
    people: tuple[PersonChoices, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    person: str
    shape: int
    texture: int
    response: int
    exposed: Exposed | None


def choice_results(study: Study, protocol: Protocol, mode: str) -> ChoiceResults | None:
    """Analyse the answers of `mode` that count; None for studies of other kinds."""
    plan = protocol.questions
    if not isinstance(plan, ForcedChoiceQuestions):
        return None
    categories = tuple(sorted(plan.categories))
    rows = _rows(study, categories, mode)
    asked = plan.presentation_ms or None
    names = sorted({row.person for row in rows})
    return ChoiceResults(
        study=study.name,
        asked_ms=asked,
        everybody=_person(EVERYBODY, rows, categories, asked),
        people=tuple(
            _person(name, [row for row in rows if row.person == name], categories, asked) for name in names
        ),
    )


def _person(name: str, rows: list[_Row], categories: tuple[str, ...], asked: int | None) -> PersonChoices:
    on_time = None
    if asked is not None:
        kept = [row for row in rows if row.exposed is not None and row.exposed.on_time(asked)]
        on_time = _bias(name, kept, categories)
    return PersonChoices(
        name=name,
        bias=_bias(name, rows, categories),
        on_time=on_time,
        exposed=tuple(row.exposed for row in rows if row.exposed is not None),
    )


def _bias(name: str, rows: list[_Row], categories: tuple[str, ...]) -> ShapeBias:
    columns = np.array([(row.shape, row.texture, row.response) for row in rows], dtype=np.int64).reshape(
        -1, 3
    )
    return shape_bias(Choices(name, categories, columns[:, 0], columns[:, 1], columns[:, 2]))


def _rows(study: Study, categories: tuple[str, ...], mode: str) -> list[_Row]:
    places = {name: place for place, name in enumerate(categories)}
    answers = (
        Answer.objects.filter(
            question__study=study,
            question__origin=Question.Origin.STUDY,
            mode=mode,
            status=Answer.Status.COUNTED,
        )
        .order_by("answered_at", "pk")
        .values_list(
            *("participant__pseudonym", "question__parameters", "value", "exposure__pk"),
            *("exposure__shown_ms", "exposure__refresh_ms", "exposure__hidden", "exposure__again"),
        )
    )
    return [
        _Row(
            person=pseudonym[:LETTERS],
            shape=places[parameters["shape"]],
            texture=places[parameters["texture"]],
            response=places[value],
            exposed=None if exposure is None else Exposed(shown, refresh, hidden, again),
        )
        for pseudonym, parameters, value, exposure, shown, refresh, hidden, again in answers.iterator(
            chunk_size=FETCHED_AT_ONCE
        )
    ]
