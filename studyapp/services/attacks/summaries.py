"""The counts of attack runs, read from their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Count, F, Q

from studyapp.analysis.attack_summary import (
    AttackedImages,
    AttackSummary,
    step_in_grey_levels,
    summarise,
)
from studyapp.analysis.intervals import Rate, wilson_rate
from studyapp.models import AdversarialImage, AttackRun
from studyapp.protocol.attack import AttackPlan
from studyapp.services.attacks.runs import images_to_attack, plan_of
from studyapp.services.predictions.runs import StandardErrors, standard_errors


@dataclass(frozen=True, slots=True)
class AttackFacts:
    """A run with its counts.

    `dataset`: the standard errors of its predictions over the whole dataset. `left`: images that are not
    attacked yet. `grey_levels`: one step in grey levels of 255, red, green, blue.
    """

    run: AttackRun
    summary: AttackSummary
    dataset: StandardErrors
    left: int
    grey_levels: tuple[float, float, float]


def attack_facts(*, run: AttackRun) -> AttackFacts:
    """Everything that the tables and figures of an attack are made of."""
    plan = plan_of(run)
    rows = run.adversarial_images
    counts = dict(rows.order_by().values_list("outcome").annotate(Count("pk")))
    attacked = list(
        rows.filter(outcome=AdversarialImage.Outcome.ATTACKED)
        .order_by("image")
        .values_list(
            "steps_to_flip", "steps_to_displayed_flip", "true", "float_predicted", "displayed_predicted"
        )
    )
    table = np.array(attacked, dtype=np.int64).reshape(len(attacked), 5)
    return AttackFacts(
        run=run,
        summary=summarise(
            AttackedImages(
                steps=plan.steps,
                to_flip=table[:, 0],
                to_displayed_flip=table[:, 1],
                float_wrong=table[:, 3] != table[:, 2],
                displayed_wrong=table[:, 4] != table[:, 2],
            ),
            wrong_at_start=counts.get(AdversarialImage.Outcome.WRONG_AT_START, 0),
            failed=counts.get(AdversarialImage.Outcome.FAILED, 0),
        ),
        dataset=standard_errors(run=run.prediction_run),
        left=images_to_attack(run=run).count(),
        grey_levels=step_in_grey_levels(
            step=plan.step,
            space=plan.space,
            step_std=plan.step_std,
            preprocessing=run.classifier.preprocessing,
        ),
    )


@dataclass(frozen=True, slots=True)
class AttackLine:
    """A run as lists show it: its counts, and how many of the attacked images' files are still right."""

    run: AttackRun
    plan: AttackPlan
    wrong_at_start: int
    failed: int
    standing: Rate


def attack_lines(*, runs: Sequence[AttackRun]) -> list[AttackLine]:
    """Runs with their counts, in one query however many there are."""
    outcome = AdversarialImage.Outcome
    right = Q(outcome=outcome.ATTACKED, displayed_predicted=F("true"))
    rows = (
        AdversarialImage.objects.filter(run__in=[run.pk for run in runs])
        .order_by()
        .values("run")
        .annotate(
            attacked=Count("pk", filter=Q(outcome=outcome.ATTACKED)),
            wrong=Count("pk", filter=Q(outcome=outcome.WRONG_AT_START)),
            failed=Count("pk", filter=Q(outcome=outcome.FAILED)),
            right=Count("pk", filter=right),
        )
    )
    found = {row["run"]: row for row in rows}
    nothing = {"attacked": 0, "wrong": 0, "failed": 0, "right": 0}
    return [
        AttackLine(
            run=run,
            plan=plan_of(run),
            wrong_at_start=counts["wrong"],
            failed=counts["failed"],
            standing=wilson_rate(counts["right"], counts["attacked"]),
        )
        for run in runs
        for counts in (found.get(run.pk, nothing),)
    ]
