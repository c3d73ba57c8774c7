"""Lines over a quantity, each named at its right end in its own colour."""

from __future__ import annotations

from typing import Any

from matplotlib.transforms import ScaledTranslation

from studyapp.exports.figures import Line, Lines
from studyapp.exports.palette import OKABE_ITO, RULE, SOFT

#: Kept free on the right for the names.
NAMES_INCHES = 1.5
#: Names closer than this share of the axis are moved apart.
_LINE_HEIGHT = 0.055
#: Points between the bars of two series at one place.
_BARS_APART = 4.0


def draw_lines(axes: Any, content: Lines, *, named: bool = True, names_only: bool = False) -> None:
    """Every series with its intervals as a band; shares are drawn in percent from 0.

    `named` writes the names beside the lines' ends; `names_only` writes them beside lines that are there.
    """
    if names_only:
        _names(axes, content)
        return
    if content.null is not None:
        axes.axhline(100 * content.null, color=SOFT, linewidth=0.7, linestyle=(0, (4, 3)))
        axes.annotate(
            content.null_label,
            (0.0, 100 * content.null),
            xycoords=("axes fraction", "data"),
            xytext=(3, 2),
            textcoords="offset points",
            fontsize=6.5,
            color=SOFT,
        )
    for place, line in enumerate(content.lines):
        colour = OKABE_ITO[place % len(OKABE_ITO)]
        if content.few:
            _barred(axes, line, colour, aside=_BARS_APART * (place - (len(content.lines) - 1) / 2))
        else:
            _line(axes, line, colour)
    if content.few:
        _few_places(axes, content)
    axes.set_ylim(0, max(_highest(content) * 1.05, 1.0))
    axes.set_xlabel(content.x_label)
    axes.set_ylabel(content.y_label)
    axes.yaxis.grid(True, color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", length=2)
    if named:
        _names(axes, content)


def _line(axes: Any, line: Line, colour: str) -> None:
    drawn = [(x, bar) for x, bar in line.points if bar.value is not None]
    if not drawn:
        return
    places = [x for x, _ in drawn]
    values = [100 * bar.value for _, bar in drawn if bar.value is not None]
    banded = [(x, bar.interval) for x, bar in drawn if bar.interval is not None]
    if banded:
        axes.fill_between(
            [x for x, _ in banded],
            [100 * interval[0] for _, interval in banded],
            [100 * interval[1] for _, interval in banded],
            color=colour,
            alpha=0.14,
            linewidth=0,
        )
    axes.plot(places, values, color=colour, linewidth=1.3, marker="o", markersize=2.6, zorder=3)


def _barred(axes: Any, line: Line, colour: str, *, aside: float) -> None:
    """Every value with its interval as a bar, `aside` points beside its place: no bar hides another."""
    drawn = [(x, bar) for x, bar in line.points if bar.value is not None]
    moved = axes.transData + ScaledTranslation(aside / 72, 0, axes.figure.dpi_scale_trans)
    for x, bar in drawn:
        if bar.interval is not None:
            low, high = (100 * end for end in bar.interval)
            axes.plot([x, x], [low, high], color=colour, linewidth=0.9, alpha=0.55, transform=moved)
    places, values = [x for x, _ in drawn], [100 * bar.value for _, bar in drawn if bar.value is not None]
    axes.plot(places, values, color=colour, linewidth=0.7, alpha=0.5, transform=moved)
    axes.plot(
        places,
        values,
        color=colour,
        linestyle="none",
        marker="o",
        markersize=3.4,
        transform=moved,
        clip_on=False,
    )


def _few_places(axes: Any, content: Lines) -> None:
    """The axis names the places, with room for bars at its ends."""
    places = sorted({x for line in content.lines for x, _ in line.points})
    room = 0.08 * (places[-1] - places[0]) or 1.0
    axes.set_xlim(places[0] - room, places[-1] + room)
    axes.set_xticks(places, [f"{place:g}" for place in places])


def _names(axes: Any, content: Lines) -> None:
    """From the top down, each at the height of its line's end or just below the name before."""
    ends = []
    for place, line in enumerate(content.lines):
        last = next((bar.value for _, bar in reversed(line.points) if bar.value is not None), None)
        if last is not None:
            ends.append((100 * last / axes.get_ylim()[1], line.series, OKABE_ITO[place % len(OKABE_ITO)]))
    above = 2.0
    for height, name, colour in sorted(ends, reverse=True):
        above = min(height, above - _LINE_HEIGHT)
        axes.annotate(
            name,
            (1.0, above),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=colour,
            fontweight="bold",
        )


def _highest(content: Lines) -> float:
    shares = [
        share
        for line in content.lines
        for _, bar in line.points
        for share in (bar.value, bar.interval[1] if bar.interval else None)
        if share is not None
    ]
    return 100 * max([*shares, content.null or 0.0], default=0.0)
