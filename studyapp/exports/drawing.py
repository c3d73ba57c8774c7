"""The drawing itself: matplotlib without a screen, the same bytes for the same numbers.

Text is drawn as paths, so that a page, a paper and another machine show the same picture.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from studyapp.exports.figures import WIDTH, Bar, BarGroups, CategoryMarks, Dots, Figure, Lines, Stack
from studyapp.exports.line_drawing import NAMES_INCHES, draw_lines
from studyapp.exports.mark_drawing import ACCURACY_INCHES, CATEGORY_INCHES, draw_marks
from studyapp.exports.palette import BEFORE, INK, OKABE_ITO, RULE, SOFT
from studyapp.exports.stacked_drawing import draw_stack

Format = Literal["svg", "png", "pdf"]

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # carried by matplotlib itself
    "font.size": 8.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "second-look",
    "path.simplify": False,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.6,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.5,
}
# Set once at import: rc_context would change what another thread draws at the same time.
mpl.rcParams.update(_STYLE)  # type: ignore[arg-type]  # its keys are typed as literals

PNG_DPI = 200

#: As many characters of a name have room under all bars of a figure together.
LABEL_CHARACTERS = 84

#: Above more bars than this their numbers would touch: the table and the file beside the figure have them.
MOST_NUMBERS = 24
SMALL = 5.8


def drawn(figure: Figure, file_format: Format) -> bytes:
    """The figure as an SVG, PNG or PDF file, without dates or versions in it."""
    canvas = Canvas(figsize=figure.inches, layout=None)
    FigureCanvasAgg(canvas)
    if isinstance(figure.content, Stack):
        draw_stack(canvas, figure.content, 0.52 + 0.155 * _words(canvas, figure))
        return _written(canvas, figure, file_format)
    axes = canvas.add_axes((0, 0, 1, 1))
    if isinstance(figure.content, BarGroups):
        _bars(axes, figure.content)
    elif isinstance(figure.content, Lines):
        draw_lines(axes, figure.content)
    elif isinstance(figure.content, CategoryMarks):
        draw_marks(axes, figure.content)
    else:
        _dots(axes, figure.content)
    _frame(canvas, axes, figure)
    return _written(canvas, figure, file_format)


def _written(canvas: Canvas, figure: Figure, file_format: Format) -> bytes:
    out = io.BytesIO()
    if file_format == "svg":
        canvas.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Title": figure.title})
    elif file_format == "pdf":
        nobody = {"CreationDate": None, "Creator": None, "Producer": None, "Title": figure.title}
        canvas.savefig(out, format="pdf", metadata=nobody)
    else:
        canvas.savefig(out, format="png", dpi=PNG_DPI, metadata={"Software": None, "Title": figure.title})
    return out.getvalue()


def _frame(canvas: Canvas, axes: Any, figure: Figure) -> None:
    """Title above, caption below, and a plot that fills what is left."""
    height = float(canvas.get_figheight())
    bottom = (0.52 + 0.155 * _words(canvas, figure)) / height
    left = figure.content.label_inches if isinstance(figure.content, Dots) else 0.62
    # The names of three series or more would run into the title: they get a line of their own.
    crowded = isinstance(figure.content, BarGroups) and len(figure.content.series) > 2
    head = 0.54 if crowded else 0.34
    right = NAMES_INCHES if isinstance(figure.content, Lines) else 0.35
    if isinstance(figure.content, CategoryMarks):
        left, right = CATEGORY_INCHES, ACCURACY_INCHES
        head = 0.42 + 0.17 * figure.content.name_rows
    axes.set_position((left / WIDTH, bottom, 1 - (left + right) / WIDTH, 1 - bottom - head / height))
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _words(canvas: Canvas, figure: Figure) -> int:
    """Write title and caption; how many lines the caption takes."""
    height = float(canvas.get_figheight())
    lines = _wrapped(figure.caption, 132)
    canvas.text(0.12 / WIDTH, 1 - 0.1 / height, figure.title, va="top", fontsize=9.5, fontweight="bold")
    for number, line in enumerate(reversed(lines)):
        canvas.text(0.12 / WIDTH, (0.08 + 0.155 * number) / height, line, va="bottom", fontsize=7, color=SOFT)
    return len(lines)


def _bars(axes: Any, content: BarGroups) -> None:
    """Groups of zero-based bars, the interval of each as a thin line, values written above."""
    highest = max((_top(bar) for group in content.groups for bar in group.bars), default=0.0)
    axes.set_ylim(0, 100 * highest * 1.16 or 1)
    series = len(content.series)
    width = 0.8 / max(series, 1)
    crowded = series > 3 or series * len(content.groups) > 20
    for position, group in enumerate(content.groups):
        for place, bar in enumerate(group.bars):
            x = position + (place - (series - 1) / 2) * width
            _bar(axes, bar, x, width * 0.92, _colour(content, position, place), small=crowded)
            if bar.value is not None and series * len(content.groups) <= MOST_NUMBERS:
                _number(axes, bar, x, small=crowded)
        if group.null is not None:
            axes.plot(
                [position - 0.46, position + 0.46],
                [100 * group.null] * 2,
                color=INK,
                linewidth=0.7,
                linestyle=(0, (4, 3)),
                zorder=4,
            )
    if any(group.null is not None for group in content.groups):
        last = next(i for i in reversed(range(len(content.groups))) if content.groups[i].null is not None)
        axes.annotate(
            content.null_label,
            (last + 0.47, 100 * float(content.groups[last].null or 0)),
            textcoords="offset points",
            xytext=(2, 0),
            va="center",
            fontsize=6.5,
            color=SOFT,
        )
    axes.set_xlim(-0.6, max(len(content.groups) - 1, 0) + (0.6 if not content.null_label else 0.95))
    _name_groups(axes, [group.label for group in content.groups])
    axes.tick_params(axis="x", length=0)
    axes.set_xlabel(content.x_label)
    axes.set_ylabel(content.y_label)
    axes.yaxis.grid(True, color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    _name_series(axes, content)


def _name_groups(axes: Any, labels: Sequence[str]) -> None:
    """Names under the bars, smaller where they would touch."""
    longest = max(map(len, labels), default=0)
    size = 8.5 if longest * len(labels) <= LABEL_CHARACTERS else 7.0
    axes.set_xticks(range(len(labels)), labels, fontsize=size)


def _bar(axes: Any, bar: Bar, x: float, width: float, colour: str, *, small: bool) -> None:
    if bar.value is None:
        if bar.bounds is not None:
            low, high = (100 * end for end in bar.bounds)
            axes.bar(
                x, high - low, width, bottom=low, color="none", edgecolor=colour, hatch="////", linewidth=0.6
            )
        else:
            axes.text(
                x,
                0,
                "withheld",
                rotation=90,
                ha="center",
                va="bottom",
                fontsize=SMALL if small else 7.0,
                color=SOFT,
            )
        return
    axes.bar(x, 100 * bar.value, width, color=colour, linewidth=0, zorder=2)
    if bar.bounds is not None and bar.bounds[0] < bar.bounds[1]:
        low, high = (100 * end for end in bar.bounds)
        axes.bar(
            x,
            high - low,
            width,
            bottom=low,
            color="none",
            edgecolor=INK,
            hatch="////",
            linewidth=0.4,
            zorder=3,
        )
    if bar.interval is not None:
        _whisker(axes, x, bar.interval, 0.05)


def _number(axes: Any, bar: Bar, x: float, *, small: bool) -> None:
    """The bar's value above it."""
    assert bar.value is not None
    axes.annotate(
        f"{100 * bar.value:.1f}" if small else f"{100 * bar.value:.2f}",
        (x, 100 * _top(bar)),
        textcoords="offset points",
        xytext=(0, 2),
        ha="center",
        fontsize=SMALL if small else 7.0,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        zorder=6,
    )


