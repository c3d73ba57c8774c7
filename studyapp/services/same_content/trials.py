"""What a `same_content` study asks: pooled questions with their siblings, and practice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from studyapp.models import Classifier, QuestionUse
from studyapp.protocol.schema import Protocol
from studyapp.services.planning.asking import Expected, Use
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.study_predictions import StudyPredictions
from studyapp.services.refusals import Refused
from studyapp.services.same_content.siblings import ORIGINAL, SiblingDraw, names_of
from studyapp.services.same_content.sources import ChangedClassifier

# What one classifier says: category ids `before`, `after`, and of the `siblings`.
Said = Mapping[str, int | list[int]]
_SAME = "The large picture and those to its right show the same thing in other colours."
_OTHER = "The large picture shows another thing than those to its right."


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture to render: an image under a setting of the probe (`ORIGINAL`: unchanged).

    `position`: of the first classifier of the study with the same crop, as which it is looked at.
    """

    image: int
    position: int
    place: int


@dataclass(slots=True)
class Trial:
    """One question: the picture asked about and those to its right, in the order shown.

    `said`: see `labels_said`; empty for practice.
    """

    asked: Shown
    siblings: tuple[Shown, ...]
    expected: Expected = ""
    uses: list[Use] = field(default_factory=list)
    said: Mapping[str, Said] = field(default_factory=dict)

    @property
    def feedback(self) -> str:
        """What practice says after the answer; empty for other questions."""
        return {"": "", "positive": _OTHER, "negative": _SAME}[self.expected]


def plan_trials(
    *, sources: Sequence[ChangedClassifier], crops: Mapping[int, int], draw: SiblingDraw
) -> list[Trial]:
    """The question of every drawn change; classifiers of one crop share the question and its siblings."""
    found: dict[Shown, Trial] = {}
    for position, source in enumerate(sources):
        names = [setting.name for setting in source.flips.settings]
        for change in source.drawn:
            shown = Shown(change.image, crops[position], change.place)
            trial = found.get(shown)
            if trial is None:
                beside = draw.siblings_of(change.place)
                trial = found[shown] = Trial(shown, _beside(shown, beside))
            role = QuestionUse.Role.SAME_FLIP if change.flips else QuestionUse.Role.SAME_STAYS
            trial.uses.append(Use(role, position, stratum=names[change.place], weight=change.weight))
    for trial in found.values():
        trial.said = labels_said(trial, sources, crops)
    return list(found.values())


def plan_practice(
    *,
    protocol: Protocol,
    predictions: StudyPredictions,
    sources: Sequence[ChangedClassifier],
    asked: Iterable[int],
    draw: SiblingDraw,
    drawer: Drawer,
    notes: list[str],
) -> list[Trial]:
    """Practice whose right answer is known, in turn: an image's own siblings, and those of another category.

    Drawn among images that every classifier gets right and nothing asks about, under a setting that turns
    none of them. Raises Refused where fewer can be made than must be answered right.
    """
    rules = protocol.participants
    if not rules.practice_questions:
        return []
    used = set(asked)
    fresh = [image for image in predictions.right_everywhere() if image not in used]
    seed, rng = drawer.generator()
    order = [fresh[int(number)] for number in rng.permutation(len(fresh))]
    places = sorted({change.place for source in sources for change in source.drawn})
    found: list[Trial] = []
    while order and len(found) < rules.practice_questions:
        image = order.pop()
        stays = [place for place in places if _stays(sources, image, place)]
        if not stays:
            continue
        place = stays[int(rng.integers(len(stays)))]
        beside = image
        expected: Expected = "negative"
        if len(found) % 2:
            others = [each for each in order if predictions.true[each] != predictions.true[image]]
            if not others:
                break
            beside, expected = others[-1], "positive"
            order.remove(beside)
        shown = Shown(image, 0, place)
        trial = Trial(shown, _beside(Shown(beside, 0, place), draw.siblings_of(place)), expected)
        trial.uses.append(Use(QuestionUse.Role.PRACTICE))
        found.append(trial)
    if len(found) < rules.practice_questions:
        notes.append(f"practice: {rules.practice_questions:,} wanted, {len(found):,} can be asked.")
    if len(found) < rules.practice_pass:
        raise Refused(
            f"{len(found)} images are left for practice and practice_pass is {rules.practice_pass}; ask "
            "fewer practice questions, ask about a sample, or use a larger dataset."
        )
    drawer.record("practice", seed, [[each.asked.image, each.asked.place] for each in found])
    return found


def first_with_crop(classifiers: Iterable[Classifier]) -> dict[int, int]:
    """For each classifier's position that of the first one that looks at the same crop."""
    first: dict[str, int] = {}
    return {
        position: first.setdefault(repr(each.preprocessing.get("crop")), position)
        for position, each in enumerate(classifiers)
    }


def labels_said(
    trial: Trial, sources: Sequence[ChangedClassifier], crops: Mapping[int, int]
) -> dict[str, Said]:
    """What the classifiers say of the unchanged image, the picture asked about and its siblings.

    Only those that look at the crop shown: the others saw another picture. Category ids in the dataset's
    words, by classifier. Stored with the question, never on its page.
    """
    found: dict[str, Said] = {}
    for position, source in enumerate(sources):
        row = _row(source, trial.asked.image) if crops[position] == trial.asked.position else None
        if row is None:
            continue
        by_index, flips = source.predictions.labels.by_index, source.flips
        beside = [
            int(flips.before[row, 0] if each.place == ORIGINAL else flips.after[row, each.place])
            for each in trial.siblings
        ]
        found[source.predictions.classifier.name] = {
            "before": by_index[int(flips.before[row, trial.asked.place])],
            "after": by_index[int(flips.after[row, trial.asked.place])],
            "siblings": [by_index[index] for index in beside],
        }
    return found


def setting_names(trial: Trial, sources: Sequence[ChangedClassifier]) -> list[str]:
    """The settings of its siblings in the order shown."""
    names = [setting.name for setting in sources[0].flips.settings]
    return names_of([each.place for each in trial.siblings], names)


def _beside(shown: Shown, places: Sequence[int]) -> tuple[Shown, ...]:
    return tuple(Shown(shown.image, shown.position, place) for place in places)


def _stays(sources: Sequence[ChangedClassifier], image: int, place: int) -> bool:
    rows = [_row(source, image) for source in sources]
    return all(
        row is not None and not source.flips.changed[row, place]
        for source, row in zip(sources, rows, strict=True)
    )


def _row(source: ChangedClassifier, image: int) -> int | None:
    found = np.flatnonzero(source.flips.image == image)
    return int(found[0]) if len(found) else None
