"""Jobs on real workers and real brokers: killed, restarted, with their message lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from studyapp.models import Chunk, Job, SkippedFile
from studyapp.services import jobs
from tests.conftest import ROOT
from tests.studyapp_tests.toy_jobs import dataset_for_rows, plans
from tests.studyapp_tests.workers import Worker, process_environment, redis_url, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

CHUNKS, SIZE = 6, 4
ALL = [f"row-{chunk:03}-{item}" for chunk in range(CHUNKS) for item in range(SIZE)]


@pytest.fixture(params=["filesystem", pytest.param("redis", marks=pytest.mark.redis)])
def broker(request: pytest.FixtureRequest) -> str:
    return redis_url() if request.param == "redis" else ""


def queued_job(*, pause: float = 0.0) -> Job:
    """A job whose own message goes to a broker that no worker listens to: it is lost."""
    dataset = dataset_for_rows()
    return jobs.start_job(
        kind="toy_rows",
        title="Toy",
        chunks=plans(dataset, chunks=CHUNKS, size=SIZE, pause=pause),
        unit="rows",
        parameters={"dataset": dataset.pk},
    )


def is_done(job: Job) -> bool:
    return Job.objects.get(pk=job.pk).state == Job.State.DONE


def rows() -> list[str]:
    return list(SkippedFile.objects.order_by("name").values_list("name", flat=True))


def test_a_worker_killed_half_way_resumes_without_a_missing_or_doubled_row(
    tmp_path: Path, broker: str
) -> None:
    job = queued_job(pause=0.15)
    with Worker(tmp_path, broker) as worker:
        # Half-way through a chunk: some of its rows are written, it is not done.
        wait_until(lambda: SkippedFile.objects.count() >= 2 * SIZE + 1, what="the third chunk's first row")
        worker.kill()
    assert job.chunks.filter(state=Chunk.State.CLAIMED).count() == 1
    assert SkippedFile.objects.count() < len(ALL)
    with Worker(tmp_path, broker):
        wait_until(lambda: is_done(job), what="the rest of the job")
    job.refresh_from_db()
    assert rows() == ALL
    assert job.done == job.total == len(ALL)
    attempts = list(job.chunks.order_by("number").values_list("attempts", flat=True))
    assert sum(attempts) == CHUNKS + 1


def test_a_bell_brings_a_running_worker_to_a_new_job(tmp_path: Path, broker: str) -> None:
    with Worker(tmp_path, broker):
        log = tmp_path / "worker.log"
        wait_until(lambda: "ready." in log.read_text(), what="the worker's start")
        job = queued_job()
        subprocess.run(
            [
                *(sys.executable, "manage.py", "shell", "--no-imports", "-c"),
                "from studyapp.models import Job; from studyapp.services.jobs import ring; "
                f"ring(Job.objects.get(pk={job.pk}), bells=3)",
            ],
            cwd=ROOT,
            env=dict(process_environment(tmp_path, broker)),
            check=True,
        )
        wait_until(lambda: is_done(job), what="the job")
    assert rows() == ALL
    job.refresh_from_db()
    assert job.done == len(ALL)


def test_two_workers_share_a_job_and_do_every_chunk_once(tmp_path: Path, broker: str) -> None:
    job = queued_job(pause=0.02)
    with Worker(tmp_path, broker), Worker(tmp_path, broker):
        wait_until(lambda: is_done(job), what="the job")
    assert rows() == ALL
    assert set(job.chunks.values_list("attempts", flat=True)) == {1}


def test_a_broker_that_is_away_loses_only_the_bell(tmp_path: Path) -> None:
    script = (
        "from studyapp.models import Dataset; from studyapp.services.jobs import start_job; "
        "from tests.studyapp_tests.toy_jobs import dataset_for_rows, plans; "
        "start_job(kind='toy_rows', title='Toy', chunks=plans(dataset_for_rows(), chunks=6), unit='rows')"
    )
    subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", script],
        cwd=ROOT,
        env={**process_environment(tmp_path, "redis://127.0.0.1:9/0"), "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=60,
    )
    job = Job.objects.get()
    with Worker(tmp_path):
        wait_until(lambda: is_done(job), what="the job")
    assert rows() == ALL
