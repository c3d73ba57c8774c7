"""People for the tests: they arrive, and they answer what is put before them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from studyapp.models import Answer, Mode, Presentation, QuestionSlots, RecruitmentLink, Sitting, Study
from studyapp.recruitment.link import create_link
from studyapp.services.participation.allocation import next_question
from studyapp.services.participation.answers import record_answer
from studyapp.services.participation.arrival import Screen, Visitor, consent, pseudonym_of
from studyapp.services.participation.sittings import begin


def arrive(
    study: Study, person: str = "p1", *, mode: str = Mode.REAL, link: RecruitmentLink | None = None
) -> Sitting:
    """The sitting of a person who consented and has read the instructions."""
    found = consent(
        link=link or create_link(study=study, mode=mode), visitor=Visitor("link", person), screen=Screen()
    )
    begin(sitting=found)
    found.refresh_from_db()
    return found


def answer(presentation: Presentation, value: str = "yes") -> Answer:
    """An answer after two active seconds."""
    return record_answer(presentation=presentation, value=value, active_seconds=2.0, idle_seconds=0.0)


def shown_to(sitting: Sitting) -> Presentation:
    """The question a sitting shows; there must be one."""
    presentation = next_question(sitting=sitting)
    assert presentation is not None
    return presentation


def let_lease_end(presentation: Presentation) -> None:
    """Turn the clock past the lease."""
    Presentation.objects.filter(pk=presentation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def let_days_pass(days: float) -> None:
    """Turn the clock on by some days and a second: everything that has happened is that much longer ago."""
    ago = timedelta(days=days, seconds=1)
    Sitting.objects.update(consented_at=F("consented_at") - ago)
    Presentation.objects.update(
        allocated_at=F("allocated_at") - ago,
        served_at=F("served_at") - ago,
        lease_until=F("lease_until") - ago,
    )
    Answer.objects.update(answered_at=F("answered_at") - ago)


def last_seen(person: str) -> datetime:
    """When a person was last given a question or answered one."""
    of_person = {"participant__pseudonym": pseudonym_of(panel="link", person=person)}
    moments = [
        *Presentation.objects.filter(**of_person).values_list("allocated_at", flat=True),
        *Answer.objects.filter(**of_person).values_list("answered_at", flat=True),
    ]
    return max(moment for moment in moments if moment is not None)


def slots_of(presentation: Presentation) -> QuestionSlots:
    """The slots of the presentation's question, as they are now."""
    return QuestionSlots.objects.get(question=presentation.question, mode=presentation.mode)
