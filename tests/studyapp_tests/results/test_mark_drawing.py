"""Observers of one figure are told apart without colours, and what is pooled has its interval."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure as Canvas

from studyapp.exports.drawing import drawn
from studyapp.exports.figures import Bar, CategoryMarks, Figure, Marked
from studyapp.exports.mark_drawing import draw_marks, looks_of
from studyapp.exports.palette import INK


def observer(name: str, pooled: Bar, *, person: bool = False) -> Marked:
    return Marked(name, person, pooled, (Bar(0.2), Bar(None)), (Bar(0.9), Bar(0.8)))


def content(*, people: int, networks: int) -> CategoryMarks:
    each = [observer(f"p{number}", Bar(0.9, (0.8, 0.95)), person=True) for number in range(people)]
    each += [observer(f"n{number}", Bar(0.3, (0.2, 0.45))) for number in range(networks)]
    return CategoryMarks(categories=("cat", "dog"), series=tuple(each))


def test_no_two_observers_have_one_mark_or_one_colour_and_line() -> None:
    looks = looks_of(content(people=6, networks=34).series)
    assert len({(look.marker, look.fill) for look in looks}) == 40
    assert len({(look.colour, str(look.dash)) for look in looks}) == 40
    # The usual eight: the eighth has the first one's colour, and neither its line nor its mark.
    first, eighth = (looks_of(content(people=1, networks=7).series)[place] for place in (0, 7))
    assert first.colour == eighth.colour
    assert first.dash != eighth.dash
    assert first.marker != eighth.marker


def test_pooled_fractions_have_their_line_their_mark_and_their_interval() -> None:
    axes: Any = Canvas().add_subplot()
    draw_marks(axes, content(people=1, networks=1))
    intervals = [line for line in axes.lines if line.get_color() == INK]
    assert [tuple(line.get_xdata()) for line in intervals] == [(0.8, 0.95), (0.2, 0.45)]
    heights = [line.get_ydata()[0] for line in intervals]
    assert heights[0] > heights[1] > 1.5, "under one another, above the rows of the categories"
    for value, height in ((0.9, heights[0]), (0.3, heights[1])):
        (mark,) = [
            line
            for line in axes.lines
            if list(line.get_xdata()) == [value] and list(line.get_ydata()) == [height]
        ]
        assert mark.get_marker() not in ("None", "", None)
    labels = dict(zip((tick.get_text() for tick in axes.get_yticklabels()), axes.get_yticks(), strict=True))
    assert labels["all"] == pytest.approx(sum(heights) / 2)


def test_nobody_pooled_and_no_interval_are_drawn_as_well() -> None:
    axes: Any = Canvas().add_subplot()
    draw_marks(
        axes,
        CategoryMarks(("cat", "dog"), (observer("a", Bar(None)), observer("b", Bar(0.5)))),
    )
    assert not [line for line in axes.lines if line.get_color() == INK]


def test_the_same_observers_give_the_same_bytes_in_room_for_all() -> None:
    many = Figure("f", "Shape or texture", "c", content(people=2, networks=20))
    assert drawn(many, "svg") == drawn(many, "svg")
    few = Figure("f", "Shape or texture", "c", content(people=1, networks=1))
    assert many.inches[1] > few.inches[1] + 0.31 * 2
