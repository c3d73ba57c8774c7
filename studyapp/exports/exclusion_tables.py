"""Tables without the answers that the protocol's exclusions leave out, beside the ones with all answers."""

from __future__ import annotations

from collections.abc import Sequence

from studyapp.analysis.exclusions import LeftOut
from studyapp.analysis.null_calibration import ControlAcceptance
from studyapp.analysis.result_values import ClassifierResult
from studyapp.exports.arm_results import ArmResults, FilteredResults
from studyapp.exports.cells import ARM, CLASSIFIER, NOTHING_ASKED, pair, share_cells, share_columns
from studyapp.exports.tabular import Cell, Column, Table


def filtered_error_table(arms: Sequence[ArmResults]) -> Table:
    """The rectified error from the answers that no exclusion leaves out; no rows without exclusions."""
    rows = [
        _row(arm, filtered, full, kept)
        for arm in arms
        if (filtered := arm.filtered) is not None
        for full, kept in zip(arm.results.classifiers, filtered.results.classifiers, strict=True)
    ]
    reasons = dict.fromkeys(
        rule.reason for arm in arms if arm.filtered is not None for rule in arm.filtered.left_out.rules
    )
    columns = (
        CLASSIFIER,
        ARM,
        Column(
            "unfiltered_top1_error",
            "Rectified top-1 error from all answers, as in rectified_error.",
            "share",
            "fraction of 1",
            "unfiltered",
        ),
        *share_columns(
            "rectified_top1_error", "The same from the answers that are not left out.", "filtered"
        ),
        Column(
            "rectified_top1_bounds",
            "With all undecided questions accepted, and with none.",
            "pair",
            "fraction of 1",
            "bounds",
            ("all_accepted", "none_accepted"),
        ),
        Column("undecided", "Mistakes without a verdict once answers are left out.", "count"),
        Column("coverage", "Decided mistakes / mistakes to be asked about.", "share", "fraction of 1"),
        *share_columns("foil_acceptance", "Foils accepted, of the decided, filtered.", "foils accepted"),
        *share_columns("label_acceptance", "Dataset labels accepted, filtered.", "labels accepted"),
        Column("answers", "Answers that are left and count.", "count"),
    )
    note = ("Declared before the data; left out here: " + " ".join(reasons)) if reasons else ""
    return Table("filtered_error", "Rectified error, filtered", columns, tuple(rows), note=note)


def exclusions_table(arms: Sequence[ArmResults]) -> Table:
    """Every declared exclusion and what it leaves out by itself, then all together."""
    rows: list[tuple[Cell, ...]] = []
    for arm in arms:
        if arm.filtered is None:
            continue
        left_out = arm.filtered.left_out
        rows += [
            (arm.arm, rule.measure, rule.below, rule.above, *_counts(each), rule.reason)
            for rule, each in zip(left_out.rules, left_out.by_rule, strict=True)
        ]
        rows.append((arm.arm, "all together", None, None, *_counts(left_out.together), ""))
    columns = (
        ARM,
        Column("measure", "seconds (of an answer), median_seconds or gold_accuracy (of a participant)."),
        Column("below", "Left out below this.", "number"),
        Column("above", "Left out above this.", "number"),
        Column("answers", "Answers that it leaves out.", "count"),
        Column("participants", "Participants with an answer that it leaves out.", "count"),
        Column("reason", "Why, as the protocol says."),
    )
    return Table("exclusions", "Exclusions", columns, tuple(rows))


def _row(
    arm: ArmResults, filtered: FilteredResults, full: ClassifierResult, kept: ClassifierResult
) -> tuple[Cell, ...]:
    review = kept.review
    asked = review.agreed + review.rejected + review.undecided > 0 or not kept.errors
    calibration = filtered.results.null_calibration
    return (
        kept.classifier,
        arm.arm,
        full.rectified_top1_error if asked else NOTHING_ASKED,
        *(
            (kept.rectified_top1_error, pair(kept.rectified_top1_interval), kept.rectified_top1_bounds)
            if asked
            else (NOTHING_ASKED, None, None)
        ),
        kept.undecided,
        kept.coverage,
        *_accepted(None if calibration is None else calibration.foils),
        *_accepted(None if calibration is None else calibration.dataset_labels),
        filtered.results.answers,
    )


def _accepted(control: ControlAcceptance | None) -> tuple[Cell, Cell]:
    if control is None:
        return None, None
    return share_cells(control.accepted, why_empty="none is decided")


def _counts(left_out: LeftOut) -> tuple[int, int]:
    return left_out.answers, left_out.participants
