"""Shift probes: what classifiers say of a picture at every place of a patch or window, resumable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from studyapp.models import Chunk, Classifier, Job, ShiftMaps, ShiftRun
from studyapp.services import jobs
from studyapp.services.jobs import FOREGROUND, ChunkPlan, JobPlan
from studyapp.services.probes import shift_runs
from studyapp.services.probes.shift_maps import PROBABILITY, MapSet
from studyapp.services.probes.shift_runs import AskedClassifier
from studyapp.services.refusals import Refused
from studyapp.tasks.chunks import job_function, work_or_hand_over
from studyapp.tasks.classifiers import load_prepared
from studyapp.tasks.provenance import device_name, library_versions
from studyapp.tasks.shift_sources import ShiftSource, shift_set, stored_set

if TYPE_CHECKING:
    from inference.perturbations.shift import ShiftSet
    from inference.prepared import PreparedClassifier

KIND = "shift"
CHUNK = 1_024
#: The layer's name that asks for no cosines.
NO_LAYER = "none"


def probe_shift(
    source: ShiftSource,
    classifiers: Sequence[Classifier],
    *,
    target: int,
    layers: Sequence[str],
    queue: str = FOREGROUND,
    progress: bool = True,
) -> tuple[ShiftRun, Job | None]:
    """Map the probability of class `target`, and the cosines with five anchors, over every place.

    `layers`: one name for each classifier, or "none" for the probability alone. Returns the run, and the job
    where workers do it; repeating a complete run does nothing. Raises Refused before anything is written:
    pictures that do not fit, a class or a layer that is not there, a classifier that has no network or does
    not take pictures of that size; and JobFailure where the work fails.
    """
    _refuse_unfit(classifiers)
    target_name = shift_runs.class_asked(target, classifiers)
    shift, facts = shift_set(source)
    asked = [_asked(classifier, layer, shift) for classifier, layer in zip(classifiers, layers, strict=True)]
    run = shift_runs.open_shift_run(facts=facts, target=target, target_name=target_name, asked=asked)
    if run.finished_at is not None:
        return run, None
    job = jobs.job_of_runs(
        runs=ShiftRun.objects.filter(pk=run.pk, finished_at=None),
        plan=JobPlan(
            kind=KIND,
            title=f"Shift maps: {run.title}"[:200],
            chunks=partial(_chunks, run, len(asked)),
            queue=queue,
            parameters={"run": run.pk},
            unit="pictures",
        ),
    )
    waiting = work_or_hand_over(job, queue=queue, progress=progress)
    run.refresh_from_db()
    return run, waiting


def _finish(job: Job) -> None:
    run = ShiftRun.objects.get(pk=job.parameters["run"])
    parts: dict[int, list[int]] = {}
    for chunk in job.chunks.order_by("number"):
        parts.setdefault(chunk.payload["position"], []).append(chunk.number)
    shift_runs.finish_run(run=run, parts=parts)


def _lost(job: Job) -> list[int]:
    """Chunks whose part is gone from storage before their classifier's maps were put together."""
    run = ShiftRun.objects.get(pk=job.parameters["run"])
    gone = [chunk for chunk in job.chunks.order_by("number") if not shift_runs.has_part(run, chunk.number)]
    # Read after the parts: once they are put together they are deleted, and not lost.
    written = set(run.maps.exclude(file="").values_list("position", flat=True))
    return [chunk.number for chunk in gone if chunk.payload["position"] not in written]


@job_function(KIND, finish=_finish, lost=_lost)
def map_chunk(chunk: Chunk) -> None:
    """Map a range of places with one classifier and keep what it said."""
    from inference.features import find_layer
    from inference.shift_maps import shift_answers

    row = ShiftMaps.objects.select_related("run", "classifier").get(
        run=chunk.payload["run"], position=chunk.payload["position"]
    )
    run = row.run
    if row.file or shift_runs.has_part(run, chunk.number):
        return
    prepared = load_prepared(row.classifier)
    shift_runs.describe_run(
        run=run,
        device=device_name(prepared.classifier.device),
        versions=library_versions("torch", "pillow", "numpy"),
    )
    name = run.parameters["layers"][row.position]
    answers = list(
        shift_answers(
            prepared,
            _on_device(stored_set(run), prepared),
            target=run.target,
            layer=find_layer(prepared.classifier, name) if name else None,
            numbers=range(chunk.payload["first"], chunk.payload["last"] + 1),
        )
    )
    maps = {PROBABILITY: np.concatenate([each.probability for each in answers])}
    for anchor in answers[0].cosine:
        maps[anchor.replace(" ", "-")] = np.concatenate([each.cosine[anchor] for each in answers])
    top1 = np.concatenate([each.top1 for each in answers])
    shift_runs.write_part(run=run, number=chunk.number, part=MapSet(maps, top1))


def _asked(classifier: Classifier, layer: str, shift: ShiftSet) -> AskedClassifier:
    """The classifier, seen to take the pictures and to have the layer."""
    import torch

    from inference.features import UnknownLayerError, find_layer

    prepared = load_prepared(classifier)
    first = _on_device(shift, prepared).pictures(torch.tensor([0]))
    try:
        prepared.logits(first)
    except RuntimeError as problem:
        raise Refused(
            f"{classifier.name} does not take pictures of {first.shape[2]} x {first.shape[1]} pixels "
            f"({problem}): give the --side that it takes."
        ) from problem
    if layer == NO_LAYER:
        return AskedClassifier(classifier)
    try:
        return AskedClassifier(classifier, str(find_layer(prepared.classifier, layer)), layer)
    except UnknownLayerError as problem:
        raise Refused(f"{problem} Without cosines: --layer {NO_LAYER}.") from problem


def _on_device(shift: ShiftSet, prepared: PreparedClassifier) -> ShiftSet:
    from inference.perturbations.shift import PatchShift

    device = prepared.classifier.device
    if isinstance(shift, PatchShift):
        return replace(shift, background=shift.background.to(device), patch=shift.patch.to(device))
    return replace(shift, picture=shift.picture.to(device))


def _refuse_unfit(classifiers: Sequence[Classifier]) -> None:
    for classifier in classifiers:
        if classifier.source == Classifier.Source.ELSEWHERE:
            raise Refused(
                f"Classifier {classifier.name} has no network here; bring its maps in with import_shift_maps."
            )
    names = [classifier.name for classifier in classifiers]
    if len(set(names)) < len(names):
        raise Refused(f"The classifiers {', '.join(names)} are not all different; name each once.")


def _chunks(run: ShiftRun, classifiers: int) -> list[ChunkPlan]:
    return [
        ChunkPlan(
            payload={
                "run": run.pk,
                "position": position,
                "first": first,
                "last": min(first + CHUNK, run.places) - 1,
            },
            size=min(CHUNK, run.places - first),
        )
        for position in range(classifiers)
        for first in range(0, run.places, CHUNK)
    ]