def _whisker(axes: Any, x: float, interval: tuple[float, float], half: float) -> None:
    low, high = (100 * end for end in interval)
    axes.plot([x, x], [low, high], color=INK, linewidth=0.8, zorder=5)
    for end in (low, high):
        axes.plot([x - half, x + half], [end, end], color=INK, linewidth=0.8, zorder=5)


def _top(bar: Bar) -> float:
    ends = [bar.value or 0.0, *(bar.bounds or ()), *(bar.interval or ())]
    return float(max(ends))


def _bottom(bar: Bar) -> float:
    ends = [bar.value or 0.0, *(bar.bounds or ()), *(bar.interval or ())]
    return float(min(ends))


def _colour(content: BarGroups, group: int, place: int) -> str:
    if content.first_is_before:
        return BEFORE if place == 0 else OKABE_ITO[(place - 1) % len(OKABE_ITO)]
    return OKABE_ITO[place % len(OKABE_ITO)]


def _name_series(axes: Any, content: BarGroups) -> None:
    """One line of names in the colour of their bars, inside the plot's top edge."""
    if len(content.series) < 2 and not content.first_is_before:
        return
    x = 1.0
    for place, name in reversed(list(enumerate(content.series))):
        colour = _colour(content, 0, place)
        text = axes.annotate(
            name,
            (x, 1.0),
            xycoords="axes fraction",
            ha="right",
            va="bottom",
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=7.5,
            color=SOFT if colour == BEFORE else colour,
            fontweight="bold",
        )
        renderer = axes.figure.canvas.get_renderer()
        x -= text.get_window_extent(renderer).width / (axes.figure.bbox.width * 0.86) + 0.03


