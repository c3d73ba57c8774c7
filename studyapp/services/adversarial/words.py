"""What an adversarial study shows and asks, in words for researchers; participants never read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studyapp.protocol.adversarial import AdversarialArm
from studyapp.protocol.explanation import ExplanationPlan
from studyapp.services.adversarial.shown import shown_in

_VERSIONS = {"adversarial": "attacked", "clean": "clean"}
_RESTS = {"black": "black", "grey": "grey", "mean": "the picture's mean"}
_ASKED = {"adversarial": "the adversarial label", "true": "the dataset's label", "foil": "a foil"}


def arm_shows(arm: AdversarialArm, plan: ExplanationPlan) -> str:
    """Such as "explanation of the clean picture (lime, true class, at most 8 superpixels, the rest grey)"."""
    return picture_words(shown_in(arm, plan).parameters(""))


def arm_asks(arm: AdversarialArm) -> str:
    """The label that an arm asks about."""
    return _ASKED[arm.label]


def picture_words(parameters: Mapping[str, Any]) -> str:
    """What a stimulus of such a study shows, by its stored parameters; empty for any other stimulus."""
    if "shows" not in parameters:
        return ""
    if parameters["shows"] == "changed":
        return f"changed picture ({parameters['setting']}), as {parameters['classifier']} sees it"
    picture = f"{_VERSIONS[parameters['version']]} picture"
    if parameters["shows"] == "whole":
        return f"whole {picture}"
    method = str(parameters["method"]).replace("_", " ")
    made = f"{method}, {parameters['explained']} class, at most {parameters['superpixels']} superpixels"
    if "rest" in parameters:
        made += f", the rest {_RESTS[parameters['rest']]}"
    if parameters["shows"] == "random_superpixels":
        return f"random superpixels of the {picture}, of the area of its explanation ({made})"
    return f"explanation of the {picture} ({made})"
