"""The search for the next question: the platform's hottest query, written out.

By hand and not through the ORM for two reasons: building it anew for every page cost ten times what
the database needs to answer it, and its shape matters (one index walked in its order, nothing joined).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from django.db import connection

from studyapp.models import Presentation, QuestionSlots, Study
from studyapp.services.participation.looks import practised_images
from studyapp.services.plans import family_of, protocol_of

_SLOTS = QuestionSlots._meta.db_table
_GIVEN = Presentation._meta.db_table
_FREE = '"open" AND {gold} s.gold AND s.taken < s.required'
# Complete questions are closed, so what is full and open is out on leases.
_OUT = '"open" AND {gold} s.gold AND s.taken >= s.required AND s.counted < s.required'


class Lock(Enum):
    """What happens to rows that somebody else is just taking: nothing, passed over, or waited for."""

    NONE = ""
    SKIP = "FOR NO KEY UPDATE OF s SKIP LOCKED"
    WAIT = "FOR NO KEY UPDATE OF s"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of slots that can be taken, and the source image that it would show."""

    slots_id: int
    question_id: int
    image_id: int
    taken: int


@dataclass(frozen=True, slots=True)
class Search:
    """For whom and where: without a participant, for anybody new; see `searches`."""

    study: Study
    mode: str
    arm_id: int
    participant_id: int | None
    practised: tuple[int, ...] = ()
    gold: bool = False


def searches(
    *, study: Study, mode: str, arm_ids: Sequence[int], participant_id: int | None
) -> Iterator[Search]:
    """A search in each of the arms, in their order; what nobody is asked about is looked up once."""
    if arm_ids:
        practised = practised_images(study=study, participant_id=participant_id)
        yield from (Search(study, mode, arm_id, participant_id, practised) for arm_id in arm_ids)


def free_for(search: Search, *, limit: int = 1, lock: Lock = Lock.NONE) -> list[Candidate]:
    """What the person may be given now: least served first, then in the stored random order."""
    return _found(search, _FREE, limit, lock)


def out_on_leases(search: Search) -> bool:
    """Whether questions that the person may answer are with others, and may come back."""
    return bool(_found(search, _OUT, 1, Lock.NONE))


def _found(search: Search, which: str, limit: int, lock: Lock) -> list[Candidate]:
    conditions = ["s.study_id = %s", "s.mode = %s", "s.arm_id = %s"]
    conditions.append("s." + which.format(gold="" if search.gold else "NOT"))
    values: list[int | str] = [search.study.pk, search.mode, search.arm_id]
    rules = protocol_of(search.study).participants
    if search.participant_id is not None:
        given = f"NOT EXISTS (SELECT 1 FROM {_GIVEN} p WHERE p.participant_id = %s AND "
        conditions.append(given + "p.question_id = s.question_id)")
        values.append(search.participant_id)
        if rules.one_look:
            conditions.append(given + "p.look_id = s.image_id AND p.family = %s)")
            values += [search.participant_id, family_of(search.study)]
    if search.practised:
        conditions.append(f"s.image_id NOT IN ({', '.join(['%s'] * len(search.practised))})")
        values += search.practised
    locking = lock.value if connection.features.has_select_for_update else ""
    sql = (
        f"SELECT s.id, s.question_id, s.image_id, s.taken FROM {_SLOTS} s WHERE {' AND '.join(conditions)} "
        f"ORDER BY s.taken, s.shuffle LIMIT {limit:d} {locking}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [Candidate(*row) for row in cursor.fetchall()]
