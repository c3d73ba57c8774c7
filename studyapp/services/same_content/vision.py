"""What people say of their colour vision: asked once, optional, kept with the sitting."""

from __future__ import annotations

from studyapp.models import Sitting, Study
from studyapp.protocol.same_content import SameContentQuestions
from studyapp.services.plans import protocol_of


def asks_colour_vision(study: Study) -> bool:
    """Whether the study asks people how they see colours."""
    asked = protocol_of(study).questions
    return isinstance(asked, SameContentQuestions) and asked.colour_vision


def ask_now(sitting: Sitting) -> bool:
    """Whether to ask in this sitting: not where the person said it in an earlier one of the study."""
    if not asks_colour_vision(sitting.study):
        return False
    said = Sitting.objects.filter(study=sitting.study, participant=sitting.participant, mode=sitting.mode)
    return not said.exclude(colour_vision="").exclude(pk=sitting.pk).exists()


def tell_colour_vision(*, sitting: Sitting, value: str) -> None:
    """Keep what was said before the first question; anything that is not offered says nothing."""
    if not asks_colour_vision(sitting.study) or value not in Sitting.ColourVision.values:
        return
    Sitting.objects.filter(pk=sitting.pk, state=Sitting.State.INSTRUCTIONS).update(colour_vision=value)
