"""Marks by category: one row each and one for all together, a look of its own per observer, bars beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.transforms import ScaledTranslation

from studyapp.exports.figures import NAMES_ACROSS, CategoryMarks, Marked
from studyapp.exports.palette import INK, OKABE_ITO, RULE, SOFT

#: Kept free on the left for the categories, and on the right for the bars.
CATEGORY_INCHES = 0.95
ACCURACY_INCHES = 1.75
#: People are round; networks take the rest in turn.
_PEOPLE = ("o",)
_NETWORKS = ("s", "^", "D", "v", "P", "X", "<", ">")
#: Once every mark was taken, the same come open, then half filled.
_FILLS = ("full", "none", "left", "right", "top", "bottom")
#: Once every colour was taken, the lines of the same are dashed: in on and off points of the line's width.
_DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 2)),
    (0, (1.2, 1.6)),
    (0, (7, 1.8, 1.2, 1.8)),
    (0, (2.5, 1.2)),
    (0, (7, 1.5, 1.2, 1.5, 1.2, 1.5)),
)
_LONGEST_NAME = 32
#: Kept free above and below the row of all together, in rows of a category.
_MARGIN = 0.1


@dataclass(frozen=True, slots=True)
class Look:
    """How an observer is drawn: no two of six people, or of 48 networks, have one mark and fill."""

    colour: str
    marker: str
    fill: str
    dash: Any

    def mark(self, size: float) -> dict[str, Any]:
        """What matplotlib takes for one mark; full ones have a white edge where they touch others."""
        full = self.fill == "full"
        return {
            "linestyle": "none",
            "marker": self.marker,
            "markersize": size,
            "fillstyle": "full" if self.fill == "none" else self.fill,
            "markerfacecolor": "white" if self.fill == "none" else self.colour,
            "markerfacecoloralt": "white",
            "markeredgecolor": "white" if full else self.colour,
            "markeredgewidth": 0.5 if full else 1.0,
            "clip_on": False,
        }


def draw_marks(axes: Any, content: CategoryMarks) -> None:
    """The marks, then the bars in a panel of their own; shares are drawn from 0 to 1."""
    count = len(content.categories)
    heights = [count - 1 - place for place in range(count)]
    looks = looks_of(content.series)
    for place, (each, look) in enumerate(zip(content.series, looks, strict=True)):
        shown = [(bar.value, y) for bar, y in zip(each.marks, heights, strict=True) if bar.value is not None]
        axes.plot(
            [value for value, _ in shown],
            [y for _, y in shown],
            zorder=4 + place / 100,
            **look.mark(_size(each)),
        )
    top = count - 0.5 + content.pooled_rows
    _pooled(axes, content, looks, top)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.6, top)
    axes.set_yticks([(top + count - 0.5) / 2, *heights], ["all", *content.categories])
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("fraction of shape decisions (0: all for the texture)")
    axes.hlines(heights, 0, 1, color=RULE, linewidth=0.5, zorder=1)
    _bars(axes, content, looks, share=(count + 0.1) / (top + 0.6))
    _names(axes, content, looks)


def _pooled(axes: Any, content: CategoryMarks, looks: Sequence[Look], top: float) -> None:
    """A vertical line each; in the row of all together its mark and interval, under one another."""
    apart = (content.pooled_rows - 2 * _MARGIN) / max(len(content.series), 1)
    for place, (each, look) in enumerate(zip(content.series, looks, strict=True)):
        if each.pooled.value is None:
            continue
        axes.axvline(
            each.pooled.value, color=look.colour, linewidth=1.1, linestyle=look.dash, zorder=2 + place / 100
        )
        y = top - _MARGIN - (place + 0.5) * apart
        if each.pooled.interval is not None:
            axes.plot(each.pooled.interval, [y, y], color=INK, linewidth=0.8, zorder=3, clip_on=False)
        axes.plot([each.pooled.value], [y], zorder=4 + place / 100, **look.mark(_size(each)))


def looks_of(series: Sequence[Marked]) -> list[Look]:
    """One for each observer, in their order; colours go round with all, marks with people and networks."""
    found = []
    taken = {True: 0, False: 0}
    for place, each in enumerate(series):
        markers = _PEOPLE if each.person else _NETWORKS
        number = taken[each.person]
        taken[each.person] += 1
        found.append(
            Look(
                colour=OKABE_ITO[place % len(OKABE_ITO)],
                marker=markers[number % len(markers)],
                fill=_FILLS[number // len(markers) % len(_FILLS)],
                dash=_DASHES[place // len(OKABE_ITO) % len(_DASHES)],
            )
        )
    return found


def _size(each: Marked) -> float:
    return 5.6 if each.person else 4.8


def _bars(axes: Any, content: CategoryMarks, looks: Sequence[Look], *, share: float) -> None:
    """Accuracy of each observer in each category, those of one category under one another; `share` is of the
    plot's height, without the row of all together."""
    panel = axes.inset_axes([1.05, 0, 0.31, share])
    count, series = len(content.categories), len(content.series)
    thick = 0.84 / max(series, 1)
    for place, (each, look) in enumerate(zip(content.series, looks, strict=True)):
        for row, bar in enumerate(each.accuracy):
            if bar.value is not None:
                y = count - 1 - row + 0.42 - (place + 0.5) * thick
                panel.barh(y, bar.value, thick * 0.9, color=look.colour, linewidth=0)
    panel.set_xlim(0, 1)
    panel.set_ylim(-0.6, count - 0.5)
    panel.set_yticks([])
    panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    panel.set_xlabel("accuracy")
    panel.xaxis.grid(True, color=RULE, linewidth=0.5)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _names(axes: Any, content: CategoryMarks, looks: Sequence[Look]) -> None:
    """Line and mark, name and pooled fraction of every observer, in lines above the plot."""
    inches = axes.figure.get_figwidth() - 0.3
    plot = axes.figure.get_figwidth() - CATEGORY_INCHES - ACCURACY_INCHES
    for place, (each, look) in enumerate(zip(content.series, looks, strict=True)):
        line, column = divmod(place, NAMES_ACROSS)
        x = (column * inches / NAMES_ACROSS - CATEGORY_INCHES + 0.15) / plot
        above = 12 * (content.name_rows - line) - 4
        _line_at(axes, x, above, look)
        axes.annotate(
            _called(each),
            (x, 1.0),
            xycoords="axes fraction",
            xytext=(20, above),
            textcoords="offset points",
            va="center",
            fontsize=7.2,
            color=INK if each.pooled.value is not None else SOFT,
        )


def _called(each: Marked) -> str:
    name = each.series if len(each.series) <= _LONGEST_NAME else f"{each.series[: _LONGEST_NAME - 1]}\u2026"
    return name if each.pooled.value is None else f"{name}  {each.pooled.value:.2f}"


def _line_at(axes: Any, x: float, above: float, look: Look) -> None:
    """A piece of the line, 16 points long, with the mark in its middle."""
    for aside, drawn in (
        (0.0, {"color": look.colour, "linewidth": 1.1, "linestyle": look.dash, "clip_on": False}),
        (8.0, look.mark(5)),
    ):
        places = [aside] if aside else [0.0, 16.0]
        for_points = ScaledTranslation(0, above / 72, axes.figure.dpi_scale_trans)
        axes.plot(
            [x + place / 72 / _plot_inches(axes) for place in places],
            [1.0] * len(places),
            transform=axes.transAxes + for_points,
            **drawn,
        )


def _plot_inches(axes: Any) -> float:
    return float(axes.figure.get_figwidth()) - CATEGORY_INCHES - ACCURACY_INCHES
