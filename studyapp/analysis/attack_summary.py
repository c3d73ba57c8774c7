"""What an attack did to a classifier: accuracy before and after and over steps, what rounding loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from studyapp.analysis.intervals import Rate, wilson_rate

IMAGENET_STD = (0.229, 0.224, 0.225)
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class AttackedImages:
    """The attacked images of a run, one entry each; the attack had `steps` steps at most (M).

    `to_flip`, `to_displayed_flip`: first step after which the float picture, or its 8-bit version, was
    mistaken (1..M; M + 1: never before the attack of that image ended). `float_wrong`, `displayed_wrong`:
    whether the last float picture, and the stored 8-bit file, are mistaken.
    """

    steps: int
    to_flip: NDArray[np.int64]
    to_displayed_flip: NDArray[np.int64]
    float_wrong: NDArray[np.bool_]
    displayed_wrong: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class StepCount:
    """After `step` steps: images not mistaken so far, and those that this very step flipped.

    Before the first step all are right by construction: these shares have no interval.
    """

    step: int
    standing: Rate
    displayed_standing: Rate
    flipped: int
    displayed_flipped: int


@dataclass(frozen=True, slots=True)
class AttackSummary:
    """Counts of a run. Accuracies are over images with a verdict: failed ones are counted apart.

    `before`, `after_float`, `after_displayed`: right images of all of the run's. `standing_float`,
    `standing_displayed`: the same of the attacked images alone. `flipped`: float flips at any step.
    `survive_at_once`: those whose 8-bit picture is mistaken at the same step or was before; `survive`: those
    whose stored file is mistaken; `lost`: the rest. `only_displayed`: files that fool although no float
    picture did. `never`, `displayed_never`: attacked images without a flip.
    """

    steps: int
    attacked: int
    wrong_at_start: int
    failed: int
    before: Rate
    after_float: Rate
    after_displayed: Rate
    standing_float: Rate
    standing_displayed: Rate
    flipped: int
    survive_at_once: int
    survive: int
    lost: int
    only_displayed: int
    never: int
    displayed_never: int
    curve: tuple[StepCount, ...]


def summarise(images: AttackedImages, *, wrong_at_start: int, failed: int) -> AttackSummary:
    """Count what became of a run's images; see AttackSummary."""
    attacked = len(images.to_flip)
    total = attacked + wrong_at_start
    float_right = int((~images.float_wrong).sum())
    displayed_right = int((~images.displayed_wrong).sum())
    flipped = images.to_flip <= images.steps
    survive = int((flipped & images.displayed_wrong).sum())
    return AttackSummary(
        steps=images.steps,
        attacked=attacked,
        wrong_at_start=wrong_at_start,
        failed=failed,
        before=wilson_rate(attacked, total),
        after_float=wilson_rate(float_right, total),
        after_displayed=wilson_rate(displayed_right, total),
        standing_float=wilson_rate(float_right, attacked),
        standing_displayed=wilson_rate(displayed_right, attacked),
        flipped=int(flipped.sum()),
        survive_at_once=int((flipped & (images.to_displayed_flip <= images.to_flip)).sum()),
        survive=survive,
        lost=int(flipped.sum()) - survive,
        only_displayed=int((images.displayed_wrong & ~flipped).sum()),
        never=int((~flipped).sum()),
        displayed_never=int((images.to_displayed_flip > images.steps).sum()),
        curve=tuple(
            StepCount(
                step=step,
                standing=_standing(images.to_flip, step),
                displayed_standing=_standing(images.to_displayed_flip, step),
                flipped=int((images.to_flip == step).sum()),
                displayed_flipped=int((images.to_displayed_flip == step).sum()),
            )
            for step in range(images.steps + 1)
        ),
    )


def _standing(first_flip: NDArray[np.int64], step: int) -> Rate:
    rate = wilson_rate(int((first_flip > step).sum()), len(first_flip))
    return rate if step else replace(rate, interval=None)


def step_in_grey_levels(
    *, step: float, space: str, step_std: str, preprocessing: Mapping[str, object]
) -> tuple[float, float, float]:
    """One step in grey levels of 255 (red, green, blue): step * 255 * the unit of its space.

    The unit is 1 for pixels in [0, 1], else a standard deviation: ImageNet's, or the model's own from its
    preprocessing. A grey network's three channels move together.
    """
    unit = _unit(space, step_std, preprocessing)
    red, green, blue = (step * 255.0 * each for each in unit)
    return (red, green, blue)


def _unit(space: str, step_std: str, preprocessing: Mapping[str, object]) -> Sequence[float]:
    order = preprocessing.get("channel_order")
    if space == "pixel":
        return (1.0, 1.0, 1.0)
    if step_std == "imagenet":
        grey = sum(weight * std for weight, std in zip(LUMA, IMAGENET_STD, strict=True))
        return (grey,) * 3 if order == "grey" else IMAGENET_STD
    deviations, scale = preprocessing["std"], preprocessing["scale"]
    assert isinstance(deviations, list | tuple)
    assert isinstance(scale, int | float)
    own = [float(each) / (float(scale) * 255.0) for each in deviations]
    if order == "grey":
        return own * 3
    return own[::-1] if order == "bgr" else own
