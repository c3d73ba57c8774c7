"""The pictures to the right of the one asked about: other changes of the same image, drawn and stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studyapp.analysis.colour_stability import Setting
from studyapp.models import ProbeRun
from studyapp.protocol.same_content import SameContentQuestions
from studyapp.services.refusals import Refused

#: The place of the unchanged picture among a probe's settings.
ORIGINAL = -1
ORIGINAL_NAME = "original"


@dataclass(frozen=True, slots=True)
class SiblingDraw:
    """Draws siblings by the protocol's rule."""

    run: ProbeRun
    settings: tuple[Setting, ...]
    asked: SameContentQuestions
    rng: np.random.Generator

    def siblings_of(self, place: int) -> tuple[int, ...]:
        """Places of the siblings of a setting in the order shown; `ORIGINAL` for the unchanged picture.

        Raises Refused where the probe has fewer settings than siblings are wanted.
        """
        others = self._candidates(place)
        wanted = self.asked.others
        if len(others) < wanted:
            kind = f"{self.settings[place].axis} " if self.asked.sibling_choice == "around" else ""
            beside = " beside the original" if self.asked.original else ""
            raise Refused(
                f"[questions] siblings = {self.asked.siblings} wants {wanted} other {kind}settings{beside}, "
                f"and probe {self.run.key} has {len(others)}; ask for fewer siblings"
                + (', write sibling_choice = "anywhere",' if kind else "")
                + " or probe more settings."
            )
        chosen = [*others[:wanted], *([ORIGINAL] if self.asked.original else [])]
        return tuple(chosen[int(number)] for number in self.rng.permutation(len(chosen)))

    def _candidates(self, place: int) -> list[int]:
        """The other settings, the ones to take first."""
        own = self.settings[place]
        drawn = [int(other) for other in self.rng.permutation(len(self.settings)) if other != place]
        if self.asked.sibling_choice == "anywhere":
            return drawn
        alike = [other for other in drawn if self.settings[other].axis == own.axis]
        # The sort keeps the drawn order of equally distant settings.
        return sorted(alike, key=lambda other: _apart(own, self.settings[other]))


def _apart(one: Setting, other: Setting) -> float:
    """Degrees on the circle, or the difference of gains; rounded, so that equal distances are equal."""
    step = abs(one.amount - other.amount)
    if one.axis == "hue":
        step = min(step % 360.0, 360.0 - step % 360.0)
    return round(step, 6)


def names_of(places: Sequence[int], names: Sequence[str]) -> list[str]:
    """The settings' names; the unchanged picture's is "original"."""
    return [ORIGINAL_NAME if place == ORIGINAL else names[place] for place in places]
