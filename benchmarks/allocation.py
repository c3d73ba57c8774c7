"""Next question + answer at 1,000,000 questions against 10,000, on PostgreSQL, 16 at a time.

    python -m benchmarks.allocation [--questions 1000000]

Sixteen participants in two processes (as the web server has) call the product's own services,
`next_question` and `record_answer`; the two sizes alternate in the same run on the same server. The
server is the one of SECOND_LOOK_TEST_POSTGRES (default: this account at 127.0.0.1); a database of its
own is made and dropped. The run ends with a contested study, in which sixteen people compete for the
last answers, and counts what was lost, doubled or went beyond N in all three.
"""

from __future__ import annotations

import argparse
import getpass
import multiprocessing
import os
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import psycopg

from benchmarks.claims import not_measured, ratio_at_most, report, value_at_most

SMALL, CONTESTED = 10_000, 60
PROCESSES, PARTICIPANTS, ROUNDS, ANSWERS = 2, 16, 3, 20
SPEED = "next question + answer, 16 participants, PostgreSQL, p95 at {:,} against {:,} questions, seconds"
EXACT = "answers lost, doubled or beyond N in that run"


@dataclass(frozen=True, slots=True)
class Served:
    """What one participant was served: seconds of every question and answer, and the answers' keys."""

    seconds: tuple[float, ...]
    answers: tuple[int, ...]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=1_000_000, help="size of the large study")
    large = parser.parse_args().questions
    claim = SPEED.format(large, SMALL)
    server = os.environ.get("SECOND_LOOK_TEST_POSTGRES") or (
        f"postgres://{getpass.getuser()}@127.0.0.1:5432/postgres"
    )
    try:
        psycopg.connect(server, connect_timeout=3).close()
    except psycopg.OperationalError as error:
        print(f"not measured: no PostgreSQL answers ({error})", file=sys.stderr)
        report([not_measured(claim, target="<= 1.5"), not_measured(EXACT, target="<= 0")])
    with _fresh_database(server) as url:
        times, wrong = _measure(url, large)
    for name, seconds in times.items():
        p50, p95 = np.percentile(seconds, [50, 95]) * 1000
        print(f"{name}: {len(seconds):,} answers, p50 {p50:.1f} ms, p95 {p95:.1f} ms", file=sys.stderr)
    ours, peer = (float(np.percentile(times[name], 95)) for name in ("large", "small"))
    report(
        [ratio_at_most(claim, ours=ours, peer=peer, target=1.5), value_at_most(EXACT, ours=wrong, target=0)]
    )


def _measure(url: str, large: int) -> tuple[dict[str, list[float]], int]:
    """Seconds per question and answer by study, and how many answers were lost, doubled or beyond N."""
    _start(url)
    from django.core.management import call_command
    from django.db import connection

    from benchmarks.many_questions import build_study

    call_command("migrate", verbosity=0)
    for name, size in (("small", SMALL), ("large", large), ("contested", CONTESTED)):
        began = time.perf_counter()
        build_study(name=name, questions=size, per_sitting=1000)
        print(f"{name}: {size:,} questions built in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    plan = _plan()
    print(plan, file=sys.stderr)
    connection.close()

    times: dict[str, list[float]] = {"small": [], "large": []}
    confirmed: list[int] = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=spawn, initializer=_start, initargs=(url,)) as pool:
        for number in range(-1, ROUNDS):
            for name in ("small", "large") if number % 2 else ("large", "small"):
                served = _round(pool, name, f"{name}-{number}", ANSWERS)
                confirmed += [answer for person in served for answer in person.answers]
                # The first round warms connections and plans.
                if number >= 0:
                    times[name] += [second for person in served for second in person.seconds]
        served = _round(pool, "contested", "contested", CONTESTED)
        confirmed += [answer for person in served for answer in person.answers]
    return times, _wrong(confirmed)


