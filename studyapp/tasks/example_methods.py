"""The methods of choosing examples, from what the database and the feature files hold of a category."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from studyapp.models import AdversarialImage, Category, ExampleSelection, Prediction
from studyapp.services.examples.plan import images_word
from studyapp.services.examples.selections import ChosenCategory, ChosenExample
from studyapp.services.jobs import JobFailure
from studyapp.services.predictions.features import stored_features
from studyapp.services.refusals import Refused
from studyapp.tasks import classifiers

if TYPE_CHECKING:
    from explain.picks import CategoryExamples
    from explain.selection import LambdaRole, MmdParameters, Ties

Method = ExampleSelection.Method


@dataclass(slots=True)
class _Known:
    """What the runs say of a category's images, by image id.

    `probability`: of their own category; `at_most`: a bound on it where it is not among the ranks that are
    kept. `margin`: log p(category) - log of the largest other. `steps`: to flip, of images that were right
    before the attack.
    """

    probability: dict[int, float] = field(default_factory=dict)
    at_most: dict[int, float] = field(default_factory=dict)
    margin: dict[int, float] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)


def choose(
    selection: ExampleSelection, category: Category, images: Sequence[int], *, index: int
) -> ChosenCategory:
    """Choose the examples of a category among `images`; `index`: its class in the classifier's list.

    Raises JobFailure where they can not be chosen.
    """
    known = _known(selection, images, index)
    try:
        found = _METHODS[Method(selection.method)](selection, category, images, known)
    except ValueError as problem:
        raise JobFailure(
            f"Category {category.name}: {problem}", "Or choose for the other categories only, by naming them."
        ) from problem
    return ChosenCategory(
        category_id=category.pk,
        examples=tuple(
            ChosenExample(
                image_id=pick.key,
                role=pick.role,
                rank=pick.rank,
                steps_to_flip=known.steps.get(pick.key),
                probability=known.probability.get(pick.key),
                witness=pick.witness,
                flag=pick.flag,
            )
            for pick in found.picks
        ),
        shortages=found.shortages,
        drawn={
            "images": len(images),
            "draws": [
                {"among": draw.among, "pool": draw.pool, "drawn": list(draw.drawn)} for draw in found.draws
            ],
            "gamma": found.gamma,
            "objective": list(found.objective),
        },
    )


def mmd_parameters(parameters: Mapping[str, object]) -> MmdParameters:
    """MMD-critic's parameters as a selection stores them; raises Refused where they contradict each other."""
    from explain.selection import MmdParameters

    try:
        return MmdParameters(
            gamma=cast("float | None", parameters["gamma"]),
            lambda_=cast("float", parameters["lambda"]),
            lambda_role=cast("LambdaRole", parameters["lambda_role"]),
        )
    except ValueError as problem:
        raise Refused(str(problem)) from problem


def _by_mmd_critic(
    selection: ExampleSelection, category: Category, images: Sequence[int], known: _Known
) -> CategoryExamples:
    import torch

    from explain.selection import by_mmd_critic
    from inference.classifiers import available_device

    run = selection.feature_run
    features = stored_features(run=run) if run is not None else None
    if features is None:
        raise JobFailure(f"The features of {selection.dataset.name} are gone.", "Run select_examples again.")
    keys, rows = features.of(images)
    device = torch.device(classifiers.device() or available_device())
    # Sums of thousands of kernel values decide between candidates that are nearly equal.
    wide = torch.float32 if device.type == "mps" else torch.float64
    found = by_mmd_critic(
        keys,
        torch.from_numpy(rows).to(device, wide),
        prototypes=selection.prototypes,
        criticisms=selection.criticisms,
        parameters=mmd_parameters(selection.parameters),
        images=_noun(selection, category),
    )
    lacking = len(images) - len(keys)
    if not lacking:
        return found
    unread = f"{lacking} of {len(images):,} {_noun(selection, category)} could not be read and were left out"
    return replace(found, shortages=(*found.shortages, unread))


def _by_steps(
    selection: ExampleSelection, category: Category, images: Sequence[int], known: _Known
) -> CategoryExamples:
    from explain.selection import Attacked, by_steps_to_flip

    return by_steps_to_flip(
        [Attacked(key, known.steps[key], known.margin.get(key, 0.0)) for key in images if key in known.steps],
        most_steps=int(selection.parameters["steps"]),
        prototypes=selection.prototypes,
        criticisms=selection.criticisms,
        ties=cast("Ties", selection.parameters["ties"]),
        rng=_rng(selection, category),
        images=_noun(selection, category),
    )


def _by_probability(
    selection: ExampleSelection, category: Category, images: Sequence[int], known: _Known
) -> CategoryExamples:
    from explain.selection import Judged, by_probability

    judged = [Judged(key, known.probability[key]) for key in images if key in known.probability]
    judged += [Judged(key, known.at_most[key], exact=False) for key in images if key in known.at_most]
    return by_probability(
        judged,
        prototypes=selection.prototypes,
        criticisms=selection.criticisms,
        above=float(selection.parameters["above"]),
        below=float(selection.parameters["below"]),
        rng=_rng(selection, category),
        images=_noun(selection, category),
    )


def _at_random(
    selection: ExampleSelection, category: Category, images: Sequence[int], known: _Known
) -> CategoryExamples:
    from explain.selection import at_random

    return at_random(
        images,
        prototypes=selection.prototypes,
        criticisms=selection.criticisms,
        rng=_rng(selection, category),
        images=_noun(selection, category),
    )


_METHODS: dict[
    ExampleSelection.Method,
    Callable[[ExampleSelection, Category, Sequence[int], _Known], CategoryExamples],
] = {
    Method.MMD_CRITIC: _by_mmd_critic,
    Method.ADVERSARIAL: _by_steps,
    Method.PROBABILITY: _by_probability,
    Method.RANDOM: _at_random,
}


def _known(selection: ExampleSelection, images: Sequence[int], index: int) -> _Known:
    known = _Known()
    if selection.prediction_run_id is not None:
        rows = Prediction.objects.filter(run=selection.prediction_run_id, image__in=images)
        for row in rows.only("image_id", "ranking", "probabilities"):
            _note_prediction(known, row, index)
    if selection.attack_run_id is not None:
        attacked = AdversarialImage.objects.filter(
            run=selection.attack_run_id, image__in=images, outcome=AdversarialImage.Outcome.ATTACKED
        )
        for image, steps in attacked.values_list("image", "steps_to_flip"):
            if steps:
                known.steps[image] = steps
    return known


def _note_prediction(known: _Known, row: Prediction, index: int) -> None:
    by_class = dict(zip(row.ranking, row.probabilities, strict=False))
    if not by_class:
        return
    own = by_class.pop(index, None)
    if own is None:
        known.at_most[row.image_id] = min(by_class.values())
        return
    known.probability[row.image_id] = own
    other = max(by_class.values(), default=0.0)
    smallest = float(np.finfo(np.float32).tiny)
    known.margin[row.image_id] = math.log(max(own, smallest)) - math.log(max(other, smallest))


def _noun(selection: ExampleSelection, category: Category) -> str:
    return f"{images_word(selection.split)} of '{category.name}'"


def _rng(selection: ExampleSelection, category: Category) -> np.random.Generator:
    """A generator per category, so that what is drawn for one does not depend on the others."""
    return np.random.default_rng([selection.seed, category.index])
