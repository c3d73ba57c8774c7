"""Which images of a category explain it, by every method: prototypes first, then criticisms.

Every function takes the category's images, returns what it picked with a flag on whatever fell short of the
method's definition, the shortages in sentences, and every random draw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from explain.kernels import ConstantFeaturesError, rbf_kernel, repeated_points
from explain.mmd_critic import Step, select_criticisms, select_prototypes
from explain.picks import CategoryExamples, Level, Pick, Role, in_words, joined, take

LambdaRole = Literal["regulariser", "gamma"]
Ties = Literal["draw", "margin"]


@dataclass(frozen=True, slots=True)
class MmdParameters:
    """`lambda_role` says what `lambda_` is: the weight of the log-det regulariser, or the kernel's gamma.

    As gamma it leaves the regulariser the weight 1 that Kim et al. give it. Without `gamma`, and unless
    lambda is that, gamma is 1 / the median squared distance within the category.
    """

    gamma: float | None = None
    lambda_: float = 1e-5
    lambda_role: LambdaRole = "regulariser"

    def __post_init__(self) -> None:
        """Refuse two values for one gamma."""
        if self.lambda_role == "gamma" and self.gamma is not None:
            raise ValueError(
                f"Lambda {self.lambda_:g} is to be gamma and gamma is given as {self.gamma:g}: leave one out."
            )

    @property
    def kernel_gamma(self) -> float | None:
        """The RBF kernel's gamma where it is fixed."""
        return self.lambda_ if self.lambda_role == "gamma" else self.gamma

    @property
    def regulariser_weight(self) -> float:
        """What the log det is multiplied by."""
        return 1.0 if self.lambda_role == "gamma" else self.lambda_


@dataclass(frozen=True, slots=True)
class Attacked:
    """An image that was predicted rightly and then attacked.

    `steps_to_flip`: 1 to M, M + 1 where no step flipped it. `margin`: how much surer the classifier is of the
    image's category than of any other, larger is surer.
    """

    key: int
    steps_to_flip: int
    margin: float


@dataclass(frozen=True, slots=True)
class Judged:
    """An image with the probability that the classifier gives its category; `exact` is False for a bound."""

    key: int
    probability: float
    exact: bool = True


def by_mmd_critic(
    keys: Sequence[int],
    points: Tensor,
    *,
    prototypes: int,
    criticisms: int,
    parameters: MmdParameters,
    images: str,
) -> CategoryExamples:
    """MMD-critic over the rows of `points` (n, d), which belong to `keys` in this order.

    Of images with exactly the same features only the first can be picked. `images` names them in sentences,
    such as "training images of 'torch'". Raises ConstantFeaturesError, and ValueError where too few differ.
    """
    repeated = repeated_points(points)
    different = len(keys) - len(repeated)
    if different == 1 < len(keys):
        raise ConstantFeaturesError(
            f"All {len(keys):,} {images} have the same features, so nothing tells them apart: check the "
            "layer and the images."
        )
    if different < prototypes + criticisms:
        raise ValueError(
            f"Only {different} {images} differ in their features, and {prototypes + criticisms} are asked "
            "for: ask for fewer, or take repeated images out."
        )
    shortages = []
    if repeated:
        shortages.append(
            f"{in_words(len(repeated))} of {len(keys):,} {images} with exactly the features of an earlier "
            "one: only the first can be picked"
        )
    rbf = rbf_kernel(points, parameters.kernel_gamma)
    kernel = rbf.held()
    without = [index for index, _ in repeated]
    chosen = select_prototypes(kernel, prototypes, without=without)
    critics = select_criticisms(
        kernel, chosen, criticisms, weight=parameters.regulariser_weight, without=without
    )
    if len(critics.steps) < criticisms:
        shortages.append(
            f"only {len(critics.steps)} of {criticisms} criticisms among {images}: every other one is as "
            "good as a copy of them"
        )
    roles: tuple[tuple[Role, tuple[Step, ...]], ...] = (
        ("prototype", chosen.steps),
        ("criticism", critics.steps),
    )
    picks = tuple(
        Pick(keys[step.index], role, rank, _tied(step), float(chosen.witness[step.index]))
        for role, steps in roles
        for rank, step in enumerate(steps, 1)
    )
    return CategoryExamples(picks, tuple(shortages), (), rbf.gamma, chosen.objective)


