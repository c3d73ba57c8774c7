"""Flips: predictions that a probe's changes turn, the same for every kind of probe.

A flip is an image, a classifier and a setting under which the top-1 is another than before. A kind of probe
joins with one line in `FLIP_KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from studyapp.analysis.arrays import BoolArray, IntArray
from studyapp.models import Image, ProbeClassifier, ProbeRun
from studyapp.protocol.stability import FlipDirection
from studyapp.services.class_mapping import map_classes
from studyapp.services.probes import read_columns
from studyapp.services.refusals import Refused
from studyapp.services.transform_probe import plan_of

Direction = FlipDirection
DIRECTION_WORDS: Mapping[Direction, str] = MappingProxyType(
    {
        "right_to_wrong": "right \u2192 wrong",
        "wrong_to_right": "wrong \u2192 right",
        "wrong_to_wrong": "wrong \u2192 wrong",
    }
)
#: A class index that is no class.
_NONE = -1


@dataclass(frozen=True, slots=True)
class FlipSetting:
    """One change of a probe: its name in protocols and tables, and where its answers stand.

    `name`: such as "hue 30". `column` of the kept responses has what the classifier says of the changed
    picture, `reference` what it said before (0: of the original).
    """

    name: str
    column: int
    reference: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Flips:
    """One classifier of a finished probe: n images, S settings; classes by the classifier's index.

    `image` [n] primary keys, `label` [n] the dataset's class, `before` and `after` [n, S] top-1.
    """

    classifier: ProbeClassifier
    settings: tuple[FlipSetting, ...]
    image: IntArray
    label: IntArray
    before: IntArray
    after: IntArray

    @property
    def changed(self) -> BoolArray:
        """[n, S]: whether the prediction is another."""
        turned: BoolArray = self.before != self.after
        return turned

    def going(self, direction: Direction) -> BoolArray:
        """[n, S]: whether it turned that way."""
        label = self.label[:, None]
        right_before: BoolArray = self.before == label
        right_after: BoolArray = self.after == label
        turned: BoolArray
        if direction == "right_to_wrong":
            turned = right_before & ~right_after
        elif direction == "wrong_to_right":
            turned = ~right_before & right_after
        else:
            turned = ~right_before & ~right_after & self.changed
        return turned

    def going_any(self, directions: Sequence[Direction]) -> BoolArray:
        """[n, S]: whether it turned in one of these ways."""
        found = np.zeros(self.before.shape, dtype=np.bool_)
        for direction in directions:
            found |= self.going(direction)
        return found


def _colour_settings(run: ProbeRun) -> tuple[FlipSetting, ...]:
    return tuple(
        FlipSetting(f"{axis} {amount:g}", place + 1)
        for place, (axis, amount) in enumerate(run.parameters["grid"])
    )


def _transform_settings(run: ProbeRun) -> tuple[FlipSetting, ...]:
    """A pair's second picture, beside its first: "crops 1" and "translation 0.2 step 3", counted from 1."""
    plan = plan_of(run)
    crops = [
        FlipSetting(f"crops {number}", second, first)
        for number, (first, second) in enumerate(plan.crops, start=1)
    ]
    steps = [
        FlipSetting(f"{chain.axis} {chain.size:g} step {step}", chain.first + step, chain.first + step - 1)
        for chain in plan.chains
        for step in range(1, plan.pairs + 1)
    ]
    return (*crops, *steps)


#: Kind of probe -> its settings, named and in the order of the responses.
FLIP_KINDS: dict[str, Callable[[ProbeRun], tuple[FlipSetting, ...]]] = {
    ProbeRun.Kind.COLOUR: _colour_settings,
    ProbeRun.Kind.TRANSFORM: _transform_settings,
}


def read_flips(*, run: ProbeRun, classifier: str) -> Flips:
    """What a classifier of the probe said, before and after every change.

    Raises Refused for a kind without flips, a probe that is not finished, and a classifier that is not in it.
    """
    if run.kind not in FLIP_KINDS:
        raise Refused(f"A probe of kind {run.kind} has no changed pictures whose predictions could be asked.")
    if run.finished_at is None:
        raise Refused(
            f"Probe {run.key} of {run.dataset.name} is not finished; go on with it (probe {run.kind} "
            f"{run.dataset.name} …), then come back."
        )
    rows = list(run.probe_classifiers.select_related("classifier").order_by("position"))
    found = next((each for each in rows if each.classifier.name == classifier), None)
    if found is None:
        there = ", ".join(each.classifier.name for each in rows)
        raise Refused(f"Probe {run.key} has no classifier {classifier!r}; it has {there}.")
    return _read(run.pk, run.file, found.pk)


@lru_cache(maxsize=4)
def _read(run_id: int, file: str, classifier_id: int) -> Flips:
    """A finished run's responses never change, so that paging through them reads the file once."""
    run = ProbeRun.objects.select_related("dataset").get(pk=run_id)
    each = ProbeClassifier.objects.select_related("classifier").get(pk=classifier_id)
    columns = read_columns(run)
    settings = FLIP_KINDS[run.kind](run)
    index_of = map_classes(dataset=run.dataset, classifier=each.classifier).index_of
    category = dict(Image.objects.filter(dataset=run.dataset_id).values_list("pk", "category_id"))
    top1 = columns.classifiers[each.position]["top1"].astype(np.int64)
    return Flips(
        classifier=each,
        settings=settings,
        image=columns.image.astype(np.int64),
        label=np.array(
            [index_of[category[pk]] if pk in category else _NONE for pk in columns.image.tolist()],
            dtype=np.int64,
        ),
        before=top1[:, [setting.reference for setting in settings]],
        after=top1[:, [setting.column for setting in settings]],
    )