def _round(pool: ProcessPoolExecutor, study: str, who: str, answers: int) -> list[Served]:
    """Sixteen new participants at once; each process serves its share in threads."""
    share = PARTICIPANTS // PROCESSES
    groups = [[f"{who}-{process}-{person}" for person in range(share)] for process in range(PROCESSES)]
    parts = [pool.submit(serve_people, study, people, answers) for people in groups]
    return [person for part in parts for person in part.result()]


def serve_people(study: str, people: list[str], answers: int) -> list[Served]:
    """Serve some participants at the same time, each in a thread with a connection of its own."""
    with ThreadPoolExecutor(len(people)) as pool:
        return list(pool.map(lambda person: _serve(study, person, answers), people))


def _serve(name: str, person: str, answers: int) -> Served:
    from django.db import connection

    from studyapp.models import Mode, RecruitmentLink, Sitting, Study
    from studyapp.services.participation.allocation import next_question
    from studyapp.services.participation.answers import record_answer
    from studyapp.services.participation.arrival import Screen, Visitor, consent

    study = Study.objects.get(name=name)
    link, _ = RecruitmentLink.objects.get_or_create(study=study, mode=Mode.REAL, token=f"{person}"[:32])
    sitting = consent(link=link, visitor=Visitor("link", person), screen=Screen())
    Sitting.objects.filter(pk=sitting.pk).update(state=Sitting.State.QUESTIONS)
    sitting.refresh_from_db()
    seconds, kept = [], []
    for number in range(answers):
        began = time.perf_counter()
        presentation = next_question(sitting=sitting)
        if presentation is None:
            break
        answer = record_answer(
            presentation=presentation,
            value="yes" if number % 2 else "no",
            active_seconds=1.0,
            idle_seconds=0.0,
        )
        seconds.append(time.perf_counter() - began)
        kept.append(answer.pk)
    connection.close()
    return Served(tuple(seconds), tuple(kept))


def _wrong(confirmed: list[int]) -> int:
    """Answers that were confirmed and are not there, count twice for a person, or are beyond N."""
    from django.db.models import Count, F

    from studyapp.models import Answer, QuestionSlots

    counted = Answer.objects.filter(status=Answer.Status.COUNTED)
    lost: int = len(confirmed) - counted.filter(pk__in=confirmed).count()
    pairs = counted.values("question", "participant").annotate(n=Count("pk")).filter(n__gt=1)
    doubled = sum(pair["n"] - 1 for pair in pairs)
    per_question = counted.values("question").annotate(n=Count("pk"), required=F("question__slots__required"))
    beyond = sum(max(0, row["n"] - row["required"]) for row in per_question)
    miscounted = sum(
        abs(slots - rows)
        for slots, rows in (
            QuestionSlots.objects.filter(counted__gt=0)
            .annotate(rows=Count("question__answers"))
            .values_list("counted", "rows")
        )
    )
    short = CONTESTED * 5 - counted.filter(question__study__name="contested").count()
    print(
        f"{len(confirmed):,} answers confirmed: {lost} lost, {doubled} doubled, {beyond} beyond N, "
        f"{miscounted} miscounted; contested study short of {short}",
        file=sys.stderr,
    )
    return int(lost + doubled + beyond + miscounted + short)


def _plan() -> str:
    """How PostgreSQL finds the next question of the large study for a participant."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from studyapp.models import Mode, Study
    from studyapp.services.participation.candidates import Search, free_for

    study = Study.objects.get(name="large")
    search = Search(study, Mode.REAL, study.arms.get().pk, participant_id=1)
    with CaptureQueriesContext(connection) as captured:
        free_for(search)
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN ANALYZE " + captured[-1]["sql"])
        return "\n".join(row[0] for row in cursor.fetchall())


def _start(url: str) -> None:
    """Set Django up on the benchmark's database, in this process."""
    os.environ["DATABASE_URL"] = url
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studyapp.settings")
    import django

    django.setup()


@contextmanager
def _fresh_database(server: str) -> Iterator[str]:
    """URL of an empty database on that server, dropped afterwards."""
    name = f"second_look_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
    try:
        yield server.rsplit("/", 1)[0] + "/" + name
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'drop database if exists "{name}" with (force)')


if __name__ == "__main__":
    main()
