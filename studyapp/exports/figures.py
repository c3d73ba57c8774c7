"""What a figure is: shares as bars or points, with their intervals, and the words beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from studyapp.exports.tabular import Cell, Column, Table

Pair: TypeAlias = tuple[float, float]

WIDTH = 7.2  # inches; two columns of a paper
NAMES_ACROSS = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """A share in [0, 1] (None where withheld), its interval, and the bounds undecided questions leave."""

    value: float | None
    interval: Pair | None = None
    bounds: Pair | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Bars side by side over one label; `null` is the level that says nothing, in [0, 1]."""

    label: str
    bars: tuple[Bar, ...]
    null: float | None = None


@dataclass(frozen=True, slots=True)
class BarGroups:
    """Grouped bars, one of each group per series."""

    series: tuple[str, ...]
    groups: tuple[Group, ...]
    x_label: str
    y_label: str
    null_label: str = ""
    first_is_before: bool = False


@dataclass(frozen=True, slots=True)
class DotRow:
    """One point with its interval on a line of its own."""

    label: str
    series: str
    bar: Bar


@dataclass(frozen=True, slots=True)
class Dots:
    """Points with intervals, one row each, coloured by series."""

    series: tuple[str, ...]
    rows: tuple[DotRow, ...]
    x_label: str
    label_inches: float = 2.2


@dataclass(frozen=True, slots=True)
class Line:
    """Shares over a quantity: `points` are (place on the x axis, share with its interval), left to right."""

    series: str
    points: tuple[tuple[float, Bar], ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """One line per series over one quantity; `null` is the level that says nothing, in [0, 1].

    `few`: at so few places that each is named on the axis and has its interval as a bar, not all as a band.
    """

    lines: tuple[Line, ...]
    x_label: str
    y_label: str
    null: float | None = None
    null_label: str = ""
    few: bool = False


@dataclass(frozen=True, slots=True)
class Marked:
    """One observer: a mark per category, all of them pooled, and how much of each category was answered."""

    series: str
    person: bool
    pooled: Bar
    marks: tuple[Bar, ...]
    accuracy: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class CategoryMarks:
    """Categories down, a share in [0, 1] across; marks by observer, bars of a second share beside them."""

    categories: tuple[str, ...]
    series: tuple[Marked, ...]

    @property
    def name_rows(self) -> int:
        """Lines that the names above the plot take."""
        return -(-len(self.series) // NAMES_ACROSS)

    @property
    def pooled_rows(self) -> float:
        """Height of the row of all together, in rows of a category: observers stand under one another."""
        return max(1.0, 0.18 * len(self.series))


@dataclass(frozen=True, slots=True)
class Stack:
    """Panels of lines: `rows` from the top, each with one panel per title of `columns`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Lines, ...], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: its name in files, what it shows, and the words that stand with it."""

    name: str
    title: str
    caption: str
    content: BarGroups | Dots | Lines | CategoryMarks | Stack
    alternative: str = field(default="")

    @property
    def inches(self) -> Pair:
        """Width and height as drawn."""
        if isinstance(self.content, CategoryMarks):
            rows = len(self.content.categories) + self.content.pooled_rows
            return WIDTH, 1.75 + 0.17 * self.content.name_rows + 0.31 * rows
        if isinstance(self.content, Stack):
            return WIDTH, 1.5 + 1.7 * len(self.content.rows)
        height = 1.35 + 0.27 * len(self.content.rows) if isinstance(self.content, Dots) else 3.6
        return WIDTH, height

    @property
    def pixels(self) -> tuple[int, int]:
        """The same in CSS pixels, so that a page knows the size before the picture arrives."""
        width, height = self.inches
        return round(96 * width), round(96 * height)

    def data(self) -> Table:
        """The drawn values as a table, for the CSV beside the picture."""
        rows: list[tuple[Cell, ...]] = []
        if isinstance(self.content, BarGroups):
            for group in self.content.groups:
                rows += [
                    (group.label, series, bar.value, bar.interval, bar.bounds, group.null)
                    for series, bar in zip(self.content.series, group.bars, strict=True)
                ]
        elif isinstance(self.content, Lines):
            rows += [
                (f"{x:g}", line.series, bar.value, bar.interval, bar.bounds, self.content.null)
                for line in self.content.lines
                for x, bar in line.points
            ]
        elif isinstance(self.content, Stack):
            rows += [
                (f"{x:g}", f"{line.series}, {column}, {panel.y_label}", bar.value, bar.interval, None, None)
                for panels in self.content.rows
                for column, panel in zip(self.content.columns, panels, strict=True)
                for line in panel.lines
                for x, bar in line.points
            ]
        elif isinstance(self.content, CategoryMarks):
            for each in self.content.series:
                rows.append(("all", each.series, each.pooled.value, each.pooled.interval, None, None))
                for what, bars in (("", each.marks), (", accuracy", each.accuracy)):
                    rows += [
                        (f"{category}{what}", each.series, bar.value, bar.interval, None, None)
                        for category, bar in zip(self.content.categories, bars, strict=True)
                    ]
        else:
            rows += [
                (row.label, row.series, row.bar.value, row.bar.interval, row.bar.bounds, None)
                for row in self.content.rows
            ]
        return Table(self.name, self.title, FIGURE_COLUMNS, tuple(rows), note=self.caption)


FIGURE_COLUMNS = (
    Column("group", "Label under the bar or beside the point; on lines the place on the x axis."),
    Column("series", "Series, as named in the figure."),
    Column("value", "Height of the bar or place of the point.", "share", "fraction of 1"),
    Column("interval", "Its confidence interval.", "pair", "fraction of 1", parts=("low", "high")),
    Column("bounds", "What undecided questions leave open.", "pair", "fraction of 1", parts=("low", "high")),
    Column("null", "The level that would say nothing (dashed line).", "share", "fraction of 1"),
)
