"""Lines at few places: each is named on the axis and inside it, with its interval as a bar of its own."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from studyapp.exports.figures import Bar, Line, Lines
from studyapp.exports.line_drawing import draw_lines


def test_few_places_are_named_and_their_bars_do_not_hide_each_other() -> None:
    lines = tuple(
        Line(name, ((30.0, Bar(0.2, (0.1, 0.4))), (270.0, Bar(0.5, (0.3, 0.9)))))
        for name in ("flips", "stays")
    )
    axes = Figure().add_subplot()
    draw_lines(axes, Lines(lines=lines, x_label="d", y_label="%", few=True))
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["30", "270"]
    low, high = axes.get_xlim()
    assert low < 30
    assert high > 270
    bars = [line for line in axes.lines if list(line.get_xdata()) == [30.0, 30.0]]
    assert [list(bar.get_ydata()) for bar in bars] == [[pytest.approx(10), pytest.approx(40)]] * 2
    left, right = (bar.get_transform().transform((30.0, 0.0))[0] for bar in bars)
    assert right - left == pytest.approx(4 * axes.figure.dpi / 72)
