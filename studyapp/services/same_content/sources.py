"""What a `same_content` study is made from: the colour probe, and the changes of each classifier drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import IntArray
from studyapp.models import Dataset, ProbeRun
from studyapp.protocol.same_content import SameContentQuestions
from studyapp.services.planning.draws import Drawer
from studyapp.services.planning.study_predictions import RunPredictions, StudyPredictions
from studyapp.services.probes.flips import Flips, read_flips
from studyapp.services.refusals import Refused

_NAMED = 12


@dataclass(frozen=True, slots=True)
class Change:
    """An image under a setting of the probe, by the setting's place; whether the prediction flips there.

    `weight`: how many such images of the setting it stands for.
    """

    image: int
    place: int
    flips: bool
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class ChangedClassifier:
    """One classifier of the study: what it said of every change, and the changes drawn for it."""

    predictions: RunPredictions
    flips: Flips
    drawn: tuple[Change, ...]


def colour_probe_of(dataset: Dataset, classifiers: Sequence[str], asked: SameContentQuestions) -> ProbeRun:
    """The probe that the protocol names; without a name the newest finished one with every classifier.

    Raises Refused where there is none, or it is of another kind or dataset, or not finished.
    """
    runs = ProbeRun.objects.select_related("dataset")
    command = f"probe colour {dataset.name} {' '.join(classifiers)}"
    if not asked.probe:
        found = runs.filter(dataset=dataset, kind=ProbeRun.Kind.COLOUR, finished_at__isnull=False)
        for name in classifiers:
            found = found.filter(probe_classifiers__classifier__name=name)
        newest = found.order_by("-finished_at", "-pk").first()
        if newest is None:
            raise Refused(
                f"No finished colour probe of {dataset.name} has {', '.join(classifiers)}; run {command} "
                "first."
            )
        return newest
    run = runs.filter(key=asked.probe).first()
    if run is None:
        raise Refused(
            f"No probe has the key {asked.probe!r}; [questions] probe is the last part of the address of its "
            "page."
        )
    if run.kind != ProbeRun.Kind.COLOUR:
        raise Refused(
            f"Probe {run.key} is of kind {run.kind}, and a study of kind same_content shows changes of "
            f"colour; name a colour probe ({command})."
        )
    if run.dataset != dataset:
        raise Refused(
            f"Probe {run.key} is of {run.dataset.name}, and the study's dataset is {dataset.name}; choose a "
            "probe of the same dataset."
        )
    return run


def draw_changes(
    *,
    run: ProbeRun,
    predictions: StudyPredictions,
    asked: SameContentQuestions,
    drawer: Drawer,
    notes: list[str],
) -> tuple[ChangedClassifier, ...]:
    """For each classifier and setting: changed predictions, and as many images whose prediction stays.

    A setting under which a classifier changes no prediction is not asked for it. What is drawn is kept as
    [classifier's position, setting, image, flips]. Raises Refused for a setting that the probe has not, a
    classifier that is not in it, a probe under way, and where no prediction flips.
    """
    found: list[ChangedClassifier] = []
    draws: list[list[object]] = []
    seed, rng = drawer.generator()
    for position, predicted in enumerate(predictions.runs):
        flips = read_flips(run=run, classifier=predicted.classifier.name)
        drawn: list[Change] = []
        places = _places(run, flips, asked.settings)
        few = 0
        for place in places:
            turned = np.flatnonzero(flips.changed[:, place])
            stayed = np.flatnonzero(~flips.changed[:, place])
            wanted = len(turned) if asked.sample is None else min(asked.sample, len(turned))
            few += min(wanted, len(stayed)) < wanted
            drawn += _drawn(flips, turned, place, wanted, rng, flips_there=True)
            drawn += _drawn(flips, stayed, place, min(wanted, len(stayed)), rng, flips_there=False)
        if few:
            notes.append(
                f"{predicted.classifier.name}: under {few} of {len(places)} settings fewer predictions stay "
                "than flip, so that the flips there have fewer beside them."
            )
        draws += [[position, flips.settings[each.place].name, each.image, int(each.flips)] for each in drawn]
        found.append(ChangedClassifier(predicted, flips, tuple(drawn)))
    if not draws:
        names = ", ".join(each.predictions.classifier.name for each in found)
        which = ", ".join(asked.settings[:_NAMED]) or "every setting"
        raise Refused(
            f"{names}: no prediction flips under {which} of probe {run.key}, so there is nothing to ask; "
            "choose other settings."
        )
    drawer.record("same_content_sample", seed, draws)
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


def _drawn(
    flips: Flips, rows: IntArray, place: int, wanted: int, rng: np.random.Generator, *, flips_there: bool
) -> list[Change]:
    chosen = rows[np.sort(rng.permutation(len(rows))[:wanted])]
    return [Change(int(flips.image[row]), place, flips_there, len(rows) / wanted) for row in chosen]