def by_steps_to_flip(
    attacked: Sequence[Attacked],
    *,
    most_steps: int,
    prototypes: int,
    criticisms: int,
    ties: Ties,
    rng: np.random.Generator,
    images: str,
) -> CategoryExamples:
    """Prototypes survive all `most_steps` steps of the attack, criticisms flip at the first.

    Where there are too few, those with the next largest (smallest) number of steps follow, flagged. Among
    equal steps a random draw decides, or with `ties = "margin"` the larger (criticisms: smaller) margin, and
    a draw only among equal margins.
    """
    steps = {each.key: each.steps_to_flip for each in attacked}
    margins = {each.key: each.margin for each in attacked} if ties == "margin" else {}
    first = take(
        "prototype",
        [
            _survivors(keys, level, most_steps, level > most_steps, {key: -margins[key] for key in margins})
            for level, keys in sorted(_levels(steps).items(), reverse=True)
        ],
        prototypes,
        wanted=(f"survive {_steps(most_steps)}", f"survives {_steps(most_steps)}"),
        rng=rng,
        images=images,
    )
    taken = {pick.key for pick in first.picks}
    left = {key: level for key, level in steps.items() if key not in taken}
    second = take(
        "criticism",
        [
            _survivors(keys, level, most_steps, level == 1, margins)
            for level, keys in sorted(_levels(left).items())
        ],
        criticisms,
        wanted=("flip at step 1", "flips at step 1"),
        rng=rng,
        images=images,
    )
    return joined(first, second)


def by_probability(
    judged: Sequence[Judged],
    *,
    prototypes: int,
    criticisms: int,
    above: float,
    below: float,
    rng: np.random.Generator,
    images: str,
) -> CategoryExamples:
    """Prototypes are drawn from the images with p(category) > `above`, criticisms from those < `below`.

    Where there are too few, the most (least) probable of the rest follow, flagged.
    """
    values = {each.key: each.probability for each in judged}
    high = Level(tuple(key for key in values if values[key] > above), f"with more than {above:g}")
    lower = Level(
        tuple(key for key in values if values[key] <= above),
        f"with {above:g} or less",
        flags={key: f"probability {_cut(value)}, not above {above:g}" for key, value in values.items()},
        priority={key: -value for key, value in values.items()},
    )
    first = take(
        "prototype",
        [high, lower],
        prototypes,
        wanted=(f"have a probability above {above:g}", f"has a probability above {above:g}"),
        rng=rng,
        images=images,
    )
    taken = {pick.key for pick in first.picks}
    left = [each for each in judged if each.key not in taken]
    low = Level(
        # What is only known to be at most so much is lower than that.
        tuple(each.key for each in left if each.probability < below),
        f"with less than {below:g}",
    )
    higher = Level(
        tuple(each.key for each in left if each.probability >= below),
        f"with {below:g} or more",
        flags={key: f"probability {_cut(value)}, not below {below:g}" for key, value in values.items()},
        priority=values,
    )
    second = take(
        "criticism",
        [low, higher],
        criticisms,
        wanted=(f"have a probability below {below:g}", f"has a probability below {below:g}"),
        rng=rng,
        images=images,
    )
    return joined(first, second)


def at_random(
    keys: Sequence[int], *, prototypes: int, criticisms: int, rng: np.random.Generator, images: str
) -> CategoryExamples:
    """Uniformly drawn images: the first are called prototypes, the rest criticisms, which means nothing."""
    everything = Level(tuple(keys), "of all")
    drawn = take(
        "prototype",
        [everything],
        prototypes + criticisms,
        wanted=("are there", "is there"),
        rng=rng,
        images=images,
    )
    picks = [
        pick if pick.rank <= prototypes else Pick(pick.key, "criticism", pick.rank - prototypes)
        for pick in drawn.picks
    ]
    return CategoryExamples(tuple(picks), drawn.shortages, drawn.draws)


def _survivors(
    keys: tuple[int, ...], level: int, most_steps: int, met: bool, priority: Mapping[int, float]
) -> Level:
    """Images of one number of steps to flip; `met`: that number is what the method asks for."""
    described = f"surviving all {_steps(most_steps)}" if level > most_steps else f"flipping at step {level}"
    if 1 < level <= most_steps:
        described = f"surviving {_steps(level - 1)}"
    return Level(keys, described, {} if met else dict.fromkeys(keys, described), priority)


def _levels(values: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    """Value -> the keys that have it, in their order."""
    found: dict[int, list[int]] = {}
    for key, value in values.items():
        found.setdefault(value, []).append(key)
    return {value: tuple(keys) for value, keys in found.items()}


def _tied(step: Step) -> str:
    others = len(step.tied_with)
    return (
        f"as good as {in_words(others)} other{'s' if others > 1 else ''}, taken as the first"
        if others
        else ""
    )


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"


def _cut(probability: float) -> str:
    """Three decimals, never rounded up to a threshold that it does not reach."""
    return f"{math.floor(probability * 1000) / 1000:.3f}"
