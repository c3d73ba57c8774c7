"""Controls of a stability study: how readily people say yes to labels of changed pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from studyapp.models import QuestionUse
from studyapp.protocol.schema import Protocol
from studyapp.protocol.stability import StabilityQuestions
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.foils import foils_by_rank
from studyapp.services.planning.study_predictions import StudyPredictions, rankings
from studyapp.services.probes.flips import FlipSetting
from studyapp.services.stability.sources import FlippingClassifier

#: Image, position of a classifier in the study, setting.
Shown = tuple[int, int, FlipSetting]


@dataclass(frozen=True, slots=True)
class Control:
    """A label asked about a changed picture; `position` is the classifier whose crop it is."""

    image: int
    position: int
    setting: FlipSetting
    label: int
    role: QuestionUse.Role


def plan_controls(
    *,
    protocol: Protocol,
    predictions: StudyPredictions,
    sources: Sequence[FlippingClassifier],
    flipped: Sequence[Shown],
    questions: int,
    drawer: Drawer,
    notes: list[str],
) -> tuple[Control, ...]:
    """Foils on pictures that flipped, and dataset labels of changed pictures that stayed right.

    `flipped` are the pictures asked about, `questions` how many questions those make. The labels' pictures
    are of images that nothing else asks about.
    """
    asked = protocol.questions
    assert isinstance(asked, StabilityQuestions)
    wanted = round(questions * asked.controls / (1 - asked.controls))
    foils = round(wanted * asked.foil_share)
    seed, rng = drawer.generator()
    found = [
        *_foils(predictions, sources, flipped, asked.foil_ranks, foils, rng),
        *_labels(predictions, sources, {image for image, _, _ in flipped}, wanted - foils, rng),
    ]
    if len(found) < wanted:
        notes.append(f"controls: {wanted:,} wanted, {len(found):,} can be asked.")
    if found:
        values = [[each.role.value, each.image, each.setting.name, each.label] for each in found]
        drawer.record("controls", seed, values)
    return tuple(found)


def _foils(
    predictions: StudyPredictions,
    sources: Sequence[FlippingClassifier],
    flipped: Sequence[Shown],
    ranks: tuple[int, int],
    wanted: int,
    rng: np.random.Generator,
) -> Iterator[Control]:
    """A class that the unchanged image has at these ranks and no classifier ever says of it."""
    if not wanted:
        return
    images = sorted({image for image, _, _ in flipped})
    ranked = rankings(runs=predictions.runs, images=images)
    said = _said(sources, images)
    left = wanted
    for number in rng.permutation(len(flipped)):
        image, position, setting = flipped[int(number)]
        excluded = frozenset(said[image] | {predictions.true[image]})
        labels = foils_by_rank(ranked.get(image, ()), ranks, excluded=excluded)
        if labels:
            label = labels[int(rng.integers(len(labels)))]
            yield Control(image, position, setting, label, QuestionUse.Role.CONTROL_FOIL)
            left -= 1
        if not left:
            return


def _said(sources: Sequence[FlippingClassifier], images: Sequence[int]) -> dict[int, set[int]]:
    """Every class that some classifier says of an image or a change of it."""
    found: dict[int, set[int]] = {image: set() for image in images}
    for source in sources:
        by_index = source.predictions.labels.by_index
        for row in np.flatnonzero(np.isin(source.flips.image, images)):
            classes = np.union1d(source.flips.before[row], source.flips.after[row])
            found[int(source.flips.image[row])] |= {by_index[int(index)] for index in classes}
    return found


def _labels(
    predictions: StudyPredictions,
    sources: Sequence[FlippingClassifier],
    taken: set[int],
    wanted: int,
    rng: np.random.Generator,
) -> Iterator[Control]:
    """The dataset's label of images that stay right, each under a setting that the study asks about."""
    cells = sorted(
        {
            (position, flip.setting.name): (position, flip.setting)
            for position, source in enumerate(sources)
            for flip in source.drawn
        }.items()
    )
    used = set(taken)
    for number in range(wanted):
        position, setting = cells[number % len(cells)][1]
        flips = sources[position].flips
        place = flips.settings.index(setting)
        stays = (flips.before[:, place] == flips.label) & (flips.after[:, place] == flips.label)
        free = [int(image) for image in flips.image[stays] if int(image) not in used]
        if free:
            image = free[int(rng.integers(len(free)))]
            used.add(image)
            yield Control(image, position, setting, predictions.true[image], QuestionUse.Role.CONTROL_TRUE)
