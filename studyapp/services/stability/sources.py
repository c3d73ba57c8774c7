"""What a stability study is made from: the probe, its settings, every classifier's flips, the drawn ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import BoolArray
from studyapp.models import Dataset, ProbeRun
from studyapp.protocol.stability import DIRECTIONS, StabilityQuestions
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.study_predictions import RunPredictions, StudyPredictions
from studyapp.services.probes.flips import FLIP_KINDS, Direction, Flips, FlipSetting, read_flips
from studyapp.services.refusals import Refused

_NAMED = 12


@dataclass(frozen=True, slots=True)
class Flip:
    """One flip to ask about: `label` is what the prediction turned to, as the dataset's category.

    `weight`: how many flips of its stratum it stands for.
    """

    image: int
    setting: FlipSetting
    direction: Direction
    label: int
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class FlippingClassifier:
    """One classifier of the study: what it said, and the flips drawn from it."""

    predictions: RunPredictions
    flips: Flips
    drawn: tuple[Flip, ...]


def probe_of(dataset: Dataset, classifiers: Sequence[str], asked: StabilityQuestions) -> ProbeRun:
    """The probe that the protocol names; without a name the newest finished one with every classifier.

    Raises Refused where there is none, or it is of another dataset.
    """
    runs = ProbeRun.objects.select_related("dataset")
    if asked.probe:
        run = runs.filter(key=asked.probe).first()
        if run is None:
            raise Refused(
                f"No probe has the key {asked.probe!r}; [questions] probe is the last part of the address of "
                "its page."
            )
        if run.dataset != dataset:
            raise Refused(
                f"Probe {run.key} is of {run.dataset.name}, and the study's dataset is {dataset.name}; "
                "choose a probe of the same dataset."
            )
        return run
    found = runs.filter(dataset=dataset, kind__in=list(FLIP_KINDS), finished_at__isnull=False)
    for name in classifiers:
        found = found.filter(probe_classifiers__classifier__name=name)
    newest = found.order_by("-finished_at", "-pk").first()
    if newest is None:
        raise Refused(
            f"No finished probe of {dataset.name} has {', '.join(classifiers)}; run probe colour "
            f"{dataset.name} {' '.join(classifiers)} first."
        )
    return newest


def read_flipping(
    *,
    run: ProbeRun,
    predictions: StudyPredictions,
    asked: StabilityQuestions,
    drawer: Drawer,
    notes: list[str],
) -> tuple[FlippingClassifier, ...]:
    """Every classifier's flips under the settings asked about, and the drawn ones; the draw is kept.

    How many flips there are is kept as well, in the draw `flip_counts`: [classifier, setting, images, and
    flips in each direction]. Raises Refused for a setting that the probe has not, for a classifier that is
    not in it, and where no prediction flips.
    """
    directions = tuple(each for each in DIRECTIONS if each in asked.directions)
    found: list[FlippingClassifier] = []
    counts: list[list[object]] = []
    draws: list[list[object]] = []
    seed, rng = drawer.generator()
    for position, predicted in enumerate(predictions.runs):
        flips = read_flips(run=run, classifier=predicted.classifier.name)
        places = _places(run, flips, asked.settings)
        ways = {direction: flips.going(direction) for direction in DIRECTIONS}
        for place in places:
            each = [int(ways[direction][:, place].sum()) for direction in DIRECTIONS]
            name = flips.settings[place].name
            counts.append([predicted.classifier.name, name, len(flips.image), *each])
        wanted = np.zeros(flips.before.shape, dtype=np.bool_)
        wanted[:, places] = flips.going_any(directions)[:, places]
        drawn = _draw(wanted, places, asked, rng)
        _note_short(predicted.classifier.name, wanted, places, asked, notes)
        chosen = tuple(_flip(flips, ways, row, place, weight, predicted) for row, place, weight in drawn)
        draws += [[position, each.setting.name, each.image] for each in chosen]
        found.append(FlippingClassifier(predicted, flips, chosen))
    if not draws:
        names = ", ".join(each.predictions.classifier.name for each in found)
        which = ", ".join(asked.settings[:_NAMED]) or "every setting"
        raise Refused(
            f"{names}: no prediction flips ({', '.join(directions)}) under {which} of probe {run.key}, so "
            "there is nothing to ask; choose other settings or directions."
        )
    drawer.record("flip_sample", seed, draws)
    drawer.record("flip_counts", 0, counts)
    return tuple(found)


def _places(run: ProbeRun, flips: Flips, names: Sequence[str]) -> list[int]:
    """Where the settings of these names stand; all of them without names."""
    place_of = {setting.name: place for place, setting in enumerate(flips.settings)}
    unknown = [name for name in names if name not in place_of]
    if unknown:
        there = list(place_of)
        more = ", …" if len(there) > _NAMED else ""
        raise Refused(
            f"Probe {run.key} has no setting {unknown[0]!r}; it has {', '.join(there[:_NAMED])}{more}."
        )
    return sorted(place_of[name] for name in names) if names else list(range(len(flips.settings)))


def _draw(
    wanted: BoolArray, places: Sequence[int], asked: StabilityQuestions, rng: np.random.Generator
) -> list[tuple[int, int, float]]:
    """Row, place and weight of every flip asked about."""
    if asked.sample_per == "classifier" and asked.sample is not None:
        strata = [np.argwhere(wanted)]
    else:
        rows = [np.flatnonzero(wanted[:, place]) for place in places]
        strata = [
            np.column_stack((row, np.full_like(row, place))) for row, place in zip(rows, places, strict=True)
        ]
    drawn: list[tuple[int, int, float]] = []
    for cells in strata:
        size = len(cells) if asked.sample is None else min(asked.sample, len(cells))
        chosen = cells[np.sort(rng.permutation(len(cells))[:size])]
        drawn += [(int(row), int(place), len(cells) / size) for row, place in chosen]
    return drawn


def _flip(
    flips: Flips,
    ways: dict[Direction, BoolArray],
    row: int,
    place: int,
    weight: float,
    predicted: RunPredictions,
) -> Flip:
    direction = next(each for each, turned in ways.items() if turned[row, place])
    return Flip(
        image=int(flips.image[row]),
        setting=flips.settings[place],
        direction=direction,
        label=predicted.labels.by_index[int(flips.after[row, place])],
        weight=weight,
    )


def _note_short(
    name: str, wanted: BoolArray, places: Sequence[int], asked: StabilityQuestions, notes: list[str]
) -> None:
    """Say where fewer flips are there than the sample wants."""
    if asked.sample is None:
        return
    if asked.sample_per == "classifier":
        there = int(wanted.sum())
        if there < asked.sample:
            notes.append(f"{name}: sample of {asked.sample:,} flips wanted, {there:,} are there.")
        return
    few = sum(int(wanted[:, place].sum()) < asked.sample for place in places)
    if few:
        notes.append(
            f"{name}: {few} of {len(places)} settings have fewer flips than the sample of {asked.sample:,}; "
            "all of theirs are asked about."
        )
