"""Held-back pictures of groups: a trial that shows one is asked in no arm, so that arms stay comparable."""

from __future__ import annotations

from studyapp.models import Question, Stimulus
from studyapp.services.criticism.boards import GROUP_PICTURE, IS_BESIDE, SIBLING, keys_beside

_BESIDE = "Beside it stands a picture that is held back: "


def reason_beside(reason: str) -> str:
    """Why a target is held back with a picture of a group."""
    return f"{_BESIDE}{reason}"[:300]


def targets_to_hold_back(picture: Stimulus) -> list[Stimulus]:
    """The targets, not held back yet, that this picture stands beside in some arm."""
    return [target for target in _targets_beside(picture) if target.review != Stimulus.Review.HELD_BACK]


def targets_to_free(picture: Stimulus) -> list[Stimulus]:
    """The targets that were held back because of a picture beside them, and now have none such in any arm."""
    held = Stimulus.objects.filter(IS_BESIDE, study=picture.study_id, review=Stimulus.Review.HELD_BACK)
    held_keys = set(held.values_list("key", flat=True))
    waiting = [
        target
        for target in _targets_beside(picture)
        if target.review == Stimulus.Review.HELD_BACK and target.review_reason.startswith(_BESIDE)
    ]
    blocked = {
        question.stimulus_id
        for question in Question.objects.filter(stimulus__in=waiting).only("stimulus", "parameters")
        if held_keys & set(keys_beside(question.parameters))
    }
    return [target for target in waiting if target.pk not in blocked]


def held_back_beside(target: Stimulus) -> list[Stimulus]:
    """The held-back pictures that stand beside this one in some arm, by name of their image."""
    beside = {
        key
        for question in Question.objects.filter(stimulus=target).only("parameters")
        for key in keys_beside(question.parameters)
    }
    held = Stimulus.objects.filter(
        study=target.study_id, key__in=beside, review=Stimulus.Review.HELD_BACK
    ).select_related("image")
    return list(held.order_by("image__name"))


def _targets_beside(picture: Stimulus) -> list[Stimulus]:
    if picture.variant != GROUP_PICTURE and not picture.variant.startswith(SIBLING):
        return []
    questions = Question.objects.filter(study=picture.study_id).select_related("stimulus").order_by("pk")
    found = {
        question.stimulus_id: question.stimulus
        for question in questions.only("parameters", "stimulus")
        if picture.key in keys_beside(question.parameters)
    }
    return list(found.values())
