"""Tables of an assignment study: the paper's Table 3, contrasts, and success by category, person and time."""

from __future__ import annotations

from math import floor, log10

import numpy as np

from studyapp.analysis.arrays import FloatArray
from studyapp.analysis.assignment import (
    Success,
    TimeWindow,
    success_by,
    success_over_time,
    time_histogram,
)
from studyapp.analysis.assignment_contrasts import ConditionContrast
from studyapp.analysis.assignment_model import MixedModel
from studyapp.analysis.assignment_power import separable_words
from studyapp.analysis.withheld import Withheld
from studyapp.exports.assignment_results import AssignmentResults
from studyapp.exports.cells import ARM, pair, share_cells, share_columns
from studyapp.exports.tabular import Cell, Column, Table

REFERENCE = (
    "References, no results of this study: Stock and Cissé (2018) state 55.02 % for six adversarial "
    "prototypes and 57.06 % for three with three criticisms, from 1,600 valid answers."
)


def assignment_success_table(found: AssignmentResults | None) -> Table:
    """Table 3: success per condition, within the window and over all answers."""
    rows = [] if found is None else [_success_row(found, place) for place in range(len(found.conditions))]
    columns = (
        ARM,
        Column("method", "How the pictures of a group are chosen."),
        Column("prototypes", "Prototypes of each group.", "count"),
        Column("criticisms", "Criticisms of each group.", "count"),
        Column("answers", "Answers within the time window.", "count"),
        Column("right", "Of them, of the target's group.", "count", wide=True),
        *share_columns("success_rate", "right / answers.", "success"),
        Column("all_answers", "Answers whatever their time.", "count"),
        Column("all_right", "Of them, of the target's group.", "count", wide=True),
        *share_columns("all_success_rate", "all_right / all_answers.", "success, unfiltered"),
        Column("chance", "Success of somebody who guesses.", "share", "fraction of 1"),
        Column(
            "modelled_success",
            "Success of an average person on an average set of categories (mixed-effects logistic model).",
            "share",
            "fraction of 1",
            "modelled",
        ),
    )
    note = "" if found is None else f"{_window_words(found.window)} {_power_words(found)} {REFERENCE}"
    return Table("assignment_success", "Success per condition", columns, tuple(rows), note=note)


def _success_row(found: AssignmentResults, place: int) -> tuple[Cell, ...]:
    condition, plan = found.conditions[place], found.plans[place]
    within, everything = condition.within, condition.everything
    return (
        condition.condition,
        *((plan.method.replace("_", "-"), plan.prototypes, plan.criticisms) if plan else (None, None, None)),
        *(within.total, within.count, *share_cells(within, why_empty="no answer within the window yet")),
        *(everything.total, everything.count, *share_cells(everything, why_empty="no answer yet")),
        found.evidence.trials.chance,
        _modelled(found.model, condition.condition),
    )


def _modelled(model: MixedModel | Withheld, condition: str) -> Cell:
    if isinstance(model, Withheld):
        return model
    return next((each.success for each in model.conditions if each.condition == condition), None)


def _window_words(window: TimeWindow) -> str:
    return (
        f"Within the window: answers of {window.low:g} to {window.high:g} s, declared in the protocol and "
        "applied here, never at collection."
    )


def _power_words(found: AssignmentResults) -> str:
    """What the answers that came can separate, in words; nothing while there are none."""
    fewest = min((each.within.total for each in found.conditions), default=0)
    return separable_words(fewest, contrasts=len(found.contrasts)) if fewest else ""


def assignment_contrasts_table(found: AssignmentResults | None) -> Table:
    """Conditions in pairs, from answers within the window."""
    rows = [] if found is None else [_contrast_row(found, each) for each in found.contrasts]
    columns = (
        Column("first", "First condition; differences are first minus second."),
        Column("second", "Second condition."),
        Column("answers_first", "Answers of the first within the window.", "count", wide=True),
        Column("answers_second", "Answers of the second within the window.", "count", wide=True),
        *share_columns("difference", "Success of the first minus that of the second; people resampled."),
        Column(
            "informative", "People whose own answers could be exchanged to effect.", "count", heading="people"
        ),
        Column(
            "permutation_p",
            "Exact within-participant permutation test, two-sided.",
            "probability",
            heading="p",
        ),
        Column(
            "permutation_p_holm", "The same, Holm over these contrasts.", "probability", heading="p (Holm)"
        ),
        Column("odds_ratio", "Of success, by the mixed-effects logistic model.", "number"),
        Column(
            "odds_ratio_interval",
            "Its 95 % interval.",
            "pair",
            parts=("low", "high"),
            beside="odds_ratio",
        ),
    )
    note = (
        "The permutation test is the primary one: conditions exchanged among each person's own answers. The "
        "model has random intercepts for people and sets of categories."
        if rows
        else ""
    )
    return Table("assignment_contrasts", "Conditions in pairs", columns, tuple(rows), note=note)


