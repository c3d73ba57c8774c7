"""The rehearsal from beginning to end: draw the truth, let people come, judge what they left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from studyapp.management.rehearsal.checks import check_pages, check_rows, unfilled
from studyapp.management.rehearsal.habits import Ending
from studyapp.management.rehearsal.performance import Performance, perform
from studyapp.management.rehearsal.recovery import Recovery
from studyapp.management.rehearsal.report import Finding, RehearsalReport
from studyapp.management.rehearsal.truths import ensure_truth
from studyapp.models import Answer, Mode, Study
from studyapp.services.participation.slots import ensure_slots
from studyapp.services.refusals import Refused
from studyapp.services.studies.rehearsals import record_rehearsal


def rehearse(
    *,
    study: Study,
    server: str,
    participants: int | None = None,
    error_rate: float = 0.05,
    planted: Mapping[str, float] | None = None,
    rng: np.random.Generator,
    progress: bool = True,
) -> RehearsalReport:
    """Let simulated participants answer `study` at the running `server`, and check everything they left.

    `participants` None: as many as it takes to fill every question. `planted`: what the kind of study
    plants, by name, such as the share of each classifier's mistakes that is relevant. A rehearsal that
    was cut short goes on with its stored plan; a complete one is checked again. The outcome is kept in the
    audit trail with the protocol's hash. Raises Refused where it cannot begin.
    """
    if study.built_at is None or study.state == Study.State.CLOSED:
        raise Refused(
            f"study {study.name} is {'not built yet' if study.built_at is None else 'closed'}: "
            "rehearse a built study that is not closed"
        )
    ensure_slots(study=study, mode=Mode.REHEARSAL)
    plan = ensure_truth(study=study, planted=planted or {}, error_rate=error_rate, rng=rng)
    performance = perform(
        study=study, plan=plan, server=server, participants=participants, rng=rng, progress=progress
    )
    report = judge(study=study, performance=performance)
    record_rehearsal(
        study=study,
        passed=report.passed,
        answers=report.answers_in_study,
        failed_checks=[finding.claim for finding in report.findings if not finding.holds],
    )
    return report


def judge(*, study: Study, performance: Performance) -> RehearsalReport:
    """Check the rows and the tables against what the simulated participants know; changes nothing."""
    diaries = performance.diaries
    findings = (
        *check_rows(study=study, link=performance.link, diaries=diaries, before=performance.before),
        check_pages(diaries, performance.pictures),
    )
    if unfilled(study):
        recovery = Recovery(
            (), (Finding("the tables recover what was planted", False, "not judged: answers are lacking"),)
        )
    else:
        recovery = performance.plan.recover(study)
    counted = Answer.objects.filter(question__study=study, mode=Mode.REHEARSAL, status=Answer.Status.COUNTED)
    entered = [diary for diary in diaries if diary.address]
    return RehearsalReport(
        study=study.name,
        protocol_sha256=study.protocol_sha256,
        server=performance.server,
        error_rate=performance.plan.error_rate,
        participants=len(entered),
        answers=performance.answers,
        answers_in_study=counted.count(),
        seconds=performance.seconds,
        endings=MappingProxyType(dict(Counter(diary.ending.value for diary in entered))),
        habits=_habits(performance),
        findings=(*findings, *recovery.findings),
        recovered=recovery.rows,
    )


def _habits(performance: Performance) -> Mapping[str, int]:
    """How often each disturbance happened."""
    times: Counter[str] = Counter()
    for diary in performance.diaries:
        times.update({habit.value: number for habit, number in diary.habits.items()})
        times["comes back within the lease"] += diary.returns
        times["answers after the lease has ended"] += diary.late
        times[Ending.TURNED_AWAY.value] += diary.ending is Ending.TURNED_AWAY
    return MappingProxyType({what: number for what, number in sorted(times.items()) if number})
