"""A job kind for the tests: writes one row for each name of its chunk, slowly where asked.

Loaded by real workers with `celery worker --include tests.studyapp_tests.toy_jobs`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from studyapp.models import Chunk, ClassList, Dataset, Job, SkippedFile
from studyapp.services.jobs import ChunkPlan, JobFailure, start_job
from studyapp.tasks.chunks import job_function, job_stream, work_one_turn


def dataset_for_rows() -> Dataset:
    class_list, _ = ClassList.objects.get_or_create(digest="toy", defaults={"name": "toy"})
    found, _ = Dataset.objects.get_or_create(
        name="toy", defaults={"layout": Dataset.Layout.NAMES, "class_list": class_list}
    )
    return found


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


def said(folder: Path) -> list[tuple[str, int]]:
    """What closings have written down in a folder, in order: "begun" or "ended", and the process."""
    log = folder / "closings"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(word, int(process)) for word, process in (line.split() for line in lines)]


def say(folder: Path, word: str) -> None:
    with (folder / "closings").open("a") as log:
        log.write(f"{word} {os.getpid()}\n")


def wait_for(file: Path) -> None:
    """Wait until a file is there, at most four minutes."""
    ends = time.monotonic() + 240
    while not file.exists():
        if time.monotonic() > ends:
            raise TimeoutError(f"{file} never came")
        time.sleep(0.01)


def close_when_told(job: Job) -> None:
    """Say that it has begun, wait for the file `go`, say that it has ended."""
    folder = Path(job.parameters["folder"])
    say(folder, "begun")
    wait_for(folder / "go")
    say(folder, "ended")


@job_function("toy_closes", finish=close_when_told)
def closes(chunk: Chunk) -> None:
    write_rows(chunk)


def job_to_close(folder: Path, *, queue: str = "default") -> Job:
    """A job whose chunks are all done, and which nobody has closed; that waits for `go` in the folder."""
    dataset = dataset_for_rows()
    job = start_job(
        kind="toy_closes",
        title="Toy",
        chunks=plans(dataset, chunks=2),
        unit="rows",
        queue=queue,
        parameters={"folder": str(folder)},
    )
    job.chunks.update(state=Chunk.State.DONE)
    Job.objects.filter(pk=job.pk).update(state=Job.State.RUNNING, done=8)
    job.refresh_from_db()
    return job


def close_beside_another(*keys: int) -> None:
    """Take a turn at each of some jobs at the same moment as another process does, and let it close."""
    for job in [Job.objects.get(pk=key) for key in keys]:
        folder = Path(job.parameters["folder"])
        (folder / f"ready-{os.getpid()}").touch()
        while len(list(folder.glob("ready-*"))) < 2:
            time.sleep(0.001)
        work_one_turn(job, seconds=None)
        (folder / "go").touch()
