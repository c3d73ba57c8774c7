"""Rehearsals over real HTTP: what must pass, and what must fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from studyapp.management.rehearsal.browser import Browser
from studyapp.management.rehearsal.performance import Performance, perform
from studyapp.management.rehearsal.plan import ensure_plan
from studyapp.management.rehearsal.report import RehearsalReport
from studyapp.management.rehearsal.run import judge, rehearse
from studyapp.models import Answer, AuditEntry, Mode, Participant, QuestionSlots, Sitting, Study
from studyapp.services.participation.slots import ensure_slots
from studyapp.services.refusals import Refused
from tests.studyapp_tests.participant.servers import database_url, web_server
from tests.studyapp_tests.rehearsal.studies import (
    PLANTED,
    two_classifier_protocol,
    two_classifier_study,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_database]

RECOVERED = "the tables recover what was planted"
STORED = "every answer that the server took is stored once, as given"
COUNTED = "the slots count what the rows say"
FILLED = "every question that could be filled has exactly its answers"


def failed(report: RehearsalReport) -> set[str]:
    return {finding.claim for finding in report.findings if not finding.holds}


def test_a_rehearsal_passes_and_every_way_of_breaking_it_fails(subtests: pytest.Subtests) -> None:
    study = two_classifier_study()
    rng = np.random.default_rng(11)
    ensure_slots(study=study, mode=Mode.REHEARSAL)
    plan = ensure_plan(study=study, planted=PLANTED, error_rate=0.05, rng=rng)
    with web_server(database=database_url(), workers=2) as server:
        done = perform(study=study, plan=plan, server=server.url, participants=None, rng=rng, progress=False)

    report = judge(study=study, performance=done)
    assert report.passed, str(report)
    slots = QuestionSlots.objects.filter(study=study, mode=Mode.REHEARSAL, gold=False)
    assert set(slots.values_list("required", "counted", "taken")) == {(5, 5, 5)}
    assert not Answer.objects.exclude(mode=Mode.REHEARSAL).exists()
    assert not Sitting.objects.exclude(mode=Mode.REHEARSAL).exists()
    assert {row.quantity for row in report.recovered} == {"alpha", "beta", "alpha minus beta"}
    for habit in (
        "reloads the page",
        "sends the form twice",
        "clicks twice at the same moment",
        "answers differently in a second tab",
        "loses the connection before the reply",
        "undoes the answer",
        "sends an answer that is not offered, or to another person's question",
        "comes back within the lease",
        "answers after the lease has ended",
    ):
        assert report.habits[habit] >= 1, habit

    for name, (break_it, claims) in BROKEN.items():
        with subtests.test(name), transaction.atomic():
            broken = break_it(study, done)
            found = failed(judge(study=study, performance=broken))
            transaction.set_rollback(True)
            assert claims <= found
    assert judge(study=study, performance=done).passed


def swap_the_planted_truth(study: Study, done: Performance) -> Performance:
    """What was planted is what the other classifier's mistakes would have had."""
    study.draws.filter(purpose="rehearsal_plan").delete()
    Answer.objects.filter(question__study=study).update(mode=Mode.PILOT)
    swapped = {"alpha": PLANTED["beta"], "beta": PLANTED["alpha"]}
    plan = ensure_plan(study=study, planted=swapped, error_rate=0.05, rng=np.random.default_rng(12))
    Answer.objects.filter(question__study=study).update(mode=Mode.REHEARSAL)
    return replace(done, plan=plan)


def turn_one_counted_answer(study: Study, done: Performance) -> Performance:
    answer = counted(study)
    Answer.objects.filter(pk=answer.pk).update(value="no" if answer.value == "yes" else "yes")
    return done


def turn_one_answer_and_its_count(study: Study, done: Performance) -> Performance:
    """A forger who also corrects the slots is still found: the participant knows what was said."""
    answer = counted(study)
    turned = "no" if answer.value == "yes" else "yes"
    Answer.objects.filter(pk=answer.pk).update(value=turned)
    slots = QuestionSlots.objects.get(question=answer.question, mode=Mode.REHEARSAL)
    slots.positive += 1 if turned == "yes" else -1
    slots.save()
    return done


def lose_one_answer(study: Study, done: Performance) -> Performance:
    counted(study).delete()
    return done


