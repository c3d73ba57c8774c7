"""Rule 1 under fire: two server processes, one of them killed half-way, and people who do it all wrong.

Runs on the database of the test run: a SQLite file, and PostgreSQL in `python -m tests.run`.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from django.db.models import Count, Sum

from studyapp.models import Answer, Mode, Presentation, QuestionSlots
from studyapp.recruitment.link import create_link
from studyapp.services.participation.arrival import pseudonym_of
from tests.studyapp_tests.factories import make_protocol, make_study, with_answers, with_participants
from tests.studyapp_tests.participant.servers import Server, database_url, web_server
from tests.studyapp_tests.participant.visits import Page, Visit, question_key

QUESTIONS, REQUIRED = 12, 5
LEASE_SECONDS = 3.0
PEOPLE = ("steady",) * 4 + (
    "double",
    "double",
    "tabs",
    "tabs",
    "late",
    "undo",
    "reload",
    "leaves",
    "leaves",
    "leaves",
)
DEADLINE = 60.0


@dataclass
class Acknowledged:
    """Which questions' answers a server has confirmed, per person."""

    answers: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, person: str, question: str) -> None:
        with self.lock:
            self.answers.append((person, question))


class Person:
    """Somebody with a flaky connection: any request may go to either server, and is repeated if it fails."""

    def __init__(self, name: str, door: str, servers: list[Server], noted: Acknowledged, seed: int) -> None:
        self.name, self.door, self.servers, self.noted = name, door, servers, noted
        self.random = random.Random(seed)

    def ask(self, request: Callable[[Visit], Page]) -> Page:
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            visit = Visit(self.random.choice(self.servers).url)
            try:
                page = request(visit)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                continue
            finally:
                visit.close()
            assert page.status == 200, (page.status, page.url, page.text[:500])
            return page
        raise AssertionError(f"{self.name}: no server answered")

    def arrive(self) -> Page:
        page = self.ask(lambda visit: visit.get(f"{self.door}?participant={self.name}"))
        if "Every question is with somebody" in page.text or "nothing left to answer" in page.text:
            return page
        page = self.ask(lambda visit: visit.submit(page, self.door))
        return (
            self.ask(lambda visit: visit.submit(page, "/begin/")) if "What you will do" in page.text else page
        )

    def answer(self, page: Page, value: str) -> Page:
        question = question_key(page)
        after = self.ask(lambda visit: visit.submit(page, "/answer/", value=value))
        self.noted.note(self.name, question)
        return after

    def visit(self, habit: str) -> None:
        until = time.monotonic() + DEADLINE
        page = self.arrive()
        answered = 0
        while time.monotonic() < until:
            if 'id="picture"' in page.text:
                if habit == "leaves" and answered == 2:
                    return
                page = self.react(page, habit, answered)
                answered += 1
            elif "All questions are answered" in page.text:
                page = self.ask(lambda visit, page=page: visit.submit(page, "/finish/", comment=""))
            elif "completion code" in page.text or "nothing left to answer" in page.text:
                return
            elif "A moment, please" in page.text or "Welcome back" in page.text:
                time.sleep(0.2)
                page = self.ask(lambda visit, page=page: visit.submit(page, "/next/"))
            else:
                assert "Every question is with somebody" in page.text, page.text
                time.sleep(0.2)
                page = self.arrive()
        raise AssertionError(f"{self.name} ({habit}) did not come to an end")

    def react(self, page: Page, habit: str, answered: int) -> Page:
        value = self.random.choice(("yes", "no"))
        if habit == "double":
            with ThreadPoolExecutor(2) as pool:
                first, _ = list(pool.map(lambda _: self.answer(page, value), range(2)))
            return first
        if habit == "tabs":
            with ThreadPoolExecutor(2) as pool:
                first, _ = list(pool.map(lambda said: self.answer(page, said), ("yes", "no")))
            return first
        if habit == "late" and answered in (0, 2):
            time.sleep(LEASE_SECONDS + 0.5)
        if habit == "reload":
            again = self.ask(lambda visit: visit.get(page.url))
            page = again if 'id="picture"' in again.text else page
        after = self.answer(page, value)
        if habit == "undo" and answered == 1 and any(f.action.endswith("/undo/") for f in after.forms):
            return self.ask(lambda visit: visit.submit(after, "/undo/"))
        return after


@pytest.mark.django_db(transaction=True)
def test_exactly_n_answers_count_whatever_people_and_servers_do() -> None:
    protocol = with_answers(make_protocol(), required=REQUIRED, agreement=4)
    protocol = with_participants(protocol, lease_minutes=LEASE_SECONDS / 60, questions_per_sitting=QUESTIONS)
    study = make_study(questions=QUESTIONS, protocol=protocol)
    door = f"/join/{create_link(study=study, mode=Mode.REAL).token}/"
    noted = Acknowledged()
    with (
        web_server(database=database_url()) as doomed,
        web_server(database=database_url()) as steady,
        ThreadPoolExecutor(len(PEOPLE)) as pool,
    ):
        servers = [doomed, steady]
        visits = [
            pool.submit(Person(f"{habit}-{number}", door, servers, noted, number).visit, habit)
            for number, habit in enumerate(PEOPLE)
        ]
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until and len(noted.answers) < QUESTIONS * REQUIRED // 2:
            assert not any(visit.done() and visit.exception() for visit in visits)
            time.sleep(0.02)
        doomed.kill()
        for visit in visits:
            visit.result(timeout=DEADLINE)

    counted = Answer.objects.filter(status=Answer.Status.COUNTED)
    standing = Answer.objects.filter(status__in=(Answer.Status.COUNTED, Answer.Status.SURPLUS))
    per_question = Counter(counted.values_list("question", flat=True))
    assert sorted(per_question.values()) == [REQUIRED] * QUESTIONS, "exactly N, for every question"
    doubled = standing.values("question", "participant").annotate(n=Count("pk")).filter(n__gt=1)
    assert not doubled.exists(), "nobody counts twice"
    assert counted.count() == len(set(counted.values_list("question", "participant")))

    kept = {
        (pseudonym, key)
        for pseudonym, key in Answer.objects.values_list("participant__pseudonym", "question__stimulus__key")
    }
    for person, question in noted.answers:
        assert (pseudonym_of(panel="link", person=person), question) in kept, "no confirmed answer is lost"

    totals = QuestionSlots.objects.aggregate(taken=Sum("taken"), counted=Sum("counted"))
    assert totals == {"taken": QUESTIONS * REQUIRED, "counted": QUESTIONS * REQUIRED}
    assert Presentation.objects.filter(holds_slot=True).count() == QUESTIONS * REQUIRED
    positive = sum(QuestionSlots.objects.values_list("positive", flat=True))
    assert positive == counted.filter(value="yes").count()
