"""Panels of lines, one above the other, with one quantity below all of them; columns side by side."""

from __future__ import annotations

from typing import Any

from studyapp.exports.figures import WIDTH, Stack
from studyapp.exports.line_drawing import NAMES_INCHES, draw_lines

_LEFT, _GAP, _BETWEEN, _HEAD = 0.62, 0.16, 0.22, 0.58


def draw_stack(canvas: Any, content: Stack, bottom: float) -> None:
    """Every panel in its place; rows share their axis. `bottom`: inches kept for the caption."""
    height = float(canvas.get_figheight())
    columns, rows = len(content.columns), len(content.rows)
    width = (WIDTH - _LEFT - NAMES_INCHES - _BETWEEN * (columns - 1)) / columns
    tall = (height - bottom - _HEAD - _GAP * (rows - 1)) / rows
    for place, panels in enumerate(content.rows):
        top = height - _HEAD - place * (tall + _GAP)
        drawn = []
        for column, panel in enumerate(panels):
            left = _LEFT + column * (width + _BETWEEN)
            axes = canvas.add_axes((left / WIDTH, (top - tall) / height, width / WIDTH, tall / height))
            draw_lines(axes, panel, named=False)
            drawn.append((axes, panel))
        highest = max(axes.get_ylim()[1] for axes, _ in drawn)
        for column, (axes, panel) in enumerate(drawn):
            axes.set_ylim(0, highest)
            _tidy(axes, panel.x_label, last=place == rows - 1, first_column=column == 0)
            if place == 0:
                axes.set_title(content.columns[column], fontsize=8.5, pad=4)
            if column == columns - 1:
                draw_lines(axes, panel, names_only=True)


def _tidy(axes: Any, x_label: str, *, last: bool, first_column: bool) -> None:
    axes.set_xlabel(x_label if last else "")
    axes.tick_params(axis="x", labelbottom=last)
    if not first_column:
        axes.set_ylabel("")
        axes.tick_params(axis="y", labelleft=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
