"""Writes of explanations: one row per run and image, found again by the two."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from studyapp.models import Explanation, ExplanationRun
from studyapp.services.explanations.images import images_of

Lack = Literal["weights", "picture", "path"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedImage:
    """What a method found for one image. Classes are indices in the classifier's list.

    `details`: flags, further figures, and under "shown" how `picture_file` shows the weights.
    """

    image_id: int
    adversarial_id: int | None
    category: int
    probability: float
    predicted: int
    predicted_probability: float
    explained_file: str
    segments_file: str
    weights: tuple[float, ...]
    intercept: float | None
    fit: float | None
    seed: int | None
    masks_sha256: str
    picture_file: str
    heat_file: str
    path: tuple[float, ...] = ()
    path_area: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnexplainedImage:
    """Why one image could not be explained."""

    image_id: int
    adversarial_id: int | None
    reason: str


def explanation_key(run: ExplanationRun, image_key: str) -> str:
    """The key of the explanation of an image: the same at every try, so that files are found again.

    Nobody can work it out who does not hold the installation's secret key.
    """
    mac = salted_hmac("studyapp.explanation", f"{run.pk}:{run.digest}:{image_key}", algorithm="sha256")
    return base64.urlsafe_b64encode(mac.digest()[:16]).rstrip(b"=").decode()


def mask_seed(run: ExplanationRun, image_id: int) -> int:
    """The seed of the masks of an image, in 0..2**32 - 1; it is stored with the explanation."""
    return int(np.random.SeedSequence([run.seed, image_id]).generate_state(1)[0])


def lacks(run: ExplanationRun, row: Explanation | None, *, path: int) -> Lack | None:
    """What an image's explanation lacks; `path`: frames of the explanation path that are asked for."""
    if row is None or row.outcome == Explanation.Outcome.FAILED:
        return "weights"
    if len(row.path) < min(path, row.superpixels):
        return "path"
    return "picture" if row.details.get("shown") != shown_of(run) else None


def shown_of(run: ExplanationRun) -> dict[str, Any]:
    """How the pictures of a run are to show their weights."""
    return {name: run.parameters[name] for name in ("superpixels", "rest")}


def lacking_images(run: ExplanationRun, *, path: int) -> list[int]:
    """The images of a run that something lacks of, in order; failed ones are tried again."""
    rows = {
        row.image_id: row
        for row in run.explanations.only("image_id", "outcome", "path", "superpixels", "details")
    }
    return [image for image in images_of(run) if lacks(run, rows.get(image), path=path)]


def open_runs(*, runs: Iterable[ExplanationRun]) -> None:
    """Mark runs unfinished that images without a row have been chosen for."""
    for run in runs:
        if _without_row(run):
            ExplanationRun.objects.filter(pk=run.pk).update(finished_at=None)
            run.finished_at = None


def finish_runs(*, runs: Iterable[ExplanationRun]) -> None:
    """Mark those runs finished that have a row, done or failed, for every image."""
    for run in runs:
        if not _without_row(run):
            ExplanationRun.objects.filter(pk=run.pk, finished_at=None).update(finished_at=timezone.now())


def describe_run(
    *, run: ExplanationRun, device: str, versions: Mapping[str, str], parameters: Mapping[str, Any]
) -> None:
    """Record what computes a run, and the parameters of the method with every default filled in."""
    run.parameters = {**parameters, **run.parameters, **_filled(run, parameters)}
    ExplanationRun.objects.filter(pk=run.pk).update(
        device=device[:100], versions=dict(versions), parameters=run.parameters
    )


@transaction.atomic
def write_explanations(
    *,
    run: ExplanationRun,
    categories: Mapping[int, int],
    image_keys: Mapping[int, str],
    done: Iterable[ExplainedImage] = (),
    failed: Iterable[UnexplainedImage] = (),
) -> None:
    """Write explanations, found again by run and image, so that the same may be written twice.

    `categories`: class index -> primary key. `image_keys`: image -> its own key.
    """
    rows = [_row(run, each, categories) for each in done] + [
        Explanation(
            run=run,
            image_id=each.image_id,
            adversarial_id=each.adversarial_id,
            outcome=Explanation.Outcome.FAILED,
            reason=each.reason[:300],
        )
        for each in failed
    ]
    for row in rows:
        row.key = explanation_key(run, image_keys[row.image_id])
    Explanation.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["run", "image"],
        update_fields=[
            each.name
            for each in Explanation._meta.concrete_fields
            if not each.primary_key and each.name not in ("run", "image")
        ],
    )


@transaction.atomic
def mend_explanation(
    *,
    row: Explanation,
    path: Sequence[float] = (),
    path_area: float | None = None,
    shown: Mapping[str, Any] | None = None,
) -> None:
    """Record a path that was added to an explanation, or how its picture is shown from now on."""
    if path:
        row.path, row.path_area = list(path), path_area
    if shown is not None:
        row.details = {**row.details, "shown": dict(shown)}
    row.save(update_fields=["path", "path_area", "details"])


def _row(run: ExplanationRun, each: ExplainedImage, categories: Mapping[int, int]) -> Explanation:
    return Explanation(
        run=run,
        image_id=each.image_id,
        adversarial_id=each.adversarial_id,
        outcome=Explanation.Outcome.DONE,
        category_id=categories[each.category],
        probability=each.probability,
        predicted_id=categories[each.predicted],
        predicted_probability=each.predicted_probability,
        explained_file=each.explained_file,
        segments_file=each.segments_file,
        superpixels=len(each.weights),
        positive=sum(weight > 0 for weight in each.weights),
        weights=list(each.weights),
        intercept=each.intercept,
        fit=each.fit,
        seed=each.seed,
        masks_sha256=each.masks_sha256,
        picture_file=each.picture_file,
        heat_file=each.heat_file,
        path=list(each.path),
        path_area=each.path_area,
        details=dict(each.details),
    )


def _without_row(run: ExplanationRun) -> bool:
    there = set(run.explanations.values_list("image_id", flat=True))
    return any(image not in there for image in images_of(run))


def _filled(run: ExplanationRun, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What the plan left open and the method decided, such as GradCAM's layer."""
    return {
        key: parameters[key] for key, value in run.parameters.items() if value is None and key in parameters
    }