def _dots(axes: Any, content: Dots) -> None:
    """One row per line: a point and its interval; the reference as a thin dashed line."""
    count = len(content.rows)
    colours = {name: OKABE_ITO[i % len(OKABE_ITO)] for i, name in enumerate(content.series)}
    for position, row in enumerate(content.rows):
        y = count - 1 - position
        if row.bar.interval is not None:
            axes.plot([100 * end for end in row.bar.interval], [y, y], color=INK, linewidth=0.8, zorder=3)
        if row.bar.bounds is not None:
            axes.plot([100 * end for end in row.bar.bounds], [y, y], color=RULE, linewidth=5, zorder=1)
        if row.bar.value is not None:
            axes.plot(100 * row.bar.value, y, "o", markersize=4.2, color=colours[row.series], zorder=4)
            axes.annotate(
                f"{100 * row.bar.value:.2f}".replace("-", "\u2212"),
                (100 * row.bar.value, y),
                textcoords="offset points",
                xytext=(0, 4),
                ha="center",
                fontsize=6.5,
            )
        elif row.bar.bounds is None:
            axes.text(0, y, " withheld", va="center", fontsize=6.5, color=SOFT)
    axes.set_yticks([count - 1 - i for i in range(count)], [row.label for row in content.rows])
    for tick, row in zip(axes.get_yticklabels(), content.rows, strict=True):
        tick.set_color(colours[row.series])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.7, count - 0.2)
    highest = max((_top(row.bar) for row in content.rows), default=0.0)
    lowest = min((_bottom(row.bar) for row in content.rows), default=0.0)
    if lowest < 0:
        axes.axvline(0, color=INK, linewidth=0.7, linestyle=(0, (4, 3)), zorder=2)
    room = 0.08 * 100 * (max(highest, 0.0) - lowest)
    right = 100 * max(highest, 0.0) + room if lowest < 0 else 100 * highest * 1.08
    axes.set_xlim(100 * lowest - room if lowest < 0 else 0, right or 1)
    axes.set_xlabel(content.x_label)
    axes.xaxis.grid(True, color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)


def _wrapped(text: str, width: int) -> Sequence[str]:
    lines: list[str] = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > width and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
