"""People who come with imported answers: pseudonyms, with their panel's ids kept apart and encrypted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from studyapp.analysis.arrays import IntArray
from studyapp.models import Participant, ParticipantIdentity
from studyapp.services.participation.arrival import pseudonym_of, sealed

_IDS_AT_ONCE = 500


def register_people(*, panel: str, persons: Sequence[str]) -> IntArray:
    """The participant ids of people of a panel, in the order given; who is new is written down."""
    pseudonyms = [pseudonym_of(panel=panel, person=person) for person in persons]
    known = _known(pseudonyms)
    new = [place for place, pseudonym in enumerate(pseudonyms) if pseudonym not in known]
    Participant.objects.bulk_create(
        (Participant(pseudonym=pseudonyms[place]) for place in new), ignore_conflicts=True
    )
    known = _known(pseudonyms)
    ParticipantIdentity.objects.bulk_create(
        (
            ParticipantIdentity(
                participant_id=known[pseudonyms[place]], panel=panel, ciphertext=sealed(persons[place])
            )
            for place in new
        ),
        ignore_conflicts=True,
    )
    return np.array([known[pseudonym] for pseudonym in pseudonyms], dtype=np.int64)


def _known(pseudonyms: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(pseudonyms), _IDS_AT_ONCE):
        rows = Participant.objects.filter(pseudonym__in=pseudonyms[start : start + _IDS_AT_ONCE])
        found |= dict(rows.values_list("pseudonym", "pk"))
    return found
