"""Marks by category: one row each, one mark per observer, pooled vertical lines, bars of accuracy beside."""

from __future__ import annotations

from typing import Any

from matplotlib.transforms import ScaledTranslation

from studyapp.exports.figures import NAMES_ACROSS, CategoryMarks, Marked
from studyapp.exports.palette import INK, OKABE_ITO, RULE, SOFT

#: Kept free on the left for the categories, and on the right for the bars.
CATEGORY_INCHES = 0.95
ACCURACY_INCHES = 1.75
#: People are round; networks take the rest in turn.
_PEOPLE = "o"
_NETWORKS = ("s", "^", "D", "v", "P", "X", "<", ">")


def draw_marks(axes: Any, content: CategoryMarks) -> None:
    """The marks, then the bars in a panel of their own; shares are drawn from 0 to 1."""
    count = len(content.categories)
    heights = [count - 1 - place for place in range(count)]
    looks = _looks(content)
    for place, (each, (colour, marker)) in enumerate(zip(content.series, looks, strict=True)):
        if each.pooled.value is not None:
            axes.axvline(each.pooled.value, color=colour, linewidth=1.1, zorder=2 + place / 100)
        shown = [(bar.value, y) for bar, y in zip(each.marks, heights, strict=True) if bar.value is not None]
        axes.plot(
            [value for value, _ in shown],
            [y for _, y in shown],
            linestyle="none",
            marker=marker,
            markersize=5.6 if each.person else 4.8,
            color=colour,
            markeredgecolor="white",
            markeredgewidth=0.5,
            zorder=4 + place / 100,
            clip_on=False,
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.6, count - 0.4)
    axes.set_yticks(heights, list(content.categories))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("fraction of shape decisions (0: all for the texture)")
    axes.yaxis.grid(True, color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    _bars(axes, content, looks)
    _names(axes, content, looks)


def _looks(content: CategoryMarks) -> list[tuple[str, str]]:
    networks = [each.series for each in content.series if not each.person]
    return [
        (
            OKABE_ITO[place % len(OKABE_ITO)],
            _PEOPLE if each.person else _NETWORKS[networks.index(each.series) % len(_NETWORKS)],
        )
        for place, each in enumerate(content.series)
    ]


def _bars(axes: Any, content: CategoryMarks, looks: list[tuple[str, str]]) -> None:
    """Accuracy of each observer in each category, those of one category under one another."""
    panel = axes.inset_axes([1.05, 0, 0.31, 1])
    count, series = len(content.categories), len(content.series)
    thick = 0.84 / max(series, 1)
    for place, (each, (colour, _)) in enumerate(zip(content.series, looks, strict=True)):
        for row, bar in enumerate(each.accuracy):
            if bar.value is not None:
                y = count - 1 - row + 0.42 - (place + 0.5) * thick
                panel.barh(y, bar.value, thick * 0.9, color=colour, linewidth=0)
    panel.set_xlim(0, 1)
    panel.set_ylim(-0.6, count - 0.4)
    panel.set_yticks([])
    panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    panel.set_xlabel("accuracy")
    panel.xaxis.grid(True, color=RULE, linewidth=0.5)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _names(axes: Any, content: CategoryMarks, looks: list[tuple[str, str]]) -> None:
    """Mark, name and pooled fraction of every observer, in lines above the plot."""
    inches = axes.figure.get_figwidth() - 0.3
    plot = axes.figure.get_figwidth() - CATEGORY_INCHES - ACCURACY_INCHES
    for place, (each, (colour, marker)) in enumerate(zip(content.series, looks, strict=True)):
        line, column = divmod(place, NAMES_ACROSS)
        x = (column * inches / NAMES_ACROSS - CATEGORY_INCHES + 0.15) / plot
        above = 12 * (content.name_rows - line) - 4
        _mark_at(axes, x, above, colour, marker)
        axes.annotate(
            _called(each),
            (x, 1.0),
            xycoords="axes fraction",
            xytext=(10, above),
            textcoords="offset points",
            va="center",
            fontsize=7.2,
            color=INK if each.pooled.value is not None else SOFT,
        )


def _called(each: Marked) -> str:
    name = each.series if len(each.series) <= 34 else f"{each.series[:33]}\u2026"
    return name if each.pooled.value is None else f"{name}  {each.pooled.value:.2f}"


def _mark_at(axes: Any, x: float, above: float, colour: str, marker: str) -> None:
    shifted = axes.transAxes + ScaledTranslation(3 / 72, above / 72, axes.figure.dpi_scale_trans)
    axes.plot(
        [x],
        [1.0],
        marker=marker,
        color=colour,
        markersize=5,
        linestyle="none",
        transform=shifted,
        clip_on=False,
    )
