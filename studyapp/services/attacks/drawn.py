"""Attacks on drawn categories: one draw, however many commands ask for it at once."""

from __future__ import annotations

import numpy as np
from django.db import transaction

from studyapp.models import AttackRun, Classifier, Dataset
from studyapp.protocol.attack import AttackPlan
from studyapp.services.attacks.runs import open_attack_run, parameters_of
from studyapp.services.refusals import Refused


@transaction.atomic
def open_drawn_attack(
    *, dataset: Dataset, classifier: Classifier, plan: AttackPlan, count: int, seed: int | None
) -> AttackRun:
    """The run on `count` categories drawn with `seed`; without one the newest alike, or one with a new seed.

    Of processes that ask for a draw at once, one draws and the others are given its run. Raises Refused where
    there are not so many categories, or no predictions.
    """
    if seed is None:
        # Locked while we look: a draw of another process is there when this one looks.
        Classifier.objects.select_for_update().get(pk=classifier.pk)
        earlier = _earlier_draw(dataset=dataset, classifier=classifier, plan=plan, count=count)
        if earlier is not None:
            return earlier
        seed = int(np.random.default_rng().integers(2**31))
    drawn = _drawn(dataset=dataset, count=count, seed=seed)
    return open_attack_run(dataset=dataset, classifier=classifier, plan=plan, categories=drawn, seed=seed)


def _drawn(*, dataset: Dataset, count: int, seed: int) -> list[int]:
    """`count` of the categories that the dataset has images of, drawn with `seed`; their ids, sorted.

    Raises Refused where there are not so many.
    """
    used = list(dataset.images.order_by("category__index").values_list("category_id", flat=True).distinct())
    if not 1 <= count <= len(used):
        raise Refused(
            f"{count} categories can not be drawn: {dataset.name} has images of {len(used):,}; give "
            f"--categories 1 to {len(used)}, or leave it out for all."
        )
    drawn = np.random.default_rng(seed).permutation(len(used))[:count]
    return sorted(used[int(place)] for place in drawn)


def _earlier_draw(
    *, dataset: Dataset, classifier: Classifier, plan: AttackPlan, count: int
) -> AttackRun | None:
    """The newest run with these parameters on so many drawn categories: a repeated command finds it."""
    runs = AttackRun.objects.filter(
        dataset=dataset, classifier=classifier, weights_sha256=classifier.weights_sha256
    ).exclude(seed=None)
    return next(
        (
            run
            for run in runs.order_by("-pk")
            if run.parameters == parameters_of(plan) and len(run.categories) == count
        ),
        None,
    )