def add_a_sixth_answer(study: Study, done: Performance) -> Performance:
    answer = counted(study)
    Answer.objects.create(
        question=answer.question,
        participant=Participant.objects.create(pseudonym="nobody"),
        mode=Mode.REHEARSAL,
        value="yes",
        status=Answer.Status.COUNTED,
    )
    return done


def let_one_answer_become_real(study: Study, done: Performance) -> Performance:
    Answer.objects.filter(pk=counted(study).pk).update(mode=Mode.REAL)
    return done


def show_another_completion_code(study: Study, done: Performance) -> Performance:
    sitting = Sitting.objects.filter(study=study).exclude(completion_code="").first()
    assert sitting is not None
    Sitting.objects.filter(pk=sitting.pk).update(completion_code="LOST")
    return done


def counted(study: Study) -> Answer:
    found = Answer.objects.filter(question__study=study, status=Answer.Status.COUNTED).first()
    assert found is not None
    return found


BROKEN: dict[str, tuple[Callable[[Study, Performance], Performance], set[str]]] = {
    "the planted truth is swapped between the classifiers": (swap_the_planted_truth, {RECOVERED}),
    "one counted answer is turned": (turn_one_counted_answer, {STORED, COUNTED}),
    "one answer and its count are turned": (turn_one_answer_and_its_count, {STORED}),
    "one answer is lost": (lose_one_answer, {STORED, COUNTED, FILLED}),
    "a sixth answer counts": (add_a_sixth_answer, {COUNTED, FILLED}),
    "an answer becomes real": (let_one_answer_become_real, {"real answers are untouched", COUNTED}),
    "a completion code is another one": (
        show_another_completion_code,
        {"one sitting for each consent, with the completion code that was shown"},
    ),
}


def test_people_who_answer_at_random_do_not_recover_the_planted_difference() -> None:
    study = two_classifier_study()
    rng = np.random.default_rng(3)
    ensure_slots(study=study, mode=Mode.REHEARSAL)
    plan = ensure_plan(study=study, planted=PLANTED, error_rate=0.05, rng=rng)
    with web_server(database=database_url(), workers=2) as server:
        done = perform(
            study=study,
            plan=replace(plan, error_rate=0.5),
            server=server.url,
            participants=None,
            rng=rng,
            progress=False,
        )
    report = judge(study=study, performance=replace(done, plan=plan))
    assert RECOVERED in failed(report)
    assert not next(row for row in report.recovered if row.quantity == "alpha minus beta").holds
    assert {STORED, COUNTED, FILLED}.isdisjoint(failed(report))


def test_the_command_goes_on_with_a_rehearsal_that_was_cut_short() -> None:
    study = two_classifier_study(two_classifier_protocol("cut", sitting=40))
    with web_server(database=database_url(), workers=2) as server:
        command = ("rehearse", "cut", "--server", server.url, "--planted-acceptance", "alpha=0.9,beta=0.05")
        first = StringIO()
        with pytest.raises(CommandError, match="failed"):
            call_command(*command, "--participants", "2", "--json", stdout=first)
        short = json.loads(first.getvalue())
        assert short["participants"] == 2
        lacking = {finding["claim"] for finding in short["findings"] if not finding["holds"]}
        assert lacking == {FILLED, RECOVERED}

        second = StringIO()
        call_command(*command, "--json", stdout=second)
        assert json.loads(second.getvalue())["passed"] is True
        outcomes = AuditEntry.objects.filter(study=study, verb="rehearse").order_by("pk")
        assert list(outcomes.values_list("subject", flat=True)) == ["failed", "passed"]

        third = StringIO()
        call_command(*command, "--json", stdout=third)
        again = json.loads(third.getvalue())
        assert (again["passed"], again["participants"], again["answers"]) == (True, 0, 0)

        with pytest.raises(CommandError, match="follow another plan"):
            call_command(*command[:-1], "alpha=0.5", "--json", stdout=StringIO())


def test_a_server_that_is_not_there_is_refused() -> None:
    study = two_classifier_study()
    with pytest.raises(Refused, match="no server answers"):
        rehearse(study=study, server="http://127.0.0.1:9", rng=np.random.default_rng(1), progress=False)
    with pytest.raises(ValueError, match="give an address"):
        Browser("127.0.0.1:8000")
