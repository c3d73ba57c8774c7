"""Tables of a stability study: stability as it is and with accepted flips, by setting and by direction."""

from __future__ import annotations

from collections.abc import Iterator

from studyapp.analysis.intervals import Interval
from studyapp.analysis.rectified_stability import FlipVerdicts, SettingStability
from studyapp.analysis.withheld import Withheld
from studyapp.exports.cells import ARM, CLASSIFIER
from studyapp.exports.stability_evidence import StabilityResults
from studyapp.exports.tabular import Cell, Column, Table, interval_column

RECTIFIED, DIRECTION = "rectified_stability", "flip_directions"
ALL_SETTINGS = "all settings asked about"
#: On the page of a run, what the studies about it found.
JUDGED = "Flips that people judged"
#: Two intervals stand side by side and are of two things.
HELD = "the rectified value\u2019s interval carries people\u2019s accepted share over; the raw share is held"
_UNDECIDED = Withheld("no flip is decided yet")

VERDICT_COLUMNS = (
    Column("asked", "Of them, those that people are asked about.", "count"),
    Column("decided", "Of the asked, those that the agreement rule decides.", "count"),
    Column("coverage", "decided / asked.", "share", "fraction of 1", wide=True),
    Column("accepted", "Of the decided, those whose new label people find relevant.", "count"),
    Column(
        "not_accepted",
        "Share of the flips that people do not accept: their new label is not relevant. Weighted by the "
        "flips that each drawn one stands for.",
        "share",
        "fraction of 1",
    ),
    interval_column("not_accepted_interval", "95 % Wilson interval of not_accepted.", beside="not_accepted"),
)

RECTIFIED_COLUMNS = (
    Column(
        "rectified_stability",
        "The same with accepted flips counted as stable.",
        "share",
        "fraction of 1",
        heading="rectified",
    ),
    interval_column(
        "rectified_stability_interval",
        "Interval of the accepted share carried over, the raw stability held.",
        beside="rectified_stability",
    ),
    Column(
        "rectified_stability_bounds",
        "With every undecided flip rejected, and accepted.",
        "pair",
        "fraction of 1",
        heading="bounds",
        parts=("low", "high"),
        wide=True,
    ),
)


def rectified_stability_table(found: StabilityResults | None) -> Table:
    """Every classifier under every setting, and over all of them."""
    columns = (
        ARM,
        CLASSIFIER,
        Column("setting", "The change; the last row of a classifier is the mean over those asked about."),
        Column("images", "Images probed; over all settings, images times settings.", "count"),
        Column("flips", "Predictions that the change turns, in any direction.", "count"),
        *VERDICT_COLUMNS,
        Column("stability", "1 - flips / images.", "share", "fraction of 1"),
        interval_column("stability_interval", "95 % Wilson interval of stability.", beside="stability"),
        *RECTIFIED_COLUMNS,
    )
    return Table(RECTIFIED, "Stability, raw and rectified", columns, tuple(_rows(found)), note=_note(found))


def _rows(found: StabilityResults | None) -> Iterator[tuple[Cell, ...]]:
    for each in found.classifiers if found else ():
        for row in each.settings:
            yield (each.arm, each.classifier, row.count.setting, *_cells(row))
        if len(each.settings) > 1:
            yield (each.arm, each.classifier, ALL_SETTINGS, *_cells(each.together))


def _cells(row: SettingStability) -> tuple[Cell, ...]:
    return (
        *(row.count.images, row.count.flips, *verdict_cells(row.verdicts)),
        *(row.raw, _pair(row.raw_interval), *rectified_cells(row)),
    )


def rectified_cells(row: SettingStability) -> tuple[Cell, ...]:
    """The cells of RECTIFIED_COLUMNS."""
    return (_UNDECIDED if row.rectified is None else row.rectified, row.interval, row.bounds)


def verdict_cells(verdicts: FlipVerdicts) -> tuple[Cell, ...]:
    """The cells of VERDICT_COLUMNS."""
    share = verdicts.rejected_share
    if share is None and verdicts.asked:
        shown: Cell = _UNDECIDED
    else:
        shown = share
    return (
        *(verdicts.asked, verdicts.decided, verdicts.decided / verdicts.asked if verdicts.asked else None),
        *(verdicts.accepted, shown, _pair(verdicts.rejected_interval)),
    )


def _pair(interval: Interval | None) -> Cell:
    return None if interval is None else (interval.low, interval.high)


def flip_directions_table(found: StabilityResults | None) -> Table:
    """What people accept by where the prediction went."""
    columns = (
        ARM,
        CLASSIFIER,
        Column("direction", "right_to_wrong, wrong_to_right or wrong_to_wrong, by the dataset's label."),
        *VERDICT_COLUMNS,
    )
    rows = tuple(
        (each.arm, each.classifier, direction, *verdict_cells(verdicts))
        for each in (found.classifiers if found else ())
        for direction, verdicts in each.directions
    )
    note = (
        "A flip from wrong to right is to the dataset\u2019s label: not accepting it there is not accepting "
        "the label."
        if rows
        else ""
    )
    return Table(DIRECTION, "Flips by direction", columns, rows, note=note)


def _note(found: StabilityResults | None) -> str:
    if found is None:
        return ""
    rule = found.protocol.answers
    asked = found.asked
    words = (
        f"A flip is accepted where {rule.agreement} of {rule.required} people find the new label relevant "
        "for the changed picture; rectified stability counts it as stable. "
    )
    if asked.sample is not None:
        words += (
            f"At most {asked.sample:,} flips were drawn for each classifier"
            f"{' and setting' if asked.sample_per == 'setting' else ''}; each stands for those it was drawn "
            "from. "
        )
    if len(asked.directions) < 3:
        words += f"Only flips {', '.join(asked.directions)} were asked about; the others stay unstable. "
    return (
        f"{words}Intervals are of 95 %: {HELD}. The mean\u2019s intervals rest on no more flips than there "
        "are images, because flips of one image are not independent."
    )


STABILITY_BUILDERS = (rectified_stability_table, flip_directions_table)
