"""Thumbnails of a gallery: one strip of small pictures per image, found by a name that needs no look-up."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.files.storage import default_storage

from studyapp.models import AttackRun, ExplanationRun, Job, Study
from studyapp.services.gallery.filters import GalleryFilter
from studyapp.services.gallery.listing import wanted_images
from studyapp.services.gallery.scopes import Scope, attack_scope, explanations_scope, study_scope
from studyapp.services.jobs import ChunkPlan, start_job, unfinished_job
from studyapp.services.refusals import Refused

KIND = "gallery_thumbnails"
SIDE, GAP = 112, 4
# Another number whenever strips are drawn in another way: the old ones are then made anew.
VERSION = 1
ROWS_PER_CHUNK = 128
PANELS = ("clean", "adversarial", "difference", "explanation of clean", "explanation of adversarial")
CLEAN_PANELS = ("clean", "explanation", "weights")
# The largest difference is drawn this far from the middle grey.
_REACH, _MOST = 112, 64


@dataclass(frozen=True, slots=True)
class StripKeys:
    """The keys of what a strip shows; empty for an explanation that there is none of."""

    adversarial: str = ""
    clean_explanation: str = ""
    explanation: str = ""


def strip_digest(keys: StripKeys) -> str:
    """What a strip is called: it changes whenever another explanation is shown, and never otherwise."""
    parts = (str(VERSION), keys.adversarial, keys.clean_explanation, keys.explanation)
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:40]


def strip_name(digest: str) -> str:
    """Where a strip lies in storage."""
    return f"thumbs/strips/{digest[:2]}/{digest}.webp"


def strip_source(digest: str) -> str:
    """A strip as a data URI; empty where it is not made yet.

    A page carries its hundred strips with it: asking for each takes browser and server longer than the 14 KB
    that it brings.
    """
    try:
        with default_storage.open(strip_name(digest)) as file:
            return "data:image/webp;base64," + base64.b64encode(file.read()).decode("ascii")
    except FileNotFoundError:
        return ""


def strip_width(panels: Sequence[str]) -> int:
    """Pixels from the left edge of a strip's first picture to the right edge of its last."""
    return len(panels) * (SIDE + GAP) - GAP


def amplification(linf: float | None) -> int:
    """By how much a difference is multiplied to be seen, for the largest difference in grey levels of 255.

    The largest reaches 112 levels from the middle grey; at most 64 times.
    """
    if not linf or linf <= 0:
        return _MOST
    return max(min(int(_REACH // linf), _MOST), 1)


def start_strips(
    *, scope: Scope, method: str = "", explained: str = "", created_by: User | None = None
) -> Job:
    """The job that makes the strips of a gallery with a method's explanations; one under way is gone on with.

    `explained` is as in GalleryFilter: an attack's unexplained images are left out unless it is "0".
    Strips that are there are left as they are. Raises Refused for a gallery without images.
    """
    choice = scope.choice(method)
    parameters = {"gallery": scope.name, "method": choice.key if choice else "", "explained": explained}
    begun = unfinished_job(kind=KIND, parameters=parameters)
    if begun is not None and not begun.is_finished:
        return begun
    rows = list(
        wanted_images(scope, GalleryFilter(method=parameters["method"], explained=explained))
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    if not rows:
        raise Refused(f"Gallery {scope.name} has no images; thumbnails are made once there are some.")
    parts = [rows[start : start + ROWS_PER_CHUNK] for start in range(0, len(rows), ROWS_PER_CHUNK)]
    return start_job(
        kind=KIND,
        title=f"Thumbnails of {scope.title}"[:200],
        chunks=[ChunkPlan({**parameters, "rows": part}, len(part)) for part in parts],
        parameters=parameters,
        created_by=created_by,
    )


def start_strips_for_study(study: Study) -> list[Job]:
    """The job of a study's gallery, started once its pictures are there; none where it has no gallery."""
    return _started([study_scope(study)])


def start_strips_for_runs(runs: Iterable[ExplanationRun]) -> list[Job]:
    """The jobs of every gallery that shows these runs: of their attacks, else of their own."""
    return _started({scope.name: scope for run in runs for scope in _scopes_of(run)}.values())


def _started(scopes: Iterable[Scope]) -> list[Job]:
    return [start_strips(scope=scope) for scope in scopes if wanted_images(scope, GalleryFilter()).exists()]


def _scopes_of(run: ExplanationRun) -> list[Scope]:
    if run.attack_run is not None:
        return [attack_scope(run.attack_run)]
    attacks = AttackRun.objects.filter(
        dataset=run.dataset_id, classifier=run.classifier_id, explanation_runs__isnull=False
    )
    found = [attack_scope(attack) for attack in attacks.select_related("dataset", "classifier").distinct()]
    return found or [explanations_scope(run)]
