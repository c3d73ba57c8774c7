"""Who can stand in one figure: single observers, people pooled, and the people of studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from studyapp.analysis.shape_texture import Choices, ShapeBias, shape_bias
from studyapp.models import ChoiceSet, Observer, ProbeRun
from studyapp.services.observers.choices import StimulusChoices, stored_choices
from studyapp.services.observers.study_choices import StudyPeople, study_people

Kind = Literal["people", "person", "network"]

#: Of how many the page shows without being asked.
FIRST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody the figure can show: `key` stands in addresses, `people` is how many (0: a network).

    `run` is the key of the probe whose network it is, `read` gives the choices.
    """

    key: str
    label: str
    kind: Kind
    source: str
    people: int
    read: Callable[[], StimulusChoices]
    run: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A candidate with its fractions; `people_range`: lowest and highest of the people pooled."""

    candidate: Candidate
    bias: ShapeBias
    people_range: tuple[float, float] | None


def candidates(choices: ChoiceSet) -> tuple[Candidate, ...]:
    """Everybody of one set of categories: people pooled, networks, then each person."""
    stored = list(
        Observer.objects.filter(choice_set=choices)
        .exclude(source=Observer.Source.MEASURED, probe_classifier__run__finished_at=None)
        .select_related("choice_set", "probe_classifier__run")
        .order_by("source", "collection", "name", "pk")
    )
    people = [each for each in stored if each.kind == Observer.Kind.PERSON]
    networks = [each for each in stored if each.kind == Observer.Kind.NETWORK]
    labels = _labels(networks)
    of_studies = study_people(tuple(choices.names))
    return (
        *_pooled(people),
        *(_pooled_study(each) for each in of_studies),
        *(_single(each, labels[each.pk]) for each in networks if each.source == Observer.Source.MEASURED),
        *(_single(each, labels[each.pk]) for each in networks if each.source == Observer.Source.PUBLISHED),
        *(_single(each, f"{each.name} ({each.collection})") for each in people),
        *(_study_person(each, name) for each in of_studies for name in each.names),
    )


def chosen(everybody: Sequence[Candidate], keys: Sequence[str]) -> tuple[Candidate, ...]:
    """Those asked for, in their own order; unknown keys are passed over."""
    wanted = set(keys)
    return tuple(each for each in everybody if each.key in wanted)


def shown_first(everybody: Sequence[Candidate], run: ProbeRun | None = None) -> tuple[Candidate, ...]:
    """Whom a page shows that was asked for nobody: pooled people, and the networks (of one run)."""
    pooled = [each for each in everybody if each.kind == "people"]
    networks = [each for each in everybody if each.kind == "network"]
    if run is not None:
        networks = [each for each in networks if each.run == run.key]
    return tuple([*pooled, *networks][:FIRST_SHOWN])


def compared(those: Sequence[Candidate], *, common: bool) -> tuple[Shown, ...]:
    """Their fractions; with `common` from the pictures alone that all of them were shown."""
    read = [each.read() for each in those]
    if common and read:
        shared = set.intersection(*({*each.stimuli} for each in read))
        read = [each.only(shared) for each in read]
    return tuple(
        Shown(
            candidate,
            replace(shape_bias(found.choices), observer=candidate.label),
            _range(found) if candidate.kind == "people" else None,
        )
        for candidate, found in zip(those, read, strict=True)
    )


def _range(found: StimulusChoices) -> tuple[float, float] | None:
    """Lowest and highest fraction of the people pooled; None where nobody decided."""
    whole = found.choices
    shares = []
    for person in np.unique(found.person):
        own = found.person == person
        part = Choices("", whole.categories, whole.shape[own], whole.texture[own], whole.response[own])
        share = shape_bias(part).pooled.shape_fraction.share
        if share is not None:
            shares.append(share)
    return (min(shares), max(shares)) if shares else None


def _labels(networks: Sequence[Observer]) -> dict[int, str]:
    """A network's name, with where it comes from where another bears the same, and then how many pictures."""
    labels = [each.name for each in networks]
    for words in (_where, _of_how_many):
        labels = [
            label if labels.count(label) == 1 else words(each, label)
            for each, label in zip(networks, labels, strict=True)
        ]
    return {each.pk: label for each, label in zip(networks, labels, strict=True)}


def _where(each: Observer, label: str) -> str:
    if each.probe_classifier is None:
        return f"{label} ({each.collection})"
    aggregation = each.probe_classifier.run.parameters["aggregation"]
    return f"{label} ({each.collection}{'' if aggregation == 'mean' else f', {aggregation}'})"


def _of_how_many(each: Observer, label: str) -> str:
    """Runs of one dataset are told apart by its pictures: there is another once it has more."""
    if each.probe_classifier is None:
        return label
    return f"{label}, {each.probe_classifier.run.images:,} pictures"


def _single(each: Observer, label: str) -> Candidate:
    return Candidate(
        key=each.key,
        label=label,
        kind="person" if each.kind == Observer.Kind.PERSON else "network",
        source=each.get_source_display(),
        people=int(each.kind == Observer.Kind.PERSON),
        read=lambda: stored_choices([each], name=label),
        run=each.probe_classifier.run.key if each.probe_classifier else "",
    )


def _pooled(people: Sequence[Observer]) -> list[Candidate]:
    by_collection: dict[str, list[Observer]] = {}
    for each in people:
        by_collection.setdefault(each.collection, []).append(each)
    return [_pool(collection, group) for collection, group in by_collection.items()]


def _pool(collection: str, group: list[Observer]) -> Candidate:
    label = _many(len(group), collection)
    return Candidate(
        key=f"people:{collection}",
        label=label,
        kind="people",
        source=Observer.Source.PUBLISHED.label,
        people=len(group),
        read=lambda: stored_choices(group, name=label),
    )


def _many(people: int, where: str) -> str:
    return f"{people} {'person' if people == 1 else 'people'} ({where})"


def _pooled_study(each: StudyPeople) -> Candidate:
    many = len(each.names)
    label = _many(many, each.study)
    return Candidate(
        key=f"study:{each.study}",
        label=label,
        kind="people",
        source=f"study {each.study}",
        people=many,
        read=lambda: each.read(label),
    )


def _study_person(each: StudyPeople, name: str) -> Candidate:
    label = f"{name} ({each.study})"
    return Candidate(
        key=f"study:{each.study}:{name}",
        label=label,
        kind="person",
        source=f"study {each.study}",
        people=1,
        read=lambda: each.read(label, only=name),
    )
