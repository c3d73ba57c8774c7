"""A two-arm study rehearsed over real HTTP: planted truth per arm, and nobody in both arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import transaction

from studyapp.exports.report import compute_report
from studyapp.management.rehearsal.adversarial_truth import AdversarialTruth
from studyapp.management.rehearsal.performance import Performance, perform
from studyapp.management.rehearsal.report import RehearsalReport
from studyapp.management.rehearsal.run import judge
from studyapp.management.rehearsal.truths import ensure_truth
from studyapp.models import Answer, Mode, Participant, Presentation, QuestionSlots, Sitting, Study
from studyapp.services.participation.slots import ensure_slots
from studyapp.services.refusals import Refused
from tests.studyapp_tests.adversarial.attacked import ARMS, attacked_halves, built, protocol_of_halves
from tests.studyapp_tests.participant.servers import database_url, web_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_database]

PLANTED = {"whole": 0.25, "explained": 0.75}
APART = "nobody is in two arms that the protocol keeps apart"
RECOVERED = "the tables recover what was planted"
FILLED = "every question that could be filled has exactly its answers"
RULES = """
[participants]
arm_order = "in_order"
washout_days = 3
one_look = false
questions_per_sitting = 8
"""


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> Path:
    settings.VAR = tmp_path
    folder = tmp_path / "media"
    kept = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = {**settings.STORAGES, "default": kept}
    return folder


def failed(report: RehearsalReport) -> set[str]:
    return {finding.claim for finding in report.findings if not finding.holds}


def test_a_rehearsal_of_two_arms_passes_and_every_way_of_breaking_it_fails(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    attacked_halves(tmp_path, each=6)
    study = built(protocol_of_halves(arms=ARMS.partition('[[arm]]\nname = "random"')[0], more=RULES))
    rng = np.random.default_rng(3)
    ensure_slots(study=study, mode=Mode.REHEARSAL)
    with pytest.raises(Refused, match="'hole' is no arm of study attacked"):
        ensure_truth(study=study, planted={"hole": 0.5}, error_rate=0.05, rng=rng)
    plan = ensure_truth(study=study, planted=PLANTED, error_rate=0.05, rng=rng)
    with web_server(database=database_url(), workers=2) as server:
        done = perform(study=study, plan=plan, server=server.url, participants=None, rng=rng, progress=False)

    report = judge(study=study, performance=done)
    assert report.passed, str(report)
    slots = QuestionSlots.objects.filter(study=study, mode=Mode.REHEARSAL)
    assert set(slots.values_list("required", "counted", "taken")) == {(5, 5, 5)}
    assert {row.quantity for row in report.recovered} == {
        f"{what} compare in arm {arm}"
        for what, arm in (("positive answers about", "whole"), ("positive answers about", "explained"))
    } | {f"images agreed, compare in arm {arm}" for arm in PLANTED}
    planted = {row.quantity: row.planted for row in report.recovered}
    assert planted["images agreed, compare in arm whole"] == 0.25
    assert planted["images agreed, compare in arm explained"] == 0.75
    assert report.habits["came again at once and was turned away"] >= 1
    [pair] = [
        pair
        for arm in compute_report(study=study, mode=Mode.REHEARSAL).arms
        for _, pair in arm.compared.pairs
    ]
    assert pair.judged == 12

    for name, (break_it, claims) in BROKEN.items():
        with subtests.test(name), transaction.atomic():
            found = failed(judge(study=study, performance=break_it(study, done)))
            transaction.set_rollback(True)
            assert claims <= found
    assert judge(study=study, performance=done).passed


def give_somebody_a_question_of_the_other_arm(study: Study, done: Performance) -> Performance:
    """The washout was not kept: one person was shown both arms within minutes."""
    shown = Presentation.objects.filter(question__arm__name="whole").earliest("pk")
    other = Presentation.objects.filter(question__arm__name="explained").earliest("pk")
    Presentation.objects.filter(pk=other.pk).update(participant=shown.participant, look=None)
    return done


def let_somebody_come_back_into_the_other_arm(study: Study, done: Performance) -> Performance:
    """The same person under two sittings, one in each arm."""
    one, two = (
        Sitting.objects.filter(study=study, arm__name=name, presentations__answered=True).earliest("pk")
        for name in PLANTED
    )
    Presentation.objects.filter(sitting=two).update(participant=one.participant, look=None)
    return done


def swap_what_was_planted_in_the_arms(study: Study, done: Performance) -> Performance:
    assert isinstance(done.plan, AdversarialTruth)
    return replace(
        done, plan=replace(done.plan, relevant={key: not true for key, true in done.plan.relevant.items()})
    )


def add_a_sixth_answer(study: Study, done: Performance) -> Performance:
    answer = Answer.objects.filter(question__study=study, status=Answer.Status.COUNTED).earliest("pk")
    Answer.objects.create(
        question=answer.question,
        participant=Participant.objects.create(pseudonym="nobody"),
        mode=Mode.REHEARSAL,
        value="yes",
        status=Answer.Status.COUNTED,
    )
    return done


BROKEN: dict[str, tuple[Callable[[Study, Performance], Performance], set[str]]] = {
    "a question of the other arm": (give_somebody_a_question_of_the_other_arm, {APART}),
    "a return into the other arm": (let_somebody_come_back_into_the_other_arm, {APART}),
    "another truth": (swap_what_was_planted_in_the_arms, {RECOVERED}),
    "a sixth answer": (add_a_sixth_answer, {FILLED}),
}