def _contrast_row(found: AssignmentResults, each: ConditionContrast) -> tuple[Cell, ...]:
    model = found.model
    odds = model if isinstance(model, Withheld) else model.odds_ratio(each.first, each.second)
    ratio: tuple[Cell, Cell] = (odds, None) if isinstance(odds, Withheld) else (odds[0], pair(odds[1]))
    return (
        *(each.first, each.second, each.answers_first, each.answers_second),
        *(each.difference, pair(each.interval), each.informative, each.p, each.p_holm),
        *ratio,
    )


def assignment_categories_table(found: AssignmentResults | None) -> Table:
    """Success by the target's category, over all conditions, within the window."""
    rows: list[tuple[Cell, ...]] = []
    if found is not None:
        kept = found.kept
        rows = [
            (found.evidence.categories[each.part], *_part_cells(each))
            for each in success_by(kept, kept.category)
        ]
    columns = (Column("category", "Category of the target."), *_PART_COLUMNS)
    return Table("assignment_categories", "Success by category", columns, tuple(rows))


def assignment_people_table(found: AssignmentResults | None) -> Table:
    """Success by participant, over all conditions, within the window."""
    rows: list[tuple[Cell, ...]] = []
    if found is not None:
        kept = found.kept
        rows = [
            (
                found.evidence.participants[each.part],
                *_part_cells(each),
                _median(kept.seconds[kept.participant == each.part]),
            )
            for each in success_by(kept, kept.participant)
        ]
    columns = (
        Column("participant", "Pseudonym."),
        *_PART_COLUMNS,
        Column("median_seconds", "Median time of an answer.", "number", "s"),
    )
    return Table("assignment_people", "Success by participant", columns, tuple(rows))


def assignment_time_table(found: AssignmentResults | None) -> Table:
    """Success over the time on task: by the place of a trial among the person's own."""
    rows: list[tuple[Cell, ...]] = []
    if found is not None:
        rows = [
            (f"{each.first}\u2013{each.last}", *_part_cells(Success(0, each.rate)))
            for each in success_over_time(found.kept)
        ]
    columns = (Column("trials", "Places among a person's own trials."), *_PART_COLUMNS)
    return Table("assignment_over_time", "Success over time on task", columns, tuple(rows))


def assignment_seconds_table(found: AssignmentResults | None) -> Table:
    """Answers by their time, with the window."""
    rows: list[tuple[Cell, ...]] = []
    if found is not None:
        width = _round_step(found.window.high / 9)
        bins = time_histogram(found.evidence.trials, found.window, width=width, last=12 * width)
        total = sum(each.answers for each in bins)
        rows = [
            (
                f"{each.low:g}" if each.high is None else f"{each.low:g}\u2013{each.high:g}",
                each.answers,
                each.kept,
                each.answers / total,
                each.kept / total,
            )
            for each in bins
            if total
        ]
    columns = (
        Column("seconds", "Time of the answer, the second not included; the last is open.", unit="s"),
        Column("answers", "Answers of this time.", "count"),
        Column("kept", "Of them, within the window.", "count"),
        Column("share", "answers / all answers with a known time.", "share", "fraction of 1"),
        Column("kept_share", "kept / all answers with a known time.", "share", "fraction of 1", wide=True),
    )
    return Table("assignment_seconds", "Times of the answers", columns, tuple(rows))


_PART_COLUMNS = (
    Column("answers", "Answers within the time window.", "count"),
    Column("right", "Of them, of the target's group.", "count"),
    *share_columns("success_rate", "right / answers.", "success"),
)


def _part_cells(each: Success) -> tuple[Cell, ...]:
    return each.rate.total, each.rate.count, *share_cells(each.rate, why_empty="no answer")


def _round_step(least: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is not below `least` > 0."""
    power = 10.0 ** floor(log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


def _median(seconds: FloatArray) -> float | None:
    known = seconds[np.isfinite(seconds)]
    return float(np.median(known)) if len(known) else None


ASSIGNMENT_BUILDERS = (
    assignment_success_table,
    assignment_contrasts_table,
    assignment_categories_table,
    assignment_people_table,
    assignment_time_table,
    assignment_seconds_table,
)
