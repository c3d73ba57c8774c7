"""A job kind for the tests: writes one row for each name of its chunk, slowly where asked.

Loaded by real workers with `celery worker --include tests.studyapp_tests.toy_jobs`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from studyapp.models import Chunk, ClassList, Dataset, Job, SkippedFile
from studyapp.services.jobs import ChunkPlan, JobFailure
from studyapp.tasks.chunks import job_function, job_stream


def dataset_for_rows() -> Dataset:
    class_list = ClassList.objects.create(name="toy", digest="toy")
    return Dataset.objects.create(name="toy", layout=Dataset.Layout.NAMES, class_list=class_list)


def plans(dataset: Dataset, *, chunks: int, size: int = 4, **extra: object) -> list[ChunkPlan]:
    """`chunks` chunks of `size` names each."""
    return [
        ChunkPlan(
            payload={
                "dataset": dataset.pk,
                "names": [f"row-{number:03}-{item}" for item in range(size)],
                **extra,
            },
            size=size,
        )
        for number in range(chunks)
    ]


def write_rows(chunk: Chunk) -> None:
    """Upsert the rows, with a pause in the middle in which a worker can be killed half-way."""
    for name in chunk.payload["names"]:
        SkippedFile.objects.update_or_create(
            dataset_id=chunk.payload["dataset"], name=name, defaults={"reason": "written"}
        )
        time.sleep(chunk.payload.get("pause", 0))


@job_function("toy_rows")
def rows(chunk: Chunk) -> None:
    write_rows(chunk)


@job_function("toy_needs_file")
def needs_file(chunk: Chunk) -> None:
    Path(chunk.payload["file"]).read_text()
    write_rows(chunk)


@job_function("toy_refuses")
def refuses(chunk: Chunk) -> None:
    raise JobFailure("The shelf is empty.", "Fill the shelf.")


def close(job: Job) -> None:
    dataset = Dataset.objects.get(pk=job.parameters["dataset"])
    SkippedFile.objects.update_or_create(dataset=dataset, name="closed", defaults={"reason": str(job.done)})


@job_stream("toy_ahead", finish=close)
def ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Always holds one chunk more than it works at."""
    current = next(chunks, None)
    while current is not None:
        following = next(chunks, None)
        write_rows(current)
        yield current
        current = following
