"""What an arm of an adversarial study shows: which picture, made from which explanation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studyapp.models import Stimulus
from studyapp.protocol.adversarial import AdversarialArm, AdversarialLabel, Shown
from studyapp.protocol.explanation import ExplanationPlan
from studyapp.services.explanations.runs import ExplanationSubject, explained_in

Parameter = str | int


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A way of showing an attacked image; two arms that show the same share their stimuli.

    `explained` is the class explained, `superpixels` the most that are shown, `rest` what stands around
    them; all four are None for a whole picture.
    """

    shows: Shown
    version: str
    method: str | None = None
    explained: str | None = None
    superpixels: int | None = None
    rest: str | None = None

    def variant(self, position: int) -> str:
        """Tells the stimuli of one image apart; `position` is the attacked classifier's in the study."""
        told = (self.method, self.explained, self.superpixels, self.rest)
        return ":".join(map(str, (self.shows, self.version, position, *(each for each in told if each))))

    def parameters(self, classifier: str) -> dict[str, Parameter]:
        """What of it is stored with the stimulus, for rendering and for tables."""
        told: Mapping[str, Parameter | None] = {
            "classifier": classifier,
            "shows": self.shows,
            "version": self.version,
            "method": self.method,
            "explained": self.explained,
            "superpixels": self.superpixels,
            "rest": self.rest,
        }
        return {key: value for key, value in told.items() if value is not None}

    @property
    def kind(self) -> Stimulus.Kind:
        """Whole, or made of superpixels."""
        return Stimulus.Kind.WHOLE if self.shows == "whole" else Stimulus.Kind.EXPLANATION

    def subject(self, label: AdversarialLabel) -> ExplanationSubject | None:
        """The explanation that it is made from; None for a whole picture."""
        if self.method is None or self.explained is None:
            return None
        return ExplanationSubject(
            version=self.version, method=self.method, explained=self.explained, adversarial_label=label
        ).plainly()


# What practice shows, in every arm: there is no explanation whose right answer is known.
WHOLE_CLEAN = ShownPicture("whole", "clean")


def shown_in(arm: AdversarialArm, plan: ExplanationPlan) -> ShownPicture:
    """What `arm` shows, with what it inherits from `[explanation]` filled in."""
    if arm.shows == "whole":
        return ShownPicture("whole", arm.version)
    return ShownPicture(
        shows=arm.shows,
        version=arm.version,
        method=arm.method,
        explained=str(explained_in(arm)),
        superpixels=arm.superpixels or plan.superpixels,
        rest=arm.rest or plan.rest,
    )
