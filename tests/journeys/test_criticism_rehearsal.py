"""Rehearsals of assignment studies and bias audits over real HTTP: what must pass, and what must fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from django.db import transaction

from studyapp.management.rehearsal.assignment_truth import AssignmentTruth, success_counts
from studyapp.management.rehearsal.attribute_truth import AttributeTruth
from studyapp.management.rehearsal.performance import Performance, perform
from studyapp.management.rehearsal.report import RehearsalReport
from studyapp.management.rehearsal.run import judge
from studyapp.management.rehearsal.truths import ensure_truth
from studyapp.models import Answer, Mode, QuestionSlots, Study
from studyapp.protocol.schema import AnswersRule, AssignmentQuestions
from studyapp.services.criticism.boards import board_of
from studyapp.services.participation.slots import ensure_slots
from tests.studyapp_tests.criticism.small import (
    CHANCE,
    SIX,
    THREE_AND_THREE,
    assignment_study,
    attribute_study,
)
from tests.studyapp_tests.participant.servers import database_url, web_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_database]

RECOVERED = "the tables recover what was planted"
STORED = "every answer that the server took is stored once, as given"
PLANTED = {"six": 0.9, "mixed": 0.6, "chance": 0.3}
RATES = {"prototypes: grass": 1.0, "criticisms: grass": 0.0, "training: a person": 0.5}


def performed(study: Study, planted: dict[str, float], seed: int) -> Performance:
    rng = np.random.default_rng(seed)
    ensure_slots(study=study, mode=Mode.REHEARSAL)
    plan = ensure_truth(study=study, planted=planted, error_rate=0.05, rng=rng)
    with web_server(database=database_url(), workers=2) as server:
        return perform(study=study, plan=plan, server=server.url, participants=None, rng=rng, progress=False)


def failed(report: RehearsalReport) -> set[str]:
    return {finding.claim for finding in report.findings if not finding.holds}


def test_an_assignment_rehearsal_recovers_the_planted_success_of_every_arm(subtests: pytest.Subtests) -> None:
    study = assignment_study(
        arms=(SIX, THREE_AND_THREE, CHANCE),
        questions=AssignmentQuestions(trials=12, near_duplicate=1.0),
        answers=AnswersRule(required=6, agreement=1),
        arm_order="within",
        practice_questions=1,
        questions_per_sitting=6,
        pictures=True,
    )
    done = performed(study, PLANTED, 5)
    report = judge(study=study, performance=done)
    assert report.passed, str(report)
    slots = QuestionSlots.objects.filter(study=study, mode=Mode.REHEARSAL)
    assert set(slots.values_list("required", "counted", "taken")) == {(6, 6, 6)}
    counts = success_counts(study, Mode.REHEARSAL)
    assert {arm: received for arm, (_, received) in counts.items()} == dict.fromkeys(PLANTED, 72)
    assert counts["six"][0] > counts["mixed"][0] > counts["chance"][0]
    seconds = Answer.objects.filter(status=Answer.Status.COUNTED).values_list("active_seconds", flat=True)
    inside = [20 <= each <= 180 for each in seconds if each is not None]
    assert len(inside) == 216
    assert 0.6 < np.mean(inside) < 0.97
    times_a_target = Answer.objects.filter(mode=Mode.REHEARSAL).exclude(status="practice")
    looks = [
        (person, image)
        for person, image, status in times_a_target.values_list("participant", "question__image", "status")
        if status in ("counted", "surplus")
    ]
    assert len(looks) == len(set(looks)), "nobody sees a target twice"

    for name, (break_it, claims) in BROKEN_ASSIGNMENT.items():
        with subtests.test(name), transaction.atomic():
            found = failed(judge(study=study, performance=break_it(study, done)))
            transaction.set_rollback(True)
            assert claims <= found, found


def swap_two_arms(study: Study, done: Performance) -> Performance:
    truth = done.plan
    assert isinstance(truth, AssignmentTruth)
    swapped = {"six": PLANTED["chance"], "mixed": PLANTED["mixed"], "chance": PLANTED["six"]}
    return replace(done, plan=replace(truth, success=MappingProxyType(swapped)))


def shift_the_right_answers(study: Study, done: Performance) -> Performance:
    """As if the pages had shown the groups in another order than the stored one."""
    for question in study.questions.all():
        right = board_of(question.parameters).right % 6 + 1
        question.parameters["right"] = str(right)
        question.save(update_fields=["parameters"])
    return done


def turn_one_answer(study: Study, done: Performance) -> Performance:
    answer = Answer.objects.filter(question__study=study, status=Answer.Status.COUNTED).first()
    assert answer is not None
    Answer.objects.filter(pk=answer.pk).update(value=str(int(answer.value) % 6 + 1))
    return done


Break = Callable[[Study, Performance], Performance]
BROKEN_ASSIGNMENT: dict[str, tuple[Break, set[str]]] = {
    "two arms are swapped": (swap_two_arms, {RECOVERED}),
    "the right answers are another group's": (shift_the_right_answers, {RECOVERED}),
    "one answer is turned": (turn_one_answer, {STORED}),
}


def test_an_audits_rehearsal_recovers_the_planted_rate_of_every_group(subtests: pytest.Subtests) -> None:
    study = attribute_study(pictures=True)
    done = performed(study, RATES, 6)
    report = judge(study=study, performance=done)
    assert report.passed, str(report)
    rows = {row.quantity: row for row in report.recovered}
    assert len(rows) == 9
    assert (rows["prototypes: grass"].planted, rows["criticisms: grass"].planted) == (1.0, 0.0)
    assert rows["prototypes: grass"].estimate - rows["criticisms: grass"].estimate > 0.5
    slots = QuestionSlots.objects.filter(study=study, mode=Mode.REHEARSAL)
    assert set(slots.values_list("required", "counted", "taken")) == {(3, 3, 3)}
    stored = set(Answer.objects.filter(status=Answer.Status.COUNTED).values_list("value", flat=True))
    assert any("," in value for value in stored)

    truth = done.plan
    assert isinstance(truth, AttributeTruth)
    turned = {image: frozenset(truth.attributes) - seen for image, seen in truth.images.items()}
    with subtests.test("the planted truth is the opposite"):
        other = replace(done, plan=replace(truth, images=MappingProxyType(turned)))
        assert {RECOVERED} <= failed(judge(study=study, performance=other))
    with subtests.test("one answer is another"), transaction.atomic():
        answer = Answer.objects.filter(question__study=study, status=Answer.Status.COUNTED).first()
        assert answer is not None
        value = "cannot_tell" if answer.value != "cannot_tell" else "grass"
        Answer.objects.filter(pk=answer.pk).update(value=value)
        assert {STORED} <= failed(judge(study=study, performance=done))
        transaction.set_rollback(True)
