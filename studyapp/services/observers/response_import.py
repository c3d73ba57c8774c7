"""Importing published responses: all files or nothing, and the same ones only once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from django.db import transaction

from studyapp.analysis.sixteen import SIXTEEN
from studyapp.models import ChoiceSet, Observer
from studyapp.services.observers.response_files import LONGEST_NAME, PublishedObserver, read_responses
from studyapp.services.observers.writing import choice_set, write_trials
from studyapp.services.refusals import Refused

PEOPLE = "subject-*"


@dataclass(frozen=True, slots=True)
class ImportedResponses:
    """What an import came to: the files' observers, and the trials it wrote (0 where all were there)."""

    choices: ChoiceSet
    observers: tuple[Observer, ...]
    trials: int
    written: int


def import_responses(
    *,
    paths: Sequence[Path],
    names: Sequence[str] = SIXTEEN,
    collection: str | None = None,
    people: str = PEOPLE,
) -> ImportedResponses:
    """Import trial files of people and networks; they are marked "published, not re-run".

    `collection` tells observers of one name apart; None takes each file's folder. Raises Refused, and writes
    nothing, for whatever is malformed or for an observer that is there with other trials.
    """
    if collection is not None and not 0 < len(collection) <= LONGEST_NAME:
        raise Refused(f"The collection {collection!r} needs a name of 1 to {LONGEST_NAME} characters.")
    ordered = tuple(sorted(set(names)))
    found = read_responses(list(paths), names=ordered, collection=collection, people=people)
    with transaction.atomic():
        choices = choice_set(ordered)
        # The set's row serialises imports, so that two at once write every observer once.
        ChoiceSet.objects.select_for_update().get(pk=choices.pk)
        done = [_write(choices, each) for each in found]
    return ImportedResponses(
        choices=choices,
        observers=tuple(observer for observer, _ in done),
        trials=sum(len(each.rows) for each in found),
        written=sum(written for _, written in done),
    )


def _write(choices: ChoiceSet, each: PublishedObserver) -> tuple[Observer, int]:
    digest = hashlib.sha256(
        json.dumps(sorted(astuple(row) for row in each.rows), default=str).encode()
    ).hexdigest()
    there = Observer.objects.filter(
        choice_set=choices,
        source=Observer.Source.PUBLISHED,
        collection=each.collection,
        name=each.name,
    ).first()
    if there is not None:
        if there.digest != digest:
            raise Refused(
                f"{each.name} of the collection {each.collection} is there with other trials; give these "
                "files a collection of their own (--collection NAME)."
            )
        return there, 0
    observer = Observer.objects.create(
        choice_set=choices,
        name=each.name,
        collection=each.collection,
        kind=each.kind,
        source=Observer.Source.PUBLISHED,
        digest=digest,
    )
    write_trials(observer=observer, rows=each.rows)
    return observer, len(each.rows)
