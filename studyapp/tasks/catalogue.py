"""The import of datasets: every file decoded once in threads, rows written in batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from studyapp.models import Chunk, Dataset, Job
from studyapp.services import jobs
from studyapp.services.catalogue import importing as catalogue_import
from studyapp.services.catalogue.image_files import copy_to_storage
from studyapp.services.catalogue.importing import CheckedImage
from studyapp.services.catalogue.listings import LeftOut
from studyapp.services.catalogue.plan import ImportPlan, ImportRequest, PlannedImage, plan_import
from studyapp.services.jobs import FOREGROUND, ChunkPlan, JobPlan
from studyapp.tasks.chunks import job_function, work_at_what_is_missing
from studyapp.tasks.class_tables import imagenet_table

KIND = "import_dataset"
CHUNK = 250
_DEPTHS = {"CMYK": "CMYK converted to RGB", "I;16": "16 bits reduced to 8", "I": "16 bits reduced to 8"}


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import came to; `job` is set while the workers are still at it."""

    dataset: Dataset
    images: int
    imported: int
    skipped: tuple[LeftOut, ...]
    note: str
    job: Job | None


def import_dataset(
    request: ImportRequest, *, queue: str = FOREGROUND, progress: bool = True
) -> ImportSummary:
    """Import a dataset, or what it lacks where an import was interrupted or the folder has grown.

    In the foreground unless `queue` names one of the workers' queues. Raises Refused before anything
    is written, and JobFailure where the work itself fails.
    """
    plan = plan_import(request, imagenet=imagenet_table())
    dataset = catalogue_import.open_dataset(request=request, plan=plan)
    before = dataset.images.count()
    catalogue_import.write_left_out(dataset=dataset, left_out=plan.left_out)
    job = None
    if request.with_files:
        job = _import_files(dataset, plan, queue, progress)
    else:
        catalogue_import.write_names(dataset=dataset, images=plan.images)
    images = dataset.images.count()
    asked = {image.name for image in plan.images} | {file.name for file in plan.left_out}
    skipped = tuple(
        LeftOut(name, reason)
        for name, reason in dataset.skipped_files.values_list("name", "reason")
        if name in asked
    )
    return ImportSummary(dataset, images, images - before, skipped, plan.note, job)


@job_function(KIND)
def check_and_write(chunk: Chunk) -> None:
    """Decode and check the files of one chunk and write their rows."""
    from inference.prefetch import prefetch

    dataset = Dataset.objects.get(pk=chunk.payload["dataset"])
    threads = _threads()
    results = list(
        prefetch(
            partial(_check, dataset),
            [(name, category_id, split) for name, category_id, split in chunk.payload["images"]],
            workers=threads,
            ahead=2 * threads,
        )
    )
    catalogue_import.write_checked(
        dataset=dataset,
        images=[result for result in results if isinstance(result, CheckedImage)],
        left_out=[result for result in results if isinstance(result, LeftOut)],
    )


def _import_files(dataset: Dataset, plan: ImportPlan, queue: str, progress: bool) -> Job | None:
    """Go on with an interrupted import, then import what is left; the job where workers do it."""

    def begin(before: Job | None) -> Job | None:
        job_plan = JobPlan(
            kind=KIND,
            title=f"Import {dataset.name}",
            chunks=partial(_missing_chunks, dataset, plan, before),
            queue=queue,
            parameters={"dataset": dataset.name},
        )
        return jobs.begun_or_new_job(rows=Dataset.objects.filter(pk=dataset.pk), plan=job_plan)

    return work_at_what_is_missing(begin, queue=queue, progress=progress)


def _missing_chunks(dataset: Dataset, plan: ImportPlan, before: Job | None) -> list[ChunkPlan] | None:
    """Chunks of the images that the dataset lacks, but for files found bad since the job `before`."""
    left = catalogue_import.not_yet_imported(
        dataset=dataset, plan=plan, tried_since=before.created_at if before else None
    )
    return list(_chunks(dataset, left)) or None


def _chunks(dataset: Dataset, images: Sequence[PlannedImage]) -> Iterable[ChunkPlan]:
    categories = catalogue_import.category_ids(dataset)
    for first in range(0, len(images), CHUNK):
        part = images[first : first + CHUNK]
        rows = [[image.name, categories[image.entry.index], image.split] for image in part]
        yield ChunkPlan(payload={"dataset": dataset.pk, "images": rows}, size=len(part))


def _check(dataset: Dataset, planned: tuple[str, int, str]) -> CheckedImage | LeftOut:
    """Read and decode one file; runs in a thread and touches no database."""
    from inference.images import UnreadableImageError, inspect_image, read_source

    name, category_id, split = planned
    try:
        content = read_source(Path(dataset.root) / name)
        facts = inspect_image(content)
    except UnreadableImageError as problem:
        return LeftOut(name, str(problem).replace(f"{dataset.root}/", ""))
    if dataset.copied:
        copy_to_storage(dataset=dataset, sha256=facts.digest, content=content)
    remarks = [_DEPTHS[facts.mode]] if facts.mode in _DEPTHS else []
    if facts.frames > 1:
        remarks.append(f"first of {facts.frames} frames")
    if facts.exif_orientation != 1:
        remarks.append(f"turned upright (EXIF {facts.exif_orientation})")
    return CheckedImage(
        name=name,
        category_id=category_id,
        split=split,
        width=facts.width,
        height=facts.height,
        sha256=facts.digest,
        remark="; ".join(remarks),
    )


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
