"""People for the tests: they arrive, and they answer what is put before them."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from studyapp.models import Answer, Mode, Presentation, QuestionSlots, RecruitmentLink, Sitting, Study
from studyapp.recruitment.link import create_link
from studyapp.services.allocation import next_question
from studyapp.services.answers import record_answer
from studyapp.services.arrival import Screen, Visitor, consent
from studyapp.services.sittings import begin


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


def slots_of(presentation: Presentation) -> QuestionSlots:
    """The slots of the presentation's question, as they are now."""
    return QuestionSlots.objects.get(question=presentation.question, mode=presentation.mode)
