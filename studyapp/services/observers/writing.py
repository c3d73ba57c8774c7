"""Writes of observers and their trials: sets of categories, networks measured here, published responses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from django.db import transaction

from studyapp.models import ChoiceSet, ChoiceTrial, Observer, ProbeClassifier, ProbeRun
from studyapp.services.bulk_rows import write_rows


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One picture before one observer; `response`, `shape` and `texture` are places in the set's names.

    `seconds` None: not measured; `response` None: none was given.
    """

    session: int
    trial: int
    seconds: float | None
    response: int | None
    shape: int
    texture: int
    condition: str
    stimulus: str
    image_name: str
    image: int | None = None


_FIELDS = tuple(each.name for each in fields(TrialRow))


def choice_set(names: Iterable[str]) -> ChoiceSet:
    """The set of these categories, whatever their order; there is only ever one."""
    ordered = sorted(set(names))
    digest = hashlib.sha256(json.dumps(ordered).encode()).hexdigest()
    found, _ = ChoiceSet.objects.get_or_create(digest=digest, defaults={"names": ordered})
    return found


@transaction.atomic
def ensure_measured(*, run: ProbeRun, choices: ChoiceSet) -> list[Observer]:
    """The observers of a probe in the order of its classifiers, made once."""
    rows = list(run.probe_classifiers.select_related("classifier").order_by("position"))
    return [_measured(each, run, choices) for each in rows]


def _measured(each: ProbeClassifier, run: ProbeRun, choices: ChoiceSet) -> Observer:
    found, _ = Observer.objects.get_or_create(
        probe_classifier=each,
        defaults={
            "choice_set": choices,
            "name": each.classifier.name,
            "collection": run.dataset.name,
            "kind": Observer.Kind.NETWORK,
            "source": Observer.Source.MEASURED,
        },
    )
    return found


def write_trials(*, observer: Observer, rows: Sequence[TrialRow]) -> None:
    """Write trials of an observer; none of them may be there."""
    write_rows(
        ChoiceTrial,
        ("observer", *_FIELDS),
        ((observer.pk, *(getattr(row, name) for name in _FIELDS)) for row in rows),
    )
