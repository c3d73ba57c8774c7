"""Which images a run of explanations is of: those there are, and the draw among them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

import numpy as np
from django.db import transaction
from django.db.models import F, QuerySet

from studyapp.models import AdversarialImage, AttackRun, Dataset, ExplanationRun, Image
from studyapp.protocol.adversarial import AdversarialLabel
from studyapp.services.refusals import Refused


def mistaken(attack_run: AttackRun, adversarial_label: AdversarialLabel) -> QuerySet[AdversarialImage]:
    """What an attack made that the classifier mistakes: from the stored picture, or in float."""
    rows = attack_run.adversarial_images.filter(outcome=AdversarialImage.Outcome.ATTACKED)
    if adversarial_label == "float":
        return rows.exclude(float_predicted=None).exclude(float_predicted=F("true"))
    return rows.exclude(displayed_predicted=None).exclude(displayed_predicted=F("true"))


def eligible_images(
    *, dataset: Dataset, attack_run: AttackRun | None, adversarial_label: AdversarialLabel = "displayed"
) -> list[int]:
    """Primary keys of the images that can be explained, in order.

    Without an attack all of the dataset's; with one those whose attacked picture is mistaken. Raises
    Refused where there are none.
    """
    if attack_run is None:
        found = list(dataset.images.order_by("pk").values_list("pk", flat=True))
        if not found:
            raise Refused(f"Dataset {dataset.name} has no images yet; import them first.")
        return found
    found = list(mistaken(attack_run, adversarial_label).order_by("image").values_list("image_id", flat=True))
    if not found:
        reading = "stored 8-bit picture" if adversarial_label == "displayed" else "float result"
        raise Refused(
            f"Attack {attack_run.pk} made no image that {attack_run.classifier} mistakes by its {reading}: "
            "attack with more or longer steps, or name images by --images."
        )
    return found


def named_images(*, dataset: Dataset, names: Sequence[str], attack_run: AttackRun | None) -> list[int]:
    """Primary keys of images by name; raises Refused for unknown ones, and for those that lack an attack."""
    rows = {row.name: row for row in Image.objects.filter(dataset=dataset, name__in=names)}
    for name in names:
        if name not in rows:
            close = difflib.get_close_matches(
                name, dataset.images.values_list("name", flat=True).iterator(), n=3, cutoff=0.4
            )
            nearest = f"; nearest: {', '.join(close)}" if close else ""
            raise Refused(f"Dataset {dataset.name} has no image {name}{nearest}.")
    chosen = sorted(row.pk for row in rows.values())
    if attack_run is not None:
        outcomes = {row.image_id: row for row in attack_run.adversarial_images.filter(image__in=chosen)}
        for row in rows.values():
            attacked = outcomes.get(row.pk)
            if attacked is None or attacked.outcome != AdversarialImage.Outcome.ATTACKED:
                why = "no image of it" if attacked is None else attacked.get_outcome_display()
                raise Refused(
                    f"Attack {attack_run.pk} has no adversarial picture of {row.name} ({why}): explain its "
                    "clean version, or name another."
                )
    return chosen


@transaction.atomic
def extend_draw(
    *,
    runs: Sequence[ExplanationRun],
    eligible: Sequence[int],
    limit: int | None,
    everything: Callable[[ExplanationRun], bool],
) -> None:
    """Choose among `eligible` for runs that are explained together; what a run has chosen it keeps.

    `limit` draws so many, those that every run has already first, so that versions and methods stand side by
    side; without it all are chosen. `everything` says of a run that all of `eligible` are all that there are
    for it: its `chosen` then is empty.
    """
    held = [run for run in runs if run.chosen or run.explanations.exists()]
    if limit is None:
        wanted = sorted(eligible)
    else:
        common = set(eligible)
        for run in held:
            common &= set(run.chosen or eligible)
        wanted = _drawn(runs[0].seed, common if held else set(), eligible, limit)
    for run in runs:
        if limit is None and everything(run):
            chosen: list[int] = []
        elif run in held:
            chosen = sorted({*run.chosen, *wanted}) if run.chosen else []
        else:
            chosen = wanted
        if chosen != run.chosen:
            run.chosen = chosen
            run.save(update_fields=["chosen"])


def images_of(run: ExplanationRun) -> list[int]:
    """Primary keys of the images that a run is to have, in order."""
    if run.chosen:
        return sorted(run.chosen)
    label: AdversarialLabel = "float" if run.parameters.get("adversarial_label") == "float" else "displayed"
    return eligible_images(dataset=run.dataset, attack_run=run.attack_run, adversarial_label=label)


def _drawn(seed: int, there: set[int], eligible: Sequence[int], limit: int) -> list[int]:
    """What is there and, up to `limit`, images drawn among the rest."""
    order = np.random.default_rng(seed).permutation(len(eligible))
    drawn = [eligible[int(place)] for place in order]
    kept = [image for image in drawn if image in there]
    rest = [image for image in drawn if image not in there]
    return sorted([*kept, *rest][:limit])
