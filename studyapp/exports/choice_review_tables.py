"""Choices by shape before and after people's review, for networks before cue-conflict pictures."""

from __future__ import annotations

from collections.abc import Sequence

from studyapp.analysis.rectified_choices import AcceptedDecisions, RectifiedChoices
from studyapp.exports.arm_results import ArmResults
from studyapp.exports.cells import ARM, CLASSIFIER, pair, share_cells, share_columns
from studyapp.exports.tabular import Cell, Column, Table

RECTIFIED_CHOICES = "rectified_choices"
TITLE = "Choices by shape, raw and rectified"
_NONE_DECIDED = "no such choice is decided yet"
_NONE_MADE = "there is no such choice"
NOTE = (
    "Raw and rectified are shares of all pictures in conflict; the shape fraction is one of decisions for "
    "shape or texture. Rectified: the choice is the shape\u2019s, or people find what it names relevant. "
    "Undecided choices count as not accepted; the bounds say what they leave open."
)


def _decisions(name: str, words: str, heading: str) -> tuple[Column, ...]:
    return (
        Column(name, f"Choices {words}.", "count", heading=heading),
        Column(f"{name}_asked", "Of them, those that people are asked about.", "count", wide=True),
        Column(f"{name}_decided", "Of the asked, those that the rule decides.", "count", heading="decided"),
        Column(f"{name}_coverage", "decided / asked.", "share", "fraction of 1", wide=True),
        Column(f"{name}_accepted", "Of the decided, those that people accept.", "count", heading="accepted"),
        *share_columns(
            f"{name}_accepted_share",
            "accepted / decided, in a sample weighted by what each drawn choice stands for; Wilson interval.",
            "share",
        ),
    )


COLUMNS = (
    CLASSIFIER,
    Column("pictures", "Pictures whose shape and texture are of different things (N).", "count"),
    Column("shape", "Choices of the shape's category (S).", "count", wide=True),
    *share_columns("shape_share", "S / N.", "raw"),
    *share_columns("rectified_share", "(S + accepted choices of texture or neither) / N.", "rectified"),
    Column(
        "rectified_share_bounds",
        "Rectified share with no undecided choice accepted, and with all of them.",
        "pair",
        "fraction of 1",
        "bounds",
        ("none_accepted", "all_accepted"),
        wide=True,
    ),
    Column("coverage", "Decided of both / asked of both.", "share", "fraction of 1"),
    *_decisions("texture", "of the texture's category", "texture"),
    *_decisions("neither", "of another category", "neither"),
)


def rectified_choices_table(arms: Sequence[ArmResults]) -> Table:
    """One row per network (and arm) whose choices of a texture probe the study asks about."""
    rows = tuple((arm.arm, *_cells(each)) for arm in arms for each in arm.choices)
    return Table(RECTIFIED_CHOICES, TITLE, (ARM, *COLUMNS), rows, note=NOTE if rows else "")


def _cells(each: RectifiedChoices) -> tuple[Cell, ...]:
    return (
        *(each.observer, each.pictures, each.shape),
        *(each.raw, pair(each.raw_interval)),
        *(each.rectified, pair(each.rectified_interval)),
        *(each.bounds, each.coverage),
        *_decision_cells(each.texture),
        *_decision_cells(each.neither),
    )


def _decision_cells(found: AcceptedDecisions) -> tuple[Cell, ...]:
    return (
        *(found.decisions, found.asked, found.accepted.total, found.coverage, found.accepted.count),
        *share_cells(found.accepted, why_empty=_NONE_DECIDED if found.decisions else _NONE_MADE),
    )
