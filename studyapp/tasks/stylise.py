"""Stylised copies of datasets, in chunks that resume; a copy becomes a dataset once every file is checked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.db.models import Q

from studyapp.models import Chunk, Dataset, Job, StyliseRun
from studyapp.services import jobs
from studyapp.services.jobs import FOREGROUND, ChunkPlan, JobFailure, JobPlan
from studyapp.services.probes import stylising
from studyapp.services.probes.stylising import StyliseRequest
from studyapp.tasks.chunks import job_function, work_or_hand_over
from studyapp.tasks.style_sources import check_enough, read_styles, refuse_unfit, weights_digests
from studyapp.tasks.stylised_files import (
    clear_parts,
    damaged_pictures,
    write_labels,
    write_stylised,
)

KIND = "stylise"
CHUNK = 64


@dataclass(frozen=True, slots=True)
class StyliseSummary:
    """What a command came to; `job` is set while the workers are still at it."""

    run: StyliseRun
    images: int
    problems: tuple[tuple[str, str], ...]
    job: Job | None


def stylise(
    content: Dataset, request: StyliseRequest, *, queue: str = FOREGROUND, progress: bool = True
) -> StyliseSummary:
    """Write a stylised copy of a dataset and register it, or go on with one that was interrupted.

    In the foreground unless `queue` names one of the workers' queues. Raises Refused before anything is
    written, and JobFailure where the work fails or the copy is not complete.
    """
    refuse_unfit(content, request)
    weights = weights_digests(request)
    run = stylising.begun_run(request=request, content=content, weights=weights)
    if run is None:
        styles, unreadable = read_styles(request.styles, progress=progress)
        check_enough(request, len(styles), unreadable)
        run = stylising.open_run(
            request=request, content=content, weights=weights, styles=styles, unreadable=unreadable
        )
    # A copy whose dataset was deleted is registered again; its files are still there.
    if run.finished_at is not None and run.stylised is not None:
        return _summary(run, None)
    job = jobs.job_of_runs(
        runs=StyliseRun.objects.filter(Q(finished_at=None) | Q(stylised=None), pk=run.pk),
        plan=JobPlan(
            kind=KIND,
            title=f"Stylise {content.name} as {run.name}",
            chunks=partial(_chunks, run),
            queue=queue,
            parameters={"run": run.pk},
        ),
    )
    waiting = work_or_hand_over(job, queue=queue, progress=progress)
    run.refresh_from_db()
    return _summary(run, waiting)


def _finish(job: Job) -> None:
    """Check that every file is there, decodes and is what was written; mend what is not; register."""
    run = StyliseRun.objects.select_related("content").get(pk=job.parameters["run"])
    damaged = list(damaged_pictures(run, run.pictures.filter(problem="")))
    for start in range(0, len(damaged), CHUNK):
        write_stylised(run, damaged[start : start + CHUNK])
    lost = list(damaged_pictures(run, run.pictures.filter(pk__in=damaged, problem="")))
    if lost:
        name = run.pictures.get(pk=lost[0]).name
        raise JobFailure(
            f"{len(lost):,} pictures are not what was written, {name} for one.",
            f"See that nothing else writes to {run.folder}, then retry.",
        )
    if not run.pictures.exclude(sha256="").exists():
        raise JobFailure(
            f"No image of {run.content.name} could be read.",
            "Put the files back where they were and give another OUT.",
        )
    clear_parts(run)
    write_labels(run)
    stylising.register_stylised(run=run)


@job_function(KIND, finish=_finish)
def stylise_chunk(chunk: Chunk) -> None:
    """Write the pictures of one chunk that are not there yet."""
    run = StyliseRun.objects.select_related("content").get(pk=chunk.payload["run"])
    pictures = run.pictures.filter(pk__gte=chunk.payload["first"], pk__lte=chunk.payload["last"])
    folder = Path(run.folder)
    write_stylised(
        run,
        [
            pk
            for pk, name, sha256 in pictures.order_by("pk").values_list("pk", "name", "sha256")
            if not sha256 or not (folder / name).is_file()
        ],
    )


def _chunks(run: StyliseRun) -> list[ChunkPlan]:
    keys = list(run.pictures.order_by("pk").values_list("pk", flat=True))
    parts = [keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK)]
    return [
        ChunkPlan(payload={"run": run.pk, "first": part[0], "last": part[-1]}, size=len(part))
        for part in parts
    ]


def _summary(run: StyliseRun, job: Job | None) -> StyliseSummary:
    skipped = run.stylised.skipped_files.values_list("name", "reason") if run.stylised else ()
    images = run.stylised.images.count() if run.stylised else 0
    return StyliseSummary(run, images, tuple(skipped), job)
