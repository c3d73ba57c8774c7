"""What each method takes, in which order, what it says of shortages, and that every draw is told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from explain.kernels import ConstantFeaturesError
from explain.selection import (
    Attacked,
    CategoryExamples,
    Judged,
    MmdParameters,
    Ties,
    at_random,
    by_mmd_critic,
    by_probability,
    by_steps_to_flip,
)

TORCH = "validation images of 'torch'"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picked(examples: CategoryExamples, role: str) -> list[int]:
    found = [pick for pick in examples.picks if pick.role == role]
    assert [pick.rank for pick in found] == list(range(1, len(found) + 1))
    return [pick.key for pick in found]


def flags(examples: CategoryExamples) -> dict[int, str]:
    return {pick.key: pick.flag for pick in examples.picks if pick.flag}


def attacked(steps: dict[int, int], margins: dict[int, float] | None = None) -> list[Attacked]:
    return [Attacked(key, level, (margins or {}).get(key, 0.0)) for key, level in steps.items()]


def adversarial(
    images: list[Attacked], prototypes: int, criticisms: int, *, ties: Ties = "draw", seed: int = 0
) -> CategoryExamples:
    return by_steps_to_flip(
        images,
        most_steps=10,
        prototypes=prototypes,
        criticisms=criticisms,
        ties=ties,
        rng=rng(seed),
        images=TORCH,
    )


def test_prototypes_survive_every_step_and_criticisms_flip_at_the_first() -> None:
    examples = adversarial(attacked({1: 11, 2: 5, 3: 1, 4: 11, 5: 1, 6: 10}), 2, 2)
    assert set(picked(examples, "prototype")) == {1, 4}
    assert set(picked(examples, "criticism")) == {3, 5}
    assert not examples.shortages
    assert not flags(examples)


def test_a_shortage_takes_the_next_number_of_steps_and_says_so() -> None:
    steps = {1: 11, 2: 11, 3: 11, 4: 11, 5: 10, 6: 10, 7: 9, 8: 3}
    examples = adversarial(attacked(steps), 6, 0)
    assert set(picked(examples, "prototype")[:4]) == {1, 2, 3, 4}
    assert set(picked(examples, "prototype")[4:]) == {5, 6}
    assert examples.shortages == (
        "only 4 validation images of 'torch' survive 10 steps; two surviving 9 steps added",
    )
    assert flags(examples) == {5: "surviving 9 steps", 6: "surviving 9 steps"}


def test_a_shortage_of_criticisms_takes_the_next_smallest() -> None:
    examples = adversarial(attacked({1: 11, 2: 1, 3: 2, 4: 4, 5: 11}), 1, 3)
    assert picked(examples, "criticism") == [2, 3, 4]
    assert examples.shortages == (
        "only 1 validation image of 'torch' flips at step 1; one surviving 1 step, one surviving 3 steps "
        "added",
    )


def test_among_equal_steps_the_draw_decides_and_is_told() -> None:
    images = attacked(dict.fromkeys(range(40), 11))
    first, again, other = (adversarial(images, 6, 0, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert picked(first, "prototype") != picked(other, "prototype")
    (draw,) = first.draws
    assert draw.pool == 40
    assert draw.drawn == tuple(picked(first, "prototype"))
    assert draw.among == "prototype: validation images of 'torch' surviving all 10 steps"


def test_every_image_of_a_tie_has_the_same_chance() -> None:
    images = attacked(dict.fromkeys(range(5), 11))
    counts = np.zeros(5)
    for seed in range(2000):
        counts[picked(adversarial(images, 2, 0, seed=seed), "prototype")] += 1
    # 800 expected each; the standard deviation is 22.
    assert np.abs(counts - 800).max() < 110


def test_with_ties_by_margin_the_surest_survive_and_the_least_sure_flip() -> None:
    steps = {1: 11, 2: 11, 3: 11, 4: 1, 5: 1, 6: 1}
    margins = {1: 0.5, 2: 9.0, 3: 4.0, 4: 2.0, 5: 0.1, 6: 1.0}
    examples = adversarial(attacked(steps, margins), 2, 2, ties="margin")
    assert picked(examples, "prototype") == [2, 3]
    assert picked(examples, "criticism") == [5, 6]


def test_no_image_is_both() -> None:
    examples = adversarial(attacked({1: 11, 2: 11, 3: 10}), 2, 1)
    assert len({pick.key for pick in examples.picks}) == 3


def judged(values: dict[int, float]) -> list[Judged]:
    return [Judged(key, value) for key, value in values.items()]


def probability(images: list[Judged], prototypes: int, criticisms: int, seed: int = 0) -> CategoryExamples:
    return by_probability(
        images,
        prototypes=prototypes,
        criticisms=criticisms,
        above=0.9,
        below=0.1,
        rng=rng(seed),
        images=TORCH,
    )


def test_by_probability_draws_above_and_below_the_thresholds() -> None:
    values = {1: 0.95, 2: 0.91, 3: 0.9, 4: 0.5, 5: 0.1, 6: 0.09, 7: 0.001}
    examples = probability(judged(values), 2, 2)
    assert set(picked(examples, "prototype")) == {1, 2}
    assert set(picked(examples, "criticism")) == {6, 7}
    assert not examples.shortages


def test_by_probability_fills_up_with_the_nearest_flagged() -> None:
    examples = probability(judged({1: 0.95, 2: 0.8996, 3: 0.4, 4: 0.25, 5: 0.05}), 2, 2)
    assert picked(examples, "prototype") == [1, 2]
    assert picked(examples, "criticism") == [5, 4]
    assert flags(examples) == {
        2: "probability 0.899, not above 0.9",
        4: "probability 0.250, not below 0.1",
    }
    assert examples.shortages == (
        "only 1 validation image of 'torch' has a probability above 0.9; one with 0.9 or less added",
        "only 1 validation image of 'torch' has a probability below 0.1; one with 0.1 or more added",
    )


def test_at_random_takes_different_images_and_tells_the_draw() -> None:
    examples = at_random(list(range(100, 150)), prototypes=3, criticisms=3, rng=rng(), images=TORCH)
    both = picked(examples, "prototype") + picked(examples, "criticism")
    assert len(set(both)) == 6
    assert examples.draws[0].pool == 50
    assert list(examples.draws[0].drawn) == both
    assert at_random(list(range(100, 150)), prototypes=3, criticisms=3, rng=rng(), images=TORCH) == examples


def test_too_few_images_are_said_to_be_missing() -> None:
    examples = at_random([7, 8], prototypes=3, criticisms=0, rng=rng(), images=TORCH)
    assert examples.shortages == ("only 2 validation images of 'torch' are there; 1 missing",)


def critic(points: torch.Tensor, prototypes: int, criticisms: int) -> CategoryExamples:
    keys = [10 * index for index in range(len(points))]
    return by_mmd_critic(
        keys,
        points,
        prototypes=prototypes,
        criticisms=criticisms,
        parameters=MmdParameters(),
        images=TORCH,
    )


def test_mmd_critic_tells_the_witness_the_gamma_and_the_objective() -> None:
    points = torch.from_numpy(rng(4).normal(size=(40, 5)))
    examples = critic(points, 3, 3)
    assert len(picked(examples, "prototype")) == len(picked(examples, "criticism")) == 3
    assert all(pick.witness is not None for pick in examples.picks)
    assert list(examples.objective) == sorted(examples.objective)
    assert examples.gamma is not None
    assert examples.gamma > 0


def test_of_images_with_the_same_features_only_the_first_is_picked() -> None:
    points = torch.from_numpy(rng(4).normal(size=(8, 5)))
    points[6] = points[2]
    examples = critic(points, 4, 3)
    assert 60 not in {pick.key for pick in examples.picks}
    assert len(examples.picks) == 7
    assert examples.shortages == (
        "one of 8 validation images of 'torch' with exactly the features of an earlier one: only the first "
        "can be picked",
    )
    with pytest.raises(ValueError, match=r"Only 7 validation images of 'torch' differ.* 8 are asked"):
        critic(points, 4, 4)


def test_constant_features_are_refused() -> None:
    with pytest.raises(ConstantFeaturesError, match="All 6 validation images of 'torch' have the same"):
        critic(torch.ones((6, 3)), 1, 1)


def test_lambda_is_the_regulariser_or_gamma_but_not_both() -> None:
    assert MmdParameters(lambda_=0.5).regulariser_weight == 0.5
    assert MmdParameters(lambda_=0.5).kernel_gamma is None
    as_gamma = MmdParameters(lambda_=0.5, lambda_role="gamma")
    assert (as_gamma.kernel_gamma, as_gamma.regulariser_weight) == (0.5, 1.0)
    with pytest.raises(ValueError, match="leave one out"):
        MmdParameters(gamma=1.0, lambda_=0.5, lambda_role="gamma")
