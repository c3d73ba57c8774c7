"""What the tables rest on: the study, its rule, its questions and answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studyapp.exports.arm_results import ArmResults
from studyapp.exports.tabular import Column, Table
from studyapp.models import Stimulus, Study
from studyapp.services.plans import protocol_of
from studyapp.services.studies.bootstrap import BootstrapSeed

COLUMNS = (
    Column("study", "Name of the study."),
    Column("title", "Its title."),
    Column("kind", "Kind of study."),
    Column("dataset", "Name of the dataset."),
    Column("mode", "Mode of the answers: real, rehearsal, pilot or preview."),
    Column("state", "draft, open, paused or closed."),
    Column("protocol_sha256", "SHA-256 of the canonical protocol."),
    Column("rule", "Primary agreement rule."),
    Column("required", "Answers that a question collects (n).", "count"),
    Column("agreement", "Positive answers from which it is agreed (t).", "count"),
    Column("incomplete", "What becomes of questions with too few answers."),
    Column("stop_when_decided", "yes: a question closes once its verdict is certain."),
    Column("questions", "Questions of the study.", "count"),
    Column("imported_questions", "Answered elsewhere and no question of the study: in no table.", "count"),
    Column("answers", "Answers that count.", "count"),
    Column("participants", "Participants with an answer that counts.", "count"),
    Column(
        "held_back",
        "Stimuli held back in the review: shown to nobody since; answers from before count.",
        "count",
    ),
    Column("bootstrap_draws", "Draws behind the intervals.", "count"),
    Column("bootstrap_seed", "Seed of the draws."),
    Column("bootstrap_seed_from", "stored draw, or protocol digest where no draw was stored."),
)


@dataclass(frozen=True, slots=True)
class AnswerCounts:
    """Questions of the study, imported ones beside them, answers that count, and people who gave them."""

    questions: int
    imported: int
    answers: int
    participants: int


def counts_of_arms(arms: Sequence[ArmResults]) -> AnswerCounts:
    """The counts of a study that is analysed arm by arm."""
    return AnswerCounts(
        questions=sum(arm.results.questions for arm in arms),
        imported=sum(arm.results.imported_questions for arm in arms),
        answers=sum(arm.results.answers for arm in arms),
        participants=len({name for arm in arms for name in arm.evidence.participants}),
    )


def study_table(
    *, study: Study, mode: str, counts: AnswerCounts, seed: BootstrapSeed, note: str = ""
) -> Table:
    """One row of facts, and a `note` on what the reader must know first."""
    protocol = protocol_of(study)
    row = (
        study.name,
        study.title,
        study.kind,
        study.dataset.name,
        mode,
        study.state,
        study.protocol_sha256,
        protocol.analysis.rule,
        protocol.answers.required,
        protocol.answers.agreement,
        protocol.analysis.incomplete,
        "yes" if protocol.answers.stop_when_decided else "no",
        counts.questions,
        counts.imported,
        counts.answers,
        counts.participants,
        Stimulus.objects.filter(study=study, review=Stimulus.Review.HELD_BACK).count(),
        protocol.analysis.draws,
        str(seed.value),
        "stored draw" if seed.stored else "protocol digest",
    )
    return Table("study", "Study", COLUMNS, (row,), note, single=True)
