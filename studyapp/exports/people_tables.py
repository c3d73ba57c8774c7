"""Tables about the answers and the people who gave them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from studyapp.analysis.intervals import wilson_rate
from studyapp.analysis.null_calibration import ControlAcceptance, Sensitivity
from studyapp.analysis.result_values import ReliabilityRow
from studyapp.analysis.withheld import Withheld
from studyapp.exports.arm_results import ArmResults
from studyapp.exports.cells import ARM, share_cells, share_columns
from studyapp.exports.tabular import Cell, Column, Table

_RELIABILITY = (
    Column("scope", "study: the study's own questions; all: with the imported ones."),
    Column("coding", "How answers were compared."),
    Column("questions", "Questions with at least two answers.", "count"),
    Column("krippendorff_alpha", "Krippendorff's alpha, nominal.", "number", heading="alpha"),
    Column("fleiss_kappa", "Fleiss' kappa; only where every question has as many answers.", "number"),
    Column("percent_agreement", "Pairs of answers to one question that are equal.", "share", "fraction of 1"),
)


def reliability_table(arms: Sequence[ArmResults]) -> Table:
    """Positive answers against the rest: over every answered question, and over the study's own.

    How far people agree with one another does not depend on whose mistake a question is about, so
    questions that only came with imported answers are in the headline.
    """
    rows: list[tuple[Cell, ...]] = []
    outside = any(arm.results.imported_questions for arm in arms)
    for arm in arms:
        binary = [row for row in arm.results.reliability if row.coding == arm.results.reliability[0].coding]
        headline, own = binary[-1], binary[0]
        rows.append((arm.arm, *_reliability_cells(headline), *_reliability_cells(own)[2:]))
    own_columns = tuple(
        replace(
            column,
            name=f"own_{column.name}",
            heading=f"own {column.title}",
            wide=not outside,
            description=f"{column.description} The study's own questions only.",
        )
        for column in _RELIABILITY[2:]
    )
    columns = (ARM, *_RELIABILITY, *own_columns)
    return Table("reliability", "Reliability", columns, tuple(rows), single=len(rows) == 1)


def reliability_detail_table(arms: Sequence[ArmResults]) -> Table:
    """Every scope and coding."""
    rows = tuple((arm.arm, *_reliability_cells(row)) for arm in arms for row in arm.results.reliability)
    return Table("reliability_detail", "Reliability by scope and coding", (ARM, *_RELIABILITY), rows)


def _reliability_cells(row: ReliabilityRow) -> tuple[Cell, ...]:
    found = row.reliability
    if isinstance(found, Withheld):
        return row.scope, row.coding, None, found, found, found
    return (
        *(row.scope, row.coding, found.questions),
        *(found.alpha, found.fleiss_kappa, found.percent_agreement),
    )


def controls_table(arms: Sequence[ArmResults]) -> Table:
    """Null calibration: what the same rule accepts of foils and of dataset labels."""
    rows: list[tuple[Cell, ...]] = []
    for arm in arms:
        calibration = arm.results.null_calibration
        if calibration is None:
            continue
        found = calibration.sensitivity
        detection: tuple[Cell, Cell] = (
            (found.d_prime, found.criterion) if isinstance(found, Sensitivity) else (found, found)
        )
        rows += [
            (arm.arm, "foil", *_control_cells(calibration.foils), *detection),
            (arm.arm, "dataset label", *_control_cells(calibration.dataset_labels), *detection),
        ]
    columns = (
        ARM,
        Column("control", "foil: a class that does not fit; dataset label: of a correct image."),
        Column("decided", "Controls with a verdict.", "count"),
        Column("accepted", "Of them, accepted by the study's own rule.", "count"),
        *share_columns("acceptance", "accepted / decided."),
        Column("undecided", "Controls without a verdict yet.", "count"),
        Column(
            "d_prime",
            "z(labels accepted) - z(foils accepted), log-linear correction.",
            "number",
            heading="d′",
        ),
        Column("criterion", "-(z(labels accepted) + z(foils accepted)) / 2.", "number"),
    )
    return Table("controls", "Controls", columns, tuple(rows))


def _control_cells(control: ControlAcceptance) -> tuple[Cell, ...]:
    rate = control.accepted
    share, interval = share_cells(rate, why_empty="none is decided yet")
    return rate.total, rate.count, share, interval, control.undecided


def gold_table(arms: Sequence[ArmResults]) -> Table:
    """Every gold question: how often it was answered as expected."""
    rows: list[tuple[Cell, ...]] = []
    for arm in arms:
        for gold in arm.results.gold:
            share, interval = share_cells(gold.as_expected, why_empty="not answered yet")
            rows.append(
                (
                    *(arm.arm, arm.question_keys[gold.question], gold.expected),
                    *(gold.as_expected.total, gold.as_expected.count, share, interval),
                )
            )
    columns = (
        ARM,
        Column("question", "Key of the question, as in questions.csv."),
        Column("expected", "The known answer."),
        Column("answers", "Answers it got.", "count"),
        Column("right", "Of them, as expected.", "count"),
        *share_columns("as_expected", "right / answers."),
    )
    return Table("gold", "Gold questions", columns, tuple(rows))


def true_label_table(arms: Sequence[ArmResults]) -> Table:
    """Which of the two labels of a mistake people agree with."""
    rows: list[tuple[Cell, ...]] = []
    for arm in arms:
        found = arm.results.label_pairs
        if found is None:
            continue
        outcomes = (
            ("both", found.both),
            ("prediction only", found.prediction_only),
            ("dataset only", found.dataset_only),
            ("neither", found.neither),
        )
        decided = sum(count for _, count in outcomes)
        rows += [
            (arm.arm, name, count, *share_cells(wilson_rate(count, decided), why_empty="none is decided yet"))
            for name, count in outcomes
        ]
        rows.append((arm.arm, "undecided", found.undecided, None, None))
    columns = (
        ARM,
        Column(
            "agreed_with", "Label that people agree with: the prediction's, the dataset's, both, neither."
        ),
        Column("mistakes", "Questions about a predicted label that have this outcome.", "count"),
        *share_columns("share", "Of those with both verdicts."),
    )
    return Table("true_label", "Predicted and dataset label", columns, tuple(rows))


def participants_table(arms: Sequence[ArmResults]) -> Table:
    """Every participant by pseudonym: how much, how fast, how often with the others."""
    rows: list[tuple[Cell, ...]] = []
    for arm in arms:
        for person in arm.results.participants:
            gold: tuple[Cell, Cell] = (None, None)
            if person.gold.total:
                gold = share_cells(person.gold, why_empty="")
            rows.append(
                (
                    *(arm.evidence.participants[person.participant], arm.arm, person.answers),
                    person.share_of_answers,
                    *share_cells(person.agreement_with_rest, why_empty="no shared question has a majority"),
                    *gold,
                    person.median_seconds,
                )
            )
    columns = (
        Column("participant", "Pseudonym."),
        ARM,
        Column("answers", "Answers that count.", "count"),
        Column("share_of_answers", "Of all answers that count.", "share", "fraction of 1"),
        *share_columns("agreement_with_rest", "Questions on which this person is on the others' side."),
        *share_columns("gold", "Gold questions answered as expected.", "gold right"),
        Column("median_seconds", "Median time of an answer.", "number", "s"),
    )
    return Table("participants", "Participants", columns, tuple(rows))


def top_shares_table(arms: Sequence[ArmResults]) -> Table:
    """How much of the work the most active participants did."""
    rows = tuple((arm.arm, each.participants, each.share) for arm in arms for each in arm.results.top_shares)
    columns = (
        ARM,
        Column("participants", "The most active so many participants.", "count"),
        Column("share", "Their share of all answers that count.", "share", "fraction of 1"),
    )
    return Table("top_shares", "Share of the most active participants", columns, rows)


def expert_check_table(arms: Sequence[ArmResults]) -> Table:
    """How often a blind expert finds the label relevant, by the number of positive answers."""
    rows = tuple(
        (
            *(arm.arm, each.positive, each.relevant.total, each.relevant.count),
            *share_cells(each.relevant, why_empty="the expert judged none of these"),
        )
        for arm in arms
        for each in arm.results.expert_check
    )
    columns = (
        ARM,
        Column("positive", "Number of positive answers.", "count"),
        Column("checked", "Questions that the expert judged.", "count"),
        Column("relevant", "Of them, relevant to the expert.", "count"),
        *share_columns("precision", "relevant / checked."),
    )
    return Table("expert_check", "Expert check", columns, rows)
