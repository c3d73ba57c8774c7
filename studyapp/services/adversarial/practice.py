"""Practice questions of an adversarial study: clean pictures, whose right answer is known, in every arm."""

from __future__ import annotations

from collections.abc import Sequence

from studyapp.models import QuestionUse
from studyapp.protocol.adversarial import AdversarialQuestions
from studyapp.protocol.schema import Protocol
from studyapp.protocol.stability import StabilityQuestions
from studyapp.services.planning.asking import Asked, Use
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.foils import Foils
from studyapp.services.planning.study_predictions import StudyPredictions
from studyapp.services.refusals import Refused


def plan_practice(
    *,
    protocol: Protocol,
    predictions: StudyPredictions,
    given: Sequence[Asked],
    asked: set[int],
    drawer: Drawer,
    notes: list[str],
) -> tuple[tuple[Asked, ...], list[int]]:
    """Practice questions, and the images that nothing asks about afterwards.

    From the protocol's file, or drawn among images that every classifier gets right and nothing asks
    about: the dataset's label (expected positive) and a foil (expected negative) in turn.
    """
    rules = protocol.participants
    assert isinstance(protocol.questions, AdversarialQuestions | StabilityQuestions)
    used = asked | {each.image for each in given}
    fresh = [image for image in predictions.right_everywhere() if image not in used]
    if rules.practice_csv is not None or rules.practice_questions == 0:
        return tuple(given), fresh
    if len(fresh) < rules.practice_questions:
        notes.append(
            f"practice: {rules.practice_questions:,} wanted, {len(fresh):,} images are there for it."
        )
    drawn = drawer.sample(fresh, rules.practice_questions, purpose="practice")
    if len(drawn) < rules.practice_pass:
        raise Refused(
            f"{len(drawn)} images are left for practice and practice_pass is {rules.practice_pass}; ask "
            "fewer practice questions, name a practice_csv, ask about a sample, or use a larger dataset."
        )
    foils = Foils(predictions, "ranks", protocol.questions.foil_ranks, {}, drawer, {}).beside(drawn)
    found = []
    for number, image in enumerate(drawn):
        use = Use(QuestionUse.Role.PRACTICE)
        if number % 2 == 0:
            found.append(Asked(image, use, label=predictions.true[image], expected="positive"))
        else:
            found.append(Asked(image, use, label=foils[image], expected="negative"))
    taken = set(drawn)
    return tuple(found), [image for image in fresh if image not in taken]
