"""Tables of a forced-choice study: shape or texture by person and category, and how pictures were shown."""

from __future__ import annotations

from studyapp.analysis.exposures import exposure_summary
from studyapp.analysis.shape_texture import ShapeRow
from studyapp.exports.cells import share_cells, share_columns
from studyapp.exports.choice_evidence import ChoiceResults, PersonChoices
from studyapp.exports.tabular import Cell, Column, Table

PEOPLE, CATEGORIES, TIMES = "choice_people", "choice_categories", "choice_exposures"
_NOBODY = "no decision for shape or texture yet"
_WHO = Column("participant", "The first 12 characters of the pseudonym; all is everybody pooled.")
_COUNTS = (
    Column("shape", "Decisions for the shape's category.", "count"),
    Column("texture", "Decisions for the texture's category.", "count"),
    Column("other", "Choices of another category.", "count", heading="neither"),
    *share_columns("shape_fraction", "shape / (shape + texture); Wilson interval."),
    *share_columns("accuracy", "(shape + texture) / answers: either cue was named; Wilson interval."),
)


def choice_people_table(found: ChoiceResults | None) -> Table:
    """Everybody pooled, then each person."""
    rows = [] if found is None else [_person_row(each) for each in (found.everybody, *found.people)]
    columns = (
        _WHO,
        Column("answers", "Answers that count, to pictures in conflict.", "count"),
        *_COUNTS,
        Column("on_time", "Decisions of pictures that were on the screen as asked.", "count"),
        *share_columns(
            "on_time_shape_fraction", "The shape fraction of those alone.", "fraction, shown as asked"
        ),
    )
    note = (
        ""
        if found is None
        else (
            "Decisions of one person are not independent; the rows of people show how much they differ. "
            "Beside published people and networks once the study is closed: "
            f"/probes/texture/?o=study:{found.study}"
        )
    )
    return Table(PEOPLE, "Shape or texture by participant", columns, tuple(rows), note=note)


def choice_categories_table(found: ChoiceResults | None) -> Table:
    """Everybody pooled, by category of the shape."""
    rows: list[tuple[Cell, ...]] = []
    if found is not None:
        rows = [(row.category, _total(row), *_cells(row)) for row in found.everybody.bias.by_category]
    columns = (
        Column("category", "Category of the shape."),
        Column("answers", "Answers that count.", "count"),
        *_COUNTS,
    )
    return Table(CATEGORIES, "Shape or texture by category", columns, tuple(rows))


def choice_exposures_table(found: ChoiceResults | None) -> Table:
    """How many presentations missed their time, of everybody and of each person."""
    rows: list[tuple[Cell, ...]] = []
    asked = None if found is None else found.asked_ms
    if found is not None and asked is not None:
        rows = [_time_row(each, asked) for each in (found.everybody, *found.people)]
    columns = (
        _WHO,
        Column("asked_ms", "For how long pictures were to be shown.", "count", "ms", "asked"),
        Column("presentations", "Answers to pictures shown for that time.", "count"),
        Column("missed", "Of them, those that missed it for any of the reasons.", "count"),
        *share_columns("missed_share", "missed / presentations; Wilson interval."),
        Column("other_time", "On the screen for more than half a frame longer or shorter.", "count"),
        Column("hidden", "The page was out of sight meanwhile.", "count"),
        Column("again", "The picture had been shown before: a reload or an undo.", "count"),
        Column("unmeasured", "The page could not measure.", "count"),
        Column("median_ms", "Median of the times measured.", "number", "ms", "median"),
        Column("longest_ms", "Longest time measured.", "number", "ms", wide=True),
        Column("refresh_ms", "Median length of a frame of the screens.", "number", "ms", "frame"),
    )
    note = (
        "Measured in the page from the frame that drew the picture to the frame that covered it; what the "
        "screen itself adds is not known."
        if rows
        else ""
    )
    return Table(TIMES, "How long pictures were on the screen", columns, tuple(rows), note=note)


def _person_row(each: PersonChoices) -> tuple[Cell, ...]:
    row = each.bias.pooled
    late: tuple[Cell, ...] = (None, None, None)
    if each.on_time is not None:
        kept = each.on_time.pooled
        late = (
            kept.shape + kept.texture,
            *share_cells(kept.shape_fraction, why_empty="no decision about a picture shown as asked"),
        )
    return (each.name, _total(row), *_cells(row), *late)


def _time_row(each: PersonChoices, asked: int) -> tuple[Cell, ...]:
    found = exposure_summary(each.exposed, asked_ms=asked)
    return (
        *(each.name, asked, found.missed.total, found.missed.count),
        *share_cells(found.missed, why_empty="no answer yet"),
        *(found.other_time, found.hidden, found.again, found.unmeasured),
        *(found.median_ms, found.longest_ms, found.median_refresh_ms),
    )


def _total(row: ShapeRow) -> int:
    return row.shape + row.texture + row.other


def _cells(row: ShapeRow) -> tuple[Cell, ...]:
    return (
        *(row.shape, row.texture, row.other),
        *share_cells(row.shape_fraction, why_empty=_NOBODY),
        *share_cells(row.accuracy, why_empty="no answer yet"),
    )


CHOICE_BUILDERS = (choice_people_table, choice_categories_table, choice_exposures_table)
