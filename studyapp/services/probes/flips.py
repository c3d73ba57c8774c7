"""Flips: predictions that a probe's changes turn, the same for every kind of probe.

A flip is an image, a classifier and a setting under which the top-1 is another than before. A kind of probe
joins with one line in `FLIP_KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from studyapp.analysis.arrays import BoolArray, IntArray
from studyapp.models import Image, ProbeClassifier, ProbeRun
from studyapp.protocol.stability import FlipDirection
from studyapp.services.catalogue.class_mapping import map_classes
from studyapp.services.probes.runs import StoredColumns, open_columns
from studyapp.services.probes.transform import plan_of
from studyapp.services.refusals import Refused

Direction = FlipDirection
DIRECTION_WORDS: Mapping[Direction, str] = MappingProxyType(
    {
        "right_to_wrong": "right \u2192 wrong",
        "wrong_to_right": "wrong \u2192 right",
        "wrong_to_wrong": "wrong \u2192 wrong",
    }
)
#: What a classifier's summary calls the number of predictions that each setting changes.
CHANGED = "changed"
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

    `image` [n] primary keys, `label` [n] the dataset's class, `before` and `after` [n, S] top-1, `changed`
    [n, S] whether those differ.
    """

    classifier: ProbeClassifier
    settings: tuple[FlipSetting, ...]
    image: IntArray
    label: IntArray
    before: IntArray
    after: IntArray
    changed: BoolArray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "changed", self.before != self.after)

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


def flip_settings(run: ProbeRun) -> tuple[FlipSetting, ...]:
    """Every change of a finished probe; raises Refused for a kind without flips, and one under way."""
    if run.kind not in FLIP_KINDS:
        raise Refused(f"A probe of kind {run.kind} has no changed pictures whose predictions could be asked.")
    if run.finished_at is None:
        raise Refused(
            f"Probe {run.key} of {run.dataset.name} is not finished; go on with it (probe {run.kind} "
            f"{run.dataset.name} …), then come back."
        )
    return FLIP_KINDS[run.kind](run)


def read_flips(*, run: ProbeRun, classifier: str) -> Flips:
    """What a classifier of the probe said, before and after every change.

    Raises Refused for a kind without flips, a probe that is not finished, and a classifier that is not in it.
    """
    flip_settings(run)
    rows = list(run.probe_classifiers.select_related("classifier").order_by("position"))
    found = next((each for each in rows if each.classifier.name == classifier), None)
    if found is None:
        there = ", ".join(each.classifier.name for each in rows)
        raise Refused(f"Probe {run.key} has no classifier {classifier!r}; it has {there}.")
    return _read(run.pk, run.file, found.pk)


def changed_counts(*, run: ProbeRun) -> dict[str, tuple[int, ...]]:
    """How many predictions of each classifier every setting changes, in the order of `flip_settings`.

    Raises Refused as that does.
    """
    flip_settings(run)
    rows = list(run.probe_classifiers.select_related("classifier").order_by("position"))
    if all(CHANGED in each.summary for each in rows):
        return {each.classifier.name: tuple(each.summary[CHANGED]) for each in rows}
    counted = _counted(run.pk, run.file)
    return {each.classifier.name: counted[each.position] for each in rows}


def count_changed(run: ProbeRun, columns: StoredColumns) -> tuple[tuple[int, ...], ...]:
    """For each classifier how many predictions every setting changes; none for a kind without flips."""
    if run.kind not in FLIP_KINDS:
        return ((),) * run.probe_classifiers.count()
    settings = FLIP_KINDS[run.kind](run)
    counts = []
    for position in range(run.probe_classifiers.count()):
        top1 = columns.of(position, "top1")
        turned = (top1[:, setting.column] != top1[:, setting.reference] for setting in settings)
        counts.append(tuple(int(np.count_nonzero(each)) for each in turned))
    return tuple(counts)


@lru_cache(maxsize=64)
def _counted(run_id: int, file: str) -> tuple[tuple[int, ...], ...]:
    """For runs from before their summaries had the counts; a page must not write them there."""
    run = ProbeRun.objects.get(pk=run_id)
    with open_columns(run) as columns:
        return count_changed(run, columns)


# Every process keeps these: with five bytes an image and setting, 50,000 images under 56 settings take 14 MB.
# Paging needs one of them, comparing two classifiers a second.
@lru_cache(maxsize=2)
def _read(run_id: int, file: str, classifier_id: int) -> Flips:
    """A finished run's responses never change, so that paging through them reads the file once."""
    run = ProbeRun.objects.select_related("dataset").get(pk=run_id)
    each = ProbeClassifier.objects.select_related("classifier").get(pk=classifier_id)
    with open_columns(run) as columns:
        image, top1 = columns.image, columns.of(each.position, "top1")
    settings = FLIP_KINDS[run.kind](run)
    index_of = map_classes(dataset=run.dataset, classifier=each.classifier).index_of
    category = dict(Image.objects.filter(dataset=run.dataset_id).values_list("pk", "category_id"))
    return Flips(
        classifier=each,
        settings=settings,
        image=image,
        label=np.array(
            [index_of[category[pk]] if pk in category else _NONE for pk in image.tolist()],
            dtype=np.int64,
        ),
        before=top1[:, [setting.reference for setting in settings]],
        after=top1[:, [setting.column for setting in settings]],
    )
